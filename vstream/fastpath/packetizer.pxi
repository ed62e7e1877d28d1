# Packetize: NAL units into a train (RFC 6184).

cdef enum:
    NAL_STAP_A = 24
    NAL_FU_A = 28
    SPS_IDS = 32
    PPS_IDS = 256


cdef struct parameter_set_t:
    uint8_t *data
    uint32_t length


cdef struct scan_t:
    # What one access unit holds, gathered while it is split.
    bint random_access
    bint has_sps
    bint has_pps
    bint has_slice


cdef int exp_golomb(const uint8_t *at, uint32_t length, uint32_t bit) noexcept nogil:
    """ue(v) at `bit` (ITU-T H.264 9.1); -1 where it does not end in time or exceeds 16 bits."""
    cdef uint32_t zeros = 0, value = 0, end = length * 8, i
    while bit < end and not (at[bit >> 3] >> (7 - (bit & 7))) & 1:
        zeros += 1
        bit += 1
    if zeros > 16 or bit + zeros >= end:
        return -1
    for i in range(zeros + 1):
        value = value << 1 | (at[bit >> 3] >> (7 - (bit & 7))) & 1
        bit += 1
    return <int>value - 1


cdef struct rbsp_t:
    # A NAL unit's payload, read without its emulation prevention bytes (ITU-T H.264 7.4.1).
    const uint8_t *at
    const uint8_t *end
    uint32_t zeros


cdef int rbsp_next(rbsp_t *reader) noexcept nogil:
    """The next byte; -1 at the end."""
    cdef uint8_t value
    if reader.zeros >= 2 and reader.at < reader.end and reader.at[0] == 3:
        reader.at += 1
        reader.zeros = 0
    if reader.at >= reader.end:
        return -1
    value = reader.at[0]
    reader.at += 1
    reader.zeros = 0 if value else reader.zeros + 1
    return value


cdef int64_t sei_number(rbsp_t *reader) noexcept nogil:
    """A payload type or size: bytes of 255 and one that is less, added up (7.3.2.3.1); -1 at the end."""
    cdef int64_t number = 0
    cdef int value = rbsp_next(reader)
    while value == 0xFF:
        number += value
        value = rbsp_next(reader)
    return -1 if value < 0 else number + value


cdef bint recovery_point(const uint8_t *at, uint32_t length) noexcept nogil:
    """Whether an SEI NAL unit has a recovery point message (payload type 6, ITU-T H.264 D.1.8)."""
    cdef rbsp_t reader = rbsp_t(at + 1, at + length, 0)
    cdef int64_t kind, size
    while reader.end - reader.at > 2:
        kind = sei_number(&reader)
        size = sei_number(&reader)
        if size < 0:
            return False
        if kind == 6:
            return True
        while size > 0 and rbsp_next(&reader) >= 0:
            size -= 1
    return False


cdef inline uint8_t *rtp_header(uint8_t *to, uint8_t payload_type, uint16_t sequence, uint32_t timestamp, uint32_t ssrc) noexcept nogil:
    to[0] = 0x80
    to[1] = payload_type
    to[2] = <uint8_t>(sequence >> 8)
    to[3] = <uint8_t>sequence
    put_timestamp(to, timestamp)
    to[8] = <uint8_t>(ssrc >> 24)
    to[9] = <uint8_t>(ssrc >> 16)
    to[10] = <uint8_t>(ssrc >> 8)
    to[11] = <uint8_t>ssrc
    return to + RTP_HEADER_BYTES


cdef inline bint aggregates(const nal_t *unit) noexcept nogil:
    """Parameter sets and SEI share a STAP-A; a slice never gains by one."""
    cdef uint8_t kind = unit.at[0] & 0x1F
    return kind == NAL_SEI or kind == NAL_SPS or kind == NAL_PPS


cdef class Packetizer:
    cdef uint32_t ssrc, payload_limit
    cdef uint64_t sequence  # of the next packet, with its wraps counted
    cdef uint8_t payload_type
    cdef readonly uint64_t generation
    cdef parameter_set_t sps_sets[SPS_IDS]
    cdef parameter_set_t pps_sets[PPS_IDS]
    cdef int leading_id  # of the SPS that came first in the newest access unit with any
    cdef nal_t *units
    cdef size_t unit_count, unit_room

    def __cinit__(self, *, uint32_t ssrc, int payload_type, int max_packet_bytes, int sequence):
        if not 0 <= payload_type < 128:
            raise ValueError(f"payload type {payload_type} is not within 0..127")
        if not 64 <= max_packet_bytes <= 65000:
            raise ValueError(f"packets of {max_packet_bytes} bytes are not within 64..65000")
        self.ssrc = ssrc
        self.payload_type = <uint8_t>payload_type
        self.payload_limit = max_packet_bytes - RTP_HEADER_BYTES
        self.sequence = <uint16_t>sequence

    def __dealloc__(self):
        cdef int i
        for i in range(SPS_IDS):
            free(self.sps_sets[i].data)
        for i in range(PPS_IDS):
            free(self.pps_sets[i].data)
        free(self.units)

    def packetize(self, data, timestamp):
        cdef Py_buffer view
        cdef train_t *built = NULL
        cdef uint32_t timestamp_ = timestamp & 0xFFFFFFFF
        cdef bint full = False, too_large
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        too_large = view.len > UNIT_BYTES_LIMIT
        if not too_large:
            with nogil:
                full = self.build(<const uint8_t *>view.buf, view.len, timestamp_, &built) < 0
        PyBuffer_Release(&view)
        if too_large:
            raise ValueError(f"an access unit of {view.len} bytes: more than {UNIT_BYTES_LIMIT}")
        if full:
            raise MemoryError(f"no memory for an access unit of {view.len} bytes")
        if built == NULL:
            return None
        train = <Train>Train.__new__(Train)
        train.c = built
        return train

    @property
    def sps(self):
        return tuple([(<const char *>entry.data)[:entry.length] for entry in self.sps_sets if entry.length])

    @property
    def leading_sps(self):
        entry = self.sps_sets[self.leading_id]
        return (<const char *>entry.data)[:entry.length] if entry.length else None

    @property
    def pps(self):
        return tuple([(<const char *>entry.data)[:entry.length] for entry in self.pps_sets if entry.length])

    @property
    def next_sequence(self):
        return <uint16_t>self.sequence

    cdef int append(self, const uint8_t *at, uint32_t length) noexcept nogil:
        cdef size_t room
        cdef nal_t *grown
        if self.unit_count == self.unit_room:
            room = self.unit_room * 2 if self.unit_room else 64
            grown = <nal_t *>realloc(self.units, room * sizeof(nal_t))
            if grown == NULL:
                return -1
            self.units = grown
            self.unit_room = room
        self.units[self.unit_count] = nal_t(at, length)
        self.unit_count += 1
        return 0

    cdef int remember(self, const uint8_t *at, uint32_t length, bint leads) noexcept nogil:
        """Keep a parameter set by its id: 1 where it is new or changed, 0 where known or of no valid id, -1 without memory.

        An SPS that `leads` is the first of its access unit.
        """
        cdef bint is_sps = at[0] & 0x1F == NAL_SPS
        cdef int number = exp_golomb(at, length, 32 if is_sps else 8)
        cdef parameter_set_t *entry
        cdef uint8_t *copy
        if number < 0 or number >= (SPS_IDS if is_sps else PPS_IDS):
            return 0
        if is_sps and leads and number != self.leading_id:
            self.leading_id = number
            self.generation += 1
        entry = &self.sps_sets[number] if is_sps else &self.pps_sets[number]
        if entry.length == length and memcmp(entry.data, at, length) == 0:
            return 0
        copy = <uint8_t *>malloc(length)
        if copy == NULL:
            return -1
        memcpy(copy, at, length)
        free(entry.data)
        entry.data = copy
        entry.length = length
        self.generation += 1
        return 1

    cdef int take(self, const uint8_t *at, uint32_t length, scan_t *scan) noexcept nogil:
        """Sort one NAL unit: remember it, keep it for sending, or drop it."""
        cdef uint8_t kind = at[0] & 0x1F
        cdef int changed
        if kind == 0 or NAL_AUD <= kind <= NAL_FILLER or kind >= NAL_STAP_A:
            return 0
        if kind == NAL_SPS or kind == NAL_PPS:
            changed = self.remember(at, length, not scan.has_sps)
            if changed < 0:
                return -1
            if not changed and scan.has_slice:  # repeated before each slice, it would make players split the picture
                return 0
            if kind == NAL_SPS:
                scan.has_sps = True
            else:
                scan.has_pps = True
        elif kind == NAL_SEI:
            scan.random_access |= recovery_point(at, length)
        elif kind <= NAL_IDR:
            scan.has_slice = True
            scan.random_access |= kind == NAL_IDR
        return self.append(at, length)

    cdef int scan(self, const uint8_t *data, Py_ssize_t size, scan_t *scan) noexcept nogil:
        cdef Py_ssize_t start = next_nal(data, size, 0), following, end
        memset(scan, 0, sizeof(scan_t))
        self.unit_count = 0
        while start >= 0:
            following = next_nal(data, size, start)
            end = nal_end(data, size, start, following)
            if end > start and self.take(data + start, <uint32_t>(end - start), scan) < 0:
                return -1
            start = following
        return 0

    cdef int prepend_parameter_sets(self) noexcept nogil:
        """Every parameter set in force before the access unit's own NAL units, each once."""
        cdef size_t own = self.unit_count, kept, i
        cdef uint8_t kind
        for i in range(<size_t>(SPS_IDS + PPS_IDS)):
            entry = &self.sps_sets[i] if i < <size_t>SPS_IDS else &self.pps_sets[i - SPS_IDS]
            if entry.length and self.append(entry.data, entry.length) < 0:
                return -1
        kept = own
        for i in range(own):
            kind = self.units[i].at[0] & 0x1F
            if kind != NAL_SPS and kind != NAL_PPS:
                if self.append(self.units[i].at, self.units[i].length) < 0:
                    return -1
        self.unit_count -= kept
        memmove(self.units, self.units + kept, self.unit_count * sizeof(nal_t))
        return 0

    cdef bint has_parameter_sets(self) noexcept nogil:
        cdef int i
        cdef bint sps = False, pps = False
        for i in range(SPS_IDS):
            sps |= self.sps_sets[i].length != 0
        for i in range(PPS_IDS):
            pps |= self.pps_sets[i].length != 0
        return sps and pps

    cdef int build(self, const uint8_t *data, Py_ssize_t size, uint32_t timestamp, train_t **built) noexcept nogil:
        """Access unit -> train; 0 and NULL where nothing is to be sent, -1 without memory."""
        cdef scan_t found
        cdef size_t i, plain_bytes = 0
        cdef uint32_t packets = 0, share
        cdef train_t *train
        if self.scan(data, size, &found) < 0:
            return -1
        if self.unit_count == 0:
            return 0
        found.random_access = found.random_access and found.has_slice and self.has_parameter_sets()
        if found.random_access and not (found.has_sps and found.has_pps):
            if self.prepend_parameter_sets() < 0:
                return -1
        for i in range(self.unit_count):
            share = self.units[i].length / (self.payload_limit - 2) + 1
            packets += share
            plain_bytes += self.units[i].length + share * (RTP_HEADER_BYTES + 3)
        train = train_new(packets, plain_bytes)
        if train == NULL:
            return -1
        train.unit_bytes = <uint32_t>size
        train.timestamp = timestamp
        train.first_sequence = self.sequence
        train.keyframe = found.random_access
        self.fill(train)
        built[0] = train
        return 0

    cdef void fill(self, train_t *train) noexcept nogil:
        cdef size_t i = 0, grouped
        while i < self.unit_count:
            grouped = self.group(i)
            if grouped > 1:
                self.put_stap_a(train, i, grouped)
            elif self.units[i].length <= self.payload_limit:
                self.put_single(train, &self.units[i])
            else:
                self.put_fu_a(train, &self.units[i])
            i += grouped
        train.plain[train.offsets[train.packet_count - 1] + 1] |= 0x80  # the marker: this access unit is complete
        lay_runs(train)

    cdef size_t group(self, size_t first) noexcept nogil:
        """How many NAL units from `first` on fit one STAP-A; at least 1."""
        cdef size_t i = first
        cdef uint32_t room = self.payload_limit - 1
        while i < self.unit_count and aggregates(&self.units[i]) and self.units[i].length + 2 <= room:
            room -= self.units[i].length + 2
            i += 1
        return i - first if i > first else 1

    cdef uint8_t *begin_packet(self, train_t *train) noexcept nogil:
        cdef uint8_t *at = train.plain + train.plain_bytes
        train.offsets[train.packet_count] = train.plain_bytes
        at = rtp_header(at, self.payload_type, <uint16_t>self.sequence, train.timestamp, self.ssrc)
        self.sequence += 1
        return at

    cdef void end_packet(self, train_t *train, uint8_t *end) noexcept nogil:
        train.plain_bytes = <uint32_t>(end - train.plain)
        train.packet_count += 1
        train.offsets[train.packet_count] = train.plain_bytes

    cdef void put_single(self, train_t *train, const nal_t *unit) noexcept nogil:
        """RFC 6184 section 5.6."""
        cdef uint8_t *to = self.begin_packet(train)
        memcpy(to, unit.at, unit.length)
        self.end_packet(train, to + unit.length)

    cdef void put_stap_a(self, train_t *train, size_t first, size_t count) noexcept nogil:
        """RFC 6184 section 5.7.1; F is any of its units', NRI the highest of them."""
        cdef uint8_t *to = self.begin_packet(train)
        cdef uint8_t *header = to
        cdef uint8_t forbidden = 0, importance = 0
        cdef const nal_t *unit
        cdef size_t i
        to += 1
        for i in range(first, first + count):
            unit = &self.units[i]
            forbidden |= unit.at[0] & 0x80
            importance = max(importance, unit.at[0] & 0x60)
            to[0] = <uint8_t>(unit.length >> 8)
            to[1] = <uint8_t>unit.length
            memcpy(to + 2, unit.at, unit.length)
            to += 2 + unit.length
        header[0] = forbidden | importance | NAL_STAP_A
        self.end_packet(train, to)

    cdef void put_fu_a(self, train_t *train, const nal_t *unit) noexcept nogil:
        """RFC 6184 section 5.8."""
        cdef const uint8_t *at = unit.at + 1
        cdef uint32_t left = unit.length - 1, part
        cdef uint8_t start = 0x80, end
        cdef uint8_t *to
        while left:
            part = min(left, self.payload_limit - 2)
            end = 0x40 if part == left else 0
            to = self.begin_packet(train)
            to[0] = (unit.at[0] & 0xE0) | NAL_FU_A
            to[1] = start | end | (unit.at[0] & 0x1F)
            memcpy(to + 2, at, part)
            self.end_packet(train, to + 2 + part)
            at += part
            left -= part
            start = 0


cdef void lay_runs(train_t *train) noexcept nogil:
    cdef uint32_t i, length
    cdef run_t *run = NULL
    cdef bint closed = True
    for i in range(train.packet_count):
        length = train.offsets[i + 1] - train.offsets[i]
        if closed or length > run.segment or run.count == SEGMENTS_LIMIT or run.bytes + length > RUN_BYTES_LIMIT:
            run = &train.runs[train.run_count]
            train.run_count += 1
            run[0] = run_t(i, 0, 0, <uint16_t>length)
        run.count += 1
        run.bytes += length
        closed = length < run.segment
