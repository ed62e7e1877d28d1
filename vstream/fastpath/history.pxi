# The newest trains, kept for those who lose a packet of them.

cdef enum:
    HISTORY_TRAINS = 256
    HISTORY_BYTES = 4 << 20


cdef struct sent_t:
    train_t *train
    int64_t at_us


cdef struct history_t:
    # A ring of references, so that a train that is kept costs nothing but staying in memory.
    sent_t sent[HISTORY_TRAINS]
    uint32_t first
    uint32_t count
    uint64_t bytes


cdef inline sent_t *history_at(history_t *history, uint32_t i) noexcept nogil:
    return &history.sent[(history.first + i) % HISTORY_TRAINS]


cdef void history_drop(history_t *history) noexcept nogil:
    """Forget the oldest train."""
    cdef train_t *train = history_at(history, 0).train
    history.bytes -= train.plain_bytes
    history.first = (history.first + 1) % HISTORY_TRAINS
    history.count -= 1
    train_release(train)


cdef void history_clear(history_t *history) noexcept nogil:
    while history.count:
        history_drop(history)


cdef void history_add(history_t *history, train_t *train, int64_t now_us, int64_t keep_us) noexcept nogil:
    """Keep the newest train, and forget what is too old or too much."""
    if history.count == HISTORY_TRAINS:
        history_drop(history)
    vs_retain(&train.refs)
    history.count += 1
    history_at(history, history.count - 1)[0] = sent_t(train, now_us)
    history.bytes += train.plain_bytes
    while history.count > 1 and (history.bytes > HISTORY_BYTES or history_at(history, 0).at_us < now_us - keep_us):
        history_drop(history)


cdef struct place_t:
    train_t *train
    uint32_t packet


cdef inline bint train_has(train_t *train, uint16_t sequence, place_t *found) noexcept nogil:
    found[0] = place_t(train, <uint16_t>(sequence - train.first_sequence))
    return found.packet < train.packet_count


cdef bint history_find(history_t *history, gop_t *gop, uint16_t sequence, place_t *found) noexcept nogil:
    """Find a packet by its sequence number, the newest first; a newcomer may lose one of the pictures it began with."""
    cdef uint32_t i
    for i in range(history.count):
        if train_has(history_at(history, history.count - 1 - i).train, sequence, found):
            return True
    for i in range(gop.count):
        if train_has(gop.trains[gop.count - 1 - i], sequence, found):
            return True
    return False
