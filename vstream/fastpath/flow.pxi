# What serving a viewer has in common: its queue, its limit, its counts.

cdef struct entry_t:
    train_t *train  # what it belongs to, if anything
    const uint8_t *at
    uint32_t length
    uint32_t packet  # UDP: the packet to send next
    bint owned  # `at` is its own, and freed with it


cdef struct queue_t:
    # A ring of what is still to be written, with room made at first need.
    entry_t *entries
    uint32_t first
    uint32_t count
    uint32_t room
    uint64_t bytes


cdef inline entry_t *queue_at(queue_t *queue, uint32_t i) noexcept nogil:
    return &queue.entries[(queue.first + i) % queue.room]


cdef int queue_push(queue_t *queue, entry_t entry) noexcept nogil:
    cdef uint32_t room, i
    cdef entry_t *grown
    if queue.count == queue.room:
        room = queue.room * 2 if queue.room else 4
        grown = <entry_t *>malloc(room * sizeof(entry_t))
        if grown == NULL:
            return -1
        for i in range(queue.count):
            grown[i] = queue_at(queue, i)[0]
        free(queue.entries)
        queue.entries = grown
        queue.first = 0
        queue.room = room
    queue.count += 1
    queue_at(queue, queue.count - 1)[0] = entry
    queue.bytes += entry.length
    if entry.train != NULL:
        vs_retain(&entry.train.refs)
    return 0


cdef void entry_free(entry_t *entry) noexcept nogil:
    if entry.train != NULL:
        train_release(entry.train)
    if entry.owned:
        free(<void *>entry.at)


cdef void queue_pop(queue_t *queue) noexcept nogil:
    cdef entry_t *entry = queue_at(queue, 0)
    queue.bytes -= entry.length
    entry_free(entry)
    queue.first = (queue.first + 1) % queue.room
    queue.count -= 1


cdef void queue_clear(queue_t *queue) noexcept nogil:
    while queue.count:
        queue_pop(queue)
    free(queue.entries)
    queue.entries = NULL
    queue.room = queue.first = 0


cdef uint32_t queue_drop_trains(queue_t *queue, uint32_t begun) noexcept nogil:
    """Drop the trains of which nothing was written; the first `begun` entries stay. Gives how many."""
    cdef uint32_t i, kept = begun, dropped = 0
    cdef entry_t *entry
    for i in range(begun, queue.count):
        entry = queue_at(queue, i)
        if entry.train == NULL:
            queue_at(queue, kept)[0] = entry[0]
            kept += 1
        else:
            queue.bytes -= entry.length
            entry_free(entry)
            dropped += 1
    queue.count = kept
    return dropped


cdef struct totals_t:
    # Of all viewers that a fanout has or had.
    uint64_t packets
    uint64_t octets
    uint64_t dropped
    uint64_t skipped  # of those dropped, what came between a loss and the next keyframe
    uint64_t retransmitted  # packets


cdef struct flow_t:
    # What a viewer's way of being served has in common, whatever its transport.
    totals_t *totals
    queue_t queue
    uint64_t limit_bytes
    uint64_t allowance_bytes  # the cached pictures a viewer began with do not count against its limit
    uint64_t packets_sent
    uint64_t octets_sent
    uint64_t units_sent
    uint64_t units_dropped
    int64_t progress_us
    int error
    bint awaiting_keyframe
    uint64_t resumed_sequence  # where the newest keyframe that it awaited begins; what was before is no use to it
    int64_t begun_us  # when it was given its first keyframe since it joined
    bint begun  # it has had a keyframe; before that, nothing it misses counts as dropped
    bint joined  # a fanout points to it


cdef inline void flow_dropped(flow_t *flow, uint32_t units) noexcept nogil:
    if flow.begun and units:
        flow.units_dropped += units
        vs_count(&flow.totals.dropped, units)


cdef inline void flow_lost(flow_t *flow) noexcept nogil:
    """One access unit is lost to this viewer, who goes on with the next keyframe."""
    flow_dropped(flow, 1)
    flow.awaiting_keyframe = True


cdef inline uint64_t flow_limit(flow_t *flow) noexcept nogil:
    """What may be queued now: a picture larger than the limit does not count where it is first or has an allowance.

    Else all that comes while it is written would be lost, and the viewer be shown keyframes alone.
    """
    cdef uint32_t first = queue_at(&flow.queue, 0).length if flow.queue.count else 0
    return flow.limit_bytes + max(flow.allowance_bytes, <uint64_t>first if first > flow.limit_bytes else 0)


cdef bint flow_admits(flow_t *flow, train_t *train, uint32_t length, uint32_t written) noexcept nogil:
    """Whether a viewer gets this train: from a keyframe on, and within its queue's limit, else from the next one on.

    A keyframe beyond the limit takes the place of all that waits, however large it is. `written` says how far the
    first entry of the queue has been written; one that has begun is never dropped.
    """
    if flow.awaiting_keyframe and not train.keyframe:
        flow_dropped(flow, 1)
        if flow.begun:
            vs_count(&flow.totals.skipped, 1)
        return False
    if flow.queue.count and flow.queue.bytes + length > flow_limit(flow):
        flow_dropped(flow, queue_drop_trains(&flow.queue, 1 if written else 0))
        flow.allowance_bytes = 0
        if not train.keyframe or flow.queue.bytes > flow_limit(flow):
            flow_lost(flow)
            return False
        if flow.queue.count and length > flow.limit_bytes:
            flow.allowance_bytes = length
    if flow.awaiting_keyframe:
        flow.awaiting_keyframe = False
        flow.resumed_sequence = train.first_sequence
    if not flow.begun:
        flow.begun = True
        flow.begun_us = vs_now_us()
    return True


cdef inline void flow_sent(flow_t *flow, uint32_t packets, uint64_t octets) noexcept nogil:
    flow.packets_sent += packets
    flow.octets_sent += octets
    vs_count(&flow.totals.packets, packets)
    vs_count(&flow.totals.octets, octets)


cdef void flow_join(flow_t *flow, totals_t *totals) noexcept nogil:
    flow.totals = totals
    flow.allowance_bytes = 0
    flow.awaiting_keyframe = True
    flow.begun = False
    flow.joined = True


cdef object flow_stalled_us(flow_t *flow):
    """How long the queue has made no progress; 0 with nothing queued."""
    return max(0, vs_now_us() - flow.progress_us) if flow.queue.count else 0


cdef class Writer:
    """How a viewer is served, whatever its transport."""

    cdef flow_t *flow
    cdef Fanout fanout  # the last one joined; its totals count what this writer still sends

    @property
    def queued_bytes(self):
        return self.flow.queue.bytes

    @property
    def stalled_us(self):
        return flow_stalled_us(self.flow)

    @property
    def packets_sent(self):
        return self.flow.packets_sent

    @property
    def octets_sent(self):
        return self.flow.octets_sent

    @property
    def units_sent(self):
        return self.flow.units_sent

    @property
    def units_dropped(self):
        return self.flow.units_dropped

    @property
    def awaiting_keyframe(self):
        return self.flow.awaiting_keyframe != 0

    @property
    def begun_us(self):
        return self.flow.begun_us if self.flow.begun else 0

    @property
    def error(self):
        return self.flow.error
