# Send: one train to every viewer.

cdef enum:
    DELAY_STEP_US = 10
    DELAY_STEPS = 4096


cdef struct play_t:
    train_t *train
    int64_t due_us
    int64_t late_us
    int64_t writing_us


cdef void play_later(play_t *plan, uint32_t count, int64_t by_us) noexcept nogil:
    cdef uint32_t i
    for i in range(count):
        plan[i].due_us += by_us
        train_postpone(plan[i].train, by_us)


cdef class Fanout:
    """Hands each train to every viewer, on the thread that brings it, waiting for none."""

    cdef pthread_mutex_t lock
    cdef tcp_t **tcp
    cdef udp_t **udp
    cdef uint32_t tcp_count, udp_count, tcp_room, udp_room, udp_turn
    cdef batch_t *batch
    cdef gop_t gop
    cdef uint64_t gop_limit_bytes
    cdef history_t history
    cdef int64_t history_us
    cdef readonly uint64_t units, unit_bytes, keyframes
    cdef totals_t totals
    cdef uint64_t delays[DELAY_STEPS]
    cdef int64_t worst_delay_us
    cdef readonly int64_t newest_us
    cdef set writers  # holds what the arrays above point into

    def __cinit__(self, *, uint64_t gop_limit_bytes, int64_t history_us=0):
        pthread_mutex_init(&self.lock, NULL)
        self.gop_limit_bytes = gop_limit_bytes
        self.history_us = history_us
        self.writers = set()

    def __dealloc__(self):
        gop_clear(&self.gop)
        history_clear(&self.history)
        free(self.gop.trains)
        free(self.tcp)
        free(self.udp)
        free(self.batch)
        pthread_mutex_destroy(&self.lock)

    def publish(self, Train train, int64_t handed_us):
        cdef bint backlog
        with nogil:
            backlog = self.send(train.c, handed_us)
        return backlog

    def play(self, list trains, list due_us, Pacer pacer, uint32_t begin):
        cdef uint32_t count = <uint32_t>len(trains), at = begin, i
        cdef int64_t moved_us = 0, taken_us, late_us
        cdef play_t *plan
        cdef bint backlog = False
        if not begin < count == <uint32_t>len(due_us):
            raise ValueError(f"{len(due_us)} times for {count} trains, from number {begin} on")
        plan = <play_t *>malloc(count * sizeof(play_t))
        if plan == NULL:
            raise MemoryError(f"no memory to play {count} trains")
        try:
            for i in range(begin, count):
                plan[i].train = (<Train?>trains[i]).c
                plan[i].due_us = due_us[i]
            with nogil:
                self.frame_ahead(plan + begin, count - begin)
                while at < count and not backlog and pacer.wait(plan[at].due_us):
                    taken_us = vs_now_us()
                    late_us = taken_us - plan[at].due_us
                    if late_us > pacer.lag_limit_us:
                        play_later(plan + at, count - at, late_us)
                        moved_us += late_us
                    backlog = self.send(plan[at].train, taken_us)
                    plan[at].late_us = taken_us - plan[at].due_us
                    plan[at].writing_us = self.newest_us - taken_us
                    at += 1
            return [(plan[i].late_us, plan[i].writing_us) for i in range(begin, at)], moved_us, backlog
        finally:
            free(plan)

    cdef void frame_ahead(self, play_t *plan, uint32_t count) noexcept nogil:
        """Make the framing for TCP of one viewer, which is nearly always that of all."""
        cdef uint32_t i
        pthread_mutex_lock(&self.lock)
        if self.tcp_count:
            for i in range(count):
                train_framed(plan[i].train, self.tcp[0].channel, self.tcp[0].websocket)
        pthread_mutex_unlock(&self.lock)

    cdef bint send(self, train_t *train, int64_t handed_us) noexcept nogil:
        """To every viewer; whether a UDP viewer has a backlog now."""
        cdef bint backlog
        pthread_mutex_lock(&self.lock)
        self.units += 1
        self.unit_bytes += train.unit_bytes
        self.keyframes += train.keyframe
        gop_add(&self.gop, train, self.gop_limit_bytes)
        if self.udp_count:
            history_add(&self.history, train, vs_now_us(), self.history_us)
        backlog = self.deliver(train)
        self.newest_us = vs_now_us()
        self.note_delay(self.newest_us - handed_us)
        pthread_mutex_unlock(&self.lock)
        return backlog

    cdef bint deliver(self, train_t *train) noexcept nogil:
        cdef uint32_t i
        cdef bint backlog = False
        if self.udp_count:
            self.send_backlogs(False)  # what waits goes before what is new
            for i in range(self.udp_count):
                self.deliver_udp(self.udp[i], train)
            batch_send(self.batch)
            backlog = self.send_backlogs(False)
        for i in range(self.tcp_count):
            tcp_deliver(self.tcp[i], train, False)
        return backlog

    cdef bint send_backlogs(self, bint paced) noexcept nogil:
        """Send one burst of each UDP viewer's backlog; whether any is left.

        A long one, that a viewer began with, goes on in the paced turns alone. When the socket is full everyone
        waits, and the next turn begins with the viewer who would have been served now.
        """
        cdef uint32_t i, at, first = self.udp_turn
        cdef uint64_t served
        cdef bint left = False, full = False
        cdef udp_t *udp
        for i in range(self.udp_count):
            at = (first + i) % self.udp_count
            udp = self.udp[at]
            if udp.flow.queue.count and not full and (paced or not udp.flow.allowance_bytes):
                served = udp.flow.packets_sent
                full = udp_flush(udp, self.batch)
                if full:
                    self.udp_turn = at + (udp.flow.packets_sent != served)
            left |= udp.flow.queue.count != 0
        return left

    cdef void deliver_udp(self, udp_t *udp, train_t *train) noexcept nogil:
        cdef uint32_t packet = 0
        cdef uint32_t run = 0
        cdef uint32_t begun = queue_at(&udp.flow.queue, 0).packet if udp.flow.queue.count else 0
        cdef bint resumes = udp.flow.awaiting_keyframe and not udp.flow.queue.count
        if not flow_admits(&udp.flow, train, train.plain_bytes, begun):
            return
        if resumes and udp.srtp != NULL:
            udp.srtp.resuming = True
        if udp.flow.queue.count or udp.srtp != NULL:  # what is encrypted leaves as backlogs do, each viewer's by itself
            udp_queue(udp, train, 0)
            return
        while packet < train.packet_count:
            if self.batch.count == BATCH:
                batch_send(self.batch)
                if udp.flow.queue.count or udp.flow.awaiting_keyframe:
                    return  # the rest of the train is queued, or lost
            if udp.segmentation:
                batch_add(self.batch, udp, train, train.runs[run])
                packet += train.runs[run].count
                run += 1
            else:
                batch_add(self.batch, udp, train, run_of_one(train, packet))
                packet += 1

    cdef int admit(self, Writer writer) except -1:
        if writer.flow.joined:
            raise ValueError("the writer has joined; it must leave first")
        writer.fanout = self
        return 0

    def join_tcp(self, TcpWriter writer, *, uint8_t channel, bint cached):
        cdef uint32_t i
        cdef bint full
        self.admit(writer)
        with nogil:
            pthread_mutex_lock(&self.lock)
            full = self.add_tcp(&writer.c) < 0
            if not full:
                pthread_mutex_lock(&writer.c.lock)
                writer.c.channel = channel
                flow_join(&writer.c.flow, &self.totals)
                pthread_mutex_unlock(&writer.c.lock)
                if cached:
                    for i in range(self.gop.count):
                        tcp_deliver(&writer.c, self.gop.trains[i], True)
            pthread_mutex_unlock(&self.lock)
        if full:
            raise MemoryError("no memory for another viewer")
        self.writers.add(writer)

    def join_udp(self, UdpWriter writer, *, bint cached):
        cdef uint32_t i
        cdef bint full
        self.admit(writer)
        with nogil:
            pthread_mutex_lock(&self.lock)
            full = self.add_udp(&writer.c) < 0
            if not full:
                flow_join(&writer.c.flow, &self.totals)
                if writer.c.srtp != NULL:
                    writer.c.srtp.joining = True
                if cached:
                    for i in range(self.gop.count):
                        writer.c.flow.allowance_bytes += self.gop.trains[i].plain_bytes
                        if flow_admits(&writer.c.flow, self.gop.trains[i], 0, 0):
                            udp_queue(&writer.c, self.gop.trains[i], 0)
                    udp_flush(&writer.c, self.batch)
            pthread_mutex_unlock(&self.lock)
        if full:
            raise MemoryError("no memory for another viewer")
        self.writers.add(writer)

    def leave_tcp(self, TcpWriter writer):
        cdef uint32_t i
        if writer.fanout is not self or not writer.c.flow.joined:
            return
        with nogil:
            pthread_mutex_lock(&self.lock)
            for i in range(self.tcp_count):
                if self.tcp[i] == &writer.c:
                    self.tcp_count -= 1
                    self.tcp[i] = self.tcp[self.tcp_count]
                    break
            pthread_mutex_lock(&writer.c.lock)
            queue_drop_trains(&writer.c.flow.queue, 1 if tcp_begun(&writer.c) else 0)
            writer.c.flow.joined = False
            pthread_mutex_unlock(&writer.c.lock)
            pthread_mutex_unlock(&self.lock)
        self.writers.discard(writer)

    def leave_udp(self, UdpWriter writer):
        cdef uint32_t i
        if writer.fanout is not self or not writer.c.flow.joined:
            return
        with nogil:
            pthread_mutex_lock(&self.lock)
            for i in range(self.udp_count):
                if self.udp[i] == &writer.c:
                    self.udp_count -= 1
                    self.udp[i] = self.udp[self.udp_count]
                    break
            queue_clear(&writer.c.flow.queue)
            writer.c.flow.joined = False
            if not self.udp_count:
                history_clear(&self.history)
            pthread_mutex_unlock(&self.lock)
        self.writers.discard(writer)

    cdef int add_tcp(self, tcp_t *tcp) noexcept nogil:
        cdef uint32_t room = self.tcp_room * 2 if self.tcp_room else 16
        cdef tcp_t **grown
        if self.tcp_count == self.tcp_room:
            grown = <tcp_t **>realloc(self.tcp, room * sizeof(tcp_t *))
            if grown == NULL:
                return -1
            self.tcp = grown
            self.tcp_room = room
        self.tcp[self.tcp_count] = tcp
        self.tcp_count += 1
        return 0

    cdef int add_udp(self, udp_t *udp) noexcept nogil:
        cdef uint32_t room = self.udp_room * 2 if self.udp_room else 16
        cdef udp_t **grown
        if self.batch == NULL:
            self.batch = <batch_t *>calloc(1, sizeof(batch_t))
            if self.batch == NULL:
                return -1
        if self.udp_count == self.udp_room:
            grown = <udp_t **>realloc(self.udp, room * sizeof(udp_t *))
            if grown == NULL:
                return -1
            self.udp = grown
            self.udp_room = room
        self.udp[self.udp_count] = udp
        self.udp_count += 1
        return 0

    def flush_udp(self):
        cdef bint left
        with nogil:
            pthread_mutex_lock(&self.lock)
            left = self.send_backlogs(True)
            pthread_mutex_unlock(&self.lock)
        return left

    def retransmit(self, UdpWriter writer, list sequences):
        cdef uint16_t wanted[NACKS_LIMIT]
        cdef uint32_t count = <uint32_t>min(len(sequences), NACKS_LIMIT), i
        cdef uint64_t before = writer.c.packets_retransmitted
        cdef place_t lost
        for i in range(count):
            wanted[i] = sequences[i]
        if writer.fanout is not self or not writer.c.flow.joined or writer.c.srtp != NULL:
            return 0
        with nogil:
            pthread_mutex_lock(&self.lock)
            retransmit_earn(&writer.c)
            for i in range(count):
                if history_find(&self.history, &self.gop, wanted[i], &lost):
                    if not retransmit_one(&writer.c, lost, self.batch):
                        break
            pthread_mutex_unlock(&self.lock)
        return writer.c.packets_retransmitted - before

    def interrupt(self):
        cdef uint32_t i
        with nogil:
            pthread_mutex_lock(&self.lock)
            gop_clear(&self.gop)
            history_clear(&self.history)
            for i in range(self.udp_count):
                self.udp[i].flow.awaiting_keyframe = True
            for i in range(self.tcp_count):
                pthread_mutex_lock(&self.tcp[i].lock)
                self.tcp[i].flow.awaiting_keyframe = True
                pthread_mutex_unlock(&self.tcp[i].lock)
            pthread_mutex_unlock(&self.lock)

    def cached(self):
        cdef uint16_t sequence = 0
        cdef uint32_t timestamp = 0
        cdef int64_t begun_us = 0
        cdef bint any_ = False
        with nogil:
            pthread_mutex_lock(&self.lock)
            if self.gop.count:
                any_ = True
                sequence = <uint16_t>self.gop.trains[0].first_sequence
                timestamp = self.gop.trains[0].timestamp
                begun_us = self.gop.begun_us
            pthread_mutex_unlock(&self.lock)
        return (sequence, timestamp, begun_us) if any_ else None

    cdef void note_delay(self, int64_t delay_us) noexcept nogil:
        cdef int64_t step = max(0, delay_us) // DELAY_STEP_US
        self.delays[min(step, DELAY_STEPS - 1)] += 1
        self.worst_delay_us = max(self.worst_delay_us, delay_us)

    def delay_us(self, double share):
        cdef uint64_t seen = 0
        cdef uint64_t wanted = <uint64_t>(share * self.units)
        cdef uint32_t step
        for step in range(DELAY_STEPS - 1):
            seen += self.delays[step]
            if seen > wanted:
                return min((step + 1) * DELAY_STEP_US, self.worst_delay_us)
        return self.worst_delay_us

    @property
    def packets_sent(self):
        return self.totals.packets

    @property
    def octets_sent(self):
        return self.totals.octets

    @property
    def packets_retransmitted(self):
        return self.totals.retransmitted

    @property
    def units_dropped(self):
        return self.totals.dropped

    @property
    def units_skipped(self):
        return self.totals.skipped
