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


cdef inline bint train_has(train_t *train, uint64_t number, place_t *found) noexcept nogil:
    found[0] = place_t(train, <uint32_t>(number - train.first_sequence))
    return number >= train.first_sequence and number - train.first_sequence < train.packet_count


cdef inline uint64_t number_up_to(const train_t *newest, uint16_t sequence) noexcept nogil:
    """The newest packet of that sequence number, with wraps counted, that is no newer than the train."""
    cdef uint64_t last = newest.first_sequence + newest.packet_count - 1
    return last - <uint16_t>(last - sequence)


cdef inline train_t *kept_at(history_t *history, gop_t *gop, uint32_t i) noexcept nogil:
    """A train of the history, or of the GOP where that is NULL."""
    return history_at(history, i).train if history != NULL else gop.trains[i]


cdef bint kept_has(history_t *history, gop_t *gop, uint32_t count, uint16_t sequence, place_t *found) noexcept nogil:
    """Find a packet in the history, or in the GOP where that is NULL, of so many trains.

    They are kept in their order, so that asking for what is not there costs little however many they are.
    """
    cdef uint32_t low = 0, high = count, middle
    cdef uint64_t number
    if not count:
        return False
    number = number_up_to(kept_at(history, gop, count - 1), sequence)
    while high - low > 1:
        middle = (low + high) // 2
        if kept_at(history, gop, middle).first_sequence <= number:
            low = middle
        else:
            high = middle
    return train_has(kept_at(history, gop, low), number, found)


cdef bint history_find(history_t *history, gop_t *gop, uint16_t sequence, place_t *found) noexcept nogil:
    """Find a packet by its sequence number, the newest first; a newcomer may lose one of the pictures it began with."""
    return kept_has(history, NULL, history.count, sequence, found) or kept_has(NULL, gop, gop.count, sequence, found)
