# One train of RTP packets, and its framing for TCP (RFC 3550 section 5.1, RFC 2326 section 10.12, RFC 6455 section 5).

cdef enum:
    RTP_HEADER_BYTES = 12
    CLOCK_RATE_HZ = 90000
    FRAMING_BYTES = 4
    FRAMINGS_LIMIT = 4
    WEBSOCKET_BINARY = 0x82  # the first byte of a message in one frame
    WEBSOCKET_HEADER_LIMIT = 10
    SEGMENTS_LIMIT = 64  # UDP_MAX_SEGMENTS of kernels before 6.9
    RUN_BYTES_LIMIT = 65000  # an IP datagram's 64 KiB, less headers
    UNIT_BYTES_LIMIT = 1 << 28  # so that its packets' bytes count in 32 bits


cdef struct run_t:
    # Consecutive packets of one size, the last one maybe shorter: what a single UDP_SEGMENT send takes.
    uint32_t first
    uint32_t count
    uint32_t bytes
    uint16_t segment


cdef struct framed_t:
    framed_t *next
    uint8_t channel
    bint websocket
    uint32_t length
    uint8_t *data


cdef struct train_t:
    uint32_t refs
    uint32_t packet_count
    uint32_t run_count
    uint32_t plain_bytes
    uint32_t unit_bytes  # of the access unit it was made of
    uint32_t timestamp
    uint64_t first_sequence  # with its wraps counted, so that it tells which of two trains is older
    bint keyframe
    uint8_t *plain  # the packets back to back
    uint32_t *offsets  # of each packet in `plain`, and the end
    run_t *runs
    framed_t *framed  # the same packets framed for TCP, one copy for each framing in use


cdef inline void put_timestamp(uint8_t *header, uint32_t timestamp) noexcept nogil:
    header[4] = <uint8_t>(timestamp >> 24)
    header[5] = <uint8_t>(timestamp >> 16)
    header[6] = <uint8_t>(timestamp >> 8)
    header[7] = <uint8_t>timestamp


cdef void train_drop_framed(train_t *train) noexcept nogil:
    cdef framed_t *framed
    while train.framed != NULL:
        framed = train.framed
        train.framed = framed.next
        free(framed)


cdef void train_release(train_t *train) noexcept nogil:
    if vs_release(&train.refs):
        return
    train_drop_framed(train)
    free(train.plain)
    free(train)


cdef void train_postpone(train_t *train, int64_t by_us) noexcept nogil:
    """Make later the timestamp of a train that nobody was given yet."""
    cdef uint32_t i
    train.timestamp += <uint32_t>(by_us * CLOCK_RATE_HZ // 1000000)
    for i in range(train.packet_count):
        put_timestamp(train.plain + train.offsets[i], train.timestamp)
    train_drop_framed(train)


cdef train_t *train_new(uint32_t packets, size_t plain_bytes) noexcept nogil:
    cdef size_t head = (sizeof(train_t) + 15) & ~<size_t>15
    cdef train_t *train = <train_t *>malloc(head + packets * sizeof(run_t) + (packets + 1) * sizeof(uint32_t))
    if train == NULL:
        return NULL
    memset(train, 0, sizeof(train_t))
    train.refs = 1
    train.runs = <run_t *>(<uint8_t *>train + head)
    train.offsets = <uint32_t *>(train.runs + packets)
    train.plain = <uint8_t *>malloc(plain_bytes)
    if train.plain == NULL:
        free(train)
        return NULL
    return train


cdef inline uint32_t websocket_header(uint8_t *to, uint32_t length) noexcept nogil:
    """The header of a binary message from a server; gives its size (RFC 6455 section 5.2)."""
    cdef uint32_t i
    to[0] = WEBSOCKET_BINARY
    if length < 126:
        to[1] = <uint8_t>length
        return 2
    if length < 65536:
        to[1] = 126
        to[2] = <uint8_t>(length >> 8)
        to[3] = <uint8_t>length
        return 4
    to[1] = 127
    for i in range(8):
        to[2 + i] = <uint8_t>(<uint64_t>length >> (56 - 8 * i))
    return WEBSOCKET_HEADER_LIMIT


cdef inline size_t framed_limit(const train_t *train, bint websocket) noexcept nogil:
    """The most that the train takes once framed; without WebSocket it takes just that."""
    cdef size_t framing = FRAMING_BYTES + (WEBSOCKET_HEADER_LIMIT if websocket else 0)
    return train.plain_bytes + train.packet_count * framing


cdef inline uint64_t payload_octets(const train_t *train) noexcept nogil:
    return train.plain_bytes - <uint64_t>train.packet_count * RTP_HEADER_BYTES


cdef uint32_t frame_train(const train_t *train, uint8_t channel, bint websocket, uint8_t *to) noexcept nogil:
    """Each packet behind its framing, with WebSocket as a message of its own; gives how many bytes all took."""
    cdef uint8_t *begin = to
    cdef uint32_t i, length
    for i in range(train.packet_count):
        length = train.offsets[i + 1] - train.offsets[i]
        if websocket:
            to += websocket_header(to, FRAMING_BYTES + length)
        to[0] = 0x24
        to[1] = channel
        to[2] = <uint8_t>(length >> 8)
        to[3] = <uint8_t>length
        memcpy(to + FRAMING_BYTES, train.plain + train.offsets[i], length)
        to += FRAMING_BYTES + length
    return <uint32_t>(to - begin)


cdef const framed_t *train_framed(train_t *train, uint8_t channel, bint websocket) noexcept nogil:
    """The train framed for `channel`, made at first need and kept as long as the train. The fanout's lock is held.

    NULL without memory, and where viewers already use as many framings as are shared: nobody can make the server keep
    a copy for each of 256 channels.
    """
    cdef framed_t *framed = train.framed
    cdef uint32_t shared = 0
    while framed != NULL:
        if framed.channel == channel and framed.websocket == websocket:
            return framed
        framed = framed.next
        shared += 1
    if shared == FRAMINGS_LIMIT:
        return NULL
    framed = <framed_t *>malloc(sizeof(framed_t) + framed_limit(train, websocket))
    if framed == NULL:
        return NULL
    framed.channel = channel
    framed.websocket = websocket
    framed.data = <uint8_t *>(framed + 1)
    framed.length = frame_train(train, channel, websocket, framed.data)
    framed.next = train.framed
    train.framed = framed
    return framed


cdef class Train:
    cdef train_t *c

    def __dealloc__(self):
        if self.c != NULL:
            train_release(self.c)

    @property
    def keyframe(self):
        return self.c.keyframe != 0

    @property
    def timestamp(self):
        return self.c.timestamp

    @property
    def first_sequence(self):
        return <uint16_t>self.c.first_sequence

    @property
    def packet_count(self):
        return self.c.packet_count

    def postpone(self, int64_t by_us):
        train_postpone(self.c, by_us)

    def packets(self):
        cdef const char *plain = <const char *>self.c.plain
        cdef uint32_t *offsets = self.c.offsets
        return [plain[offsets[i]:offsets[i + 1]] for i in range(self.c.packet_count)]

    def interleaved(self, uint8_t channel):
        framed = PyBytes_FromStringAndSize(NULL, framed_limit(self.c, False))
        frame_train(self.c, channel, False, <uint8_t *>PyBytes_AS_STRING(framed))
        return framed
