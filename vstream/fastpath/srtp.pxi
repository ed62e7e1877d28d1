# SRTP: one viewer's media and RTCP, encrypted and authenticated (RFC 3711), by OpenSSL's AES and SHA-1.

cdef enum:
    MASTER_KEY_BYTES = 16
    SALT_BYTES = 14
    AUTH_KEY_BYTES = 20
    SHA1_BYTES = 20
    COUNTER_BYTES = 16
    RTCP_TAG_BYTES = 10  # of either suite (RFC 4568 section 6.2)
    RTCP_HEADER_BYTES = 8
    RTCP_INDEX_BYTES = 4
    REPLAY_WINDOW = 64  # RFC 3711 section 3.3.2
    SEALED_BYTES_LIMIT = 65487  # what UDP carries over IPv4 and IPv6
    FIRST_INDEX = 1

cdef uint32_t RTCP_ENCRYPTED = 0x80000000


cdef struct cryptor_t:
    # One direction of RTP or of RTCP: its session keys (RFC 3711 section 4.3).
    void *cipher
    void *mac
    uint8_t salt[SALT_BYTES]


cdef struct srtp_t:
    cryptor_t rtp
    cryptor_t rtcp_out
    cryptor_t rtcp_in
    uint32_t tag_bytes
    bint joining  # the next train begins where the last one that was sent ended
    bint resuming  # what was dropped before the next train is to leave a gap of one number
    uint64_t shift  # from a packet's sequence number to the viewer's
    uint64_t next_index
    uint32_t rtcp_index
    uint32_t heard_highest
    uint64_t heard  # bit n: RTCP number heard_highest - n has come


cdef void counter_of(const uint8_t *salt, const uint8_t *ssrc, uint64_t index, uint8_t *counter) noexcept nogil:
    """The first counter block of a packet (RFC 3711 section 4.1.1)."""
    cdef int i
    memset(counter, 0, COUNTER_BYTES)
    memcpy(counter, salt, SALT_BYTES)
    for i in range(4):
        counter[4 + i] ^= ssrc[i]
    for i in range(6):
        counter[8 + i] ^= <uint8_t>(index >> (40 - 8 * i))


cdef bint crypt(cryptor_t *cryptor, const uint8_t *ssrc, uint64_t index, const uint8_t *data, uint8_t *to, uint32_t length) noexcept nogil:
    """Encrypt or decrypt, which in counter mode is the same."""
    cdef uint8_t counter[COUNTER_BYTES]
    cdef int written = 0
    counter_of(cryptor.salt, ssrc, index, counter)
    return (vs_openssl.EVP_EncryptInit_ex(cryptor.cipher, NULL, NULL, NULL, counter) == 1 and
            vs_openssl.EVP_EncryptUpdate(cryptor.cipher, to, &written, data, <int>length) == 1)


cdef bint authenticate(cryptor_t *cryptor, const uint8_t *data, uint32_t length, const uint8_t *more, uint32_t more_length, uint8_t *tag) noexcept nogil:
    cdef unsigned int written = 0
    return (vs_openssl.HMAC_Init_ex(cryptor.mac, NULL, 0, NULL, NULL) == 1 and
            vs_openssl.HMAC_Update(cryptor.mac, data, length) == 1 and
            (not more_length or vs_openssl.HMAC_Update(cryptor.mac, more, more_length) == 1) and
            vs_openssl.HMAC_Final(cryptor.mac, tag, &written) == 1)


cdef inline void put_u32(uint8_t *to, uint32_t value) noexcept nogil:
    to[0] = <uint8_t>(value >> 24)
    to[1] = <uint8_t>(value >> 16)
    to[2] = <uint8_t>(value >> 8)
    to[3] = <uint8_t>value


cdef inline uint32_t get_u32(const uint8_t *at) noexcept nogil:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]


cdef bint derive(const uint8_t *master, uint8_t label, uint8_t *to, int length) noexcept nogil:
    """A session key of a master key and its salt, without a key derivation rate (RFC 3711 section 4.3.1)."""
    cdef uint8_t counter[COUNTER_BYTES]
    cdef void *cipher = vs_openssl.EVP_CIPHER_CTX_new()
    cdef int written = 0
    cdef bint done
    memset(counter, 0, COUNTER_BYTES)
    memcpy(counter, master + MASTER_KEY_BYTES, SALT_BYTES)
    counter[7] ^= label
    memset(to, 0, length)
    done = (cipher != NULL and
            vs_openssl.EVP_EncryptInit_ex(cipher, vs_openssl.EVP_aes_128_ctr(), NULL, master, counter) == 1 and
            vs_openssl.EVP_EncryptUpdate(cipher, to, &written, to, length) == 1)
    vs_openssl.EVP_CIPHER_CTX_free(cipher)
    return done


cdef bint cryptor_open(cryptor_t *cryptor, const uint8_t *master, uint8_t first_label) noexcept nogil:
    """Derive what one direction needs; the labels are those of encryption, authentication and salt, in that order."""
    cdef uint8_t key[MASTER_KEY_BYTES]
    cdef uint8_t auth_key[AUTH_KEY_BYTES]
    cryptor.cipher = vs_openssl.EVP_CIPHER_CTX_new()
    cryptor.mac = vs_openssl.HMAC_CTX_new()
    return (cryptor.cipher != NULL and cryptor.mac != NULL and
            derive(master, first_label, key, MASTER_KEY_BYTES) and
            derive(master, first_label + 1, auth_key, AUTH_KEY_BYTES) and
            derive(master, first_label + 2, cryptor.salt, SALT_BYTES) and
            vs_openssl.EVP_EncryptInit_ex(cryptor.cipher, vs_openssl.EVP_aes_128_ctr(), NULL, key, NULL) == 1 and
            vs_openssl.HMAC_Init_ex(cryptor.mac, auth_key, AUTH_KEY_BYTES, vs_openssl.EVP_sha1(), NULL) == 1)


cdef void cryptor_close(cryptor_t *cryptor) noexcept nogil:
    if cryptor.cipher != NULL:
        vs_openssl.EVP_CIPHER_CTX_free(cryptor.cipher)
    if cryptor.mac != NULL:
        vs_openssl.HMAC_CTX_free(cryptor.mac)


cdef bint seal_packet(srtp_t *srtp, const uint8_t *packet, uint32_t length, uint64_t index, uint8_t *to) noexcept nogil:
    """Encrypt and sign one RTP packet under its index among those of this viewer (RFC 3711 section 3.3)."""
    cdef uint8_t tag[SHA1_BYTES]
    cdef uint8_t rollover[4]
    memcpy(to, packet, RTP_HEADER_BYTES)
    to[2] = <uint8_t>(index >> 8)
    to[3] = <uint8_t>index
    put_u32(rollover, <uint32_t>(index >> 16))
    if not crypt(&srtp.rtp, to + 8, index, packet + RTP_HEADER_BYTES, to + RTP_HEADER_BYTES, length - RTP_HEADER_BYTES):
        return False
    if not authenticate(&srtp.rtp, to, length, rollover, 4, tag):
        return False
    memcpy(to + length, tag, srtp.tag_bytes)
    return True


cdef bint seal_run(srtp_t *srtp, const train_t *train, run_t run, uint8_t *to) noexcept nogil:
    """Encrypt a run of packets, back to back.

    Each viewer has sequence numbers of its own, which begin low and go on without a gap after a pause, for a receiver
    tells from them alone how often they wrapped (RFC 3711 section 3.3.1); what was dropped before a keyframe, however
    much, leaves a gap of one. A packet that is sealed again, as it could not be sent, is the same again; no index ever
    stands for two packets.
    """
    cdef uint64_t number = train.first_sequence + run.first, index
    cdef uint32_t i, length
    if srtp.joining:
        srtp.joining = False
        srtp.shift = number - srtp.next_index
    elif srtp.resuming and number - srtp.shift > srtp.next_index:
        srtp.shift = number - srtp.next_index - 1
    srtp.resuming = False
    for i in range(run.first, run.first + run.count):
        length = train.offsets[i + 1] - train.offsets[i]
        index = train.first_sequence + i - srtp.shift
        if not seal_packet(srtp, train.plain + train.offsets[i], length, index, to):
            return False
        to += length + srtp.tag_bytes
        srtp.next_index = max(srtp.next_index, index + 1)
    return True


cdef bint is_news(srtp_t *srtp, uint32_t index) noexcept nogil:
    """Whether RTCP of that number has not come yet, and is not too old to tell."""
    if index > srtp.heard_highest or not srtp.heard:
        return True
    return srtp.heard_highest - index < REPLAY_WINDOW and not (srtp.heard >> (srtp.heard_highest - index)) & 1


cdef void note_heard(srtp_t *srtp, uint32_t index) noexcept nogil:
    cdef uint32_t ahead
    if index > srtp.heard_highest or not srtp.heard:
        ahead = index - srtp.heard_highest
        srtp.heard = (srtp.heard << ahead if ahead < REPLAY_WINDOW else 0) | 1
        srtp.heard_highest = index
    else:
        srtp.heard |= <uint64_t>1 << (srtp.heard_highest - index)


cdef bint same(const uint8_t *one, const uint8_t *other, uint32_t length) noexcept nogil:
    """Compare in a time that does not tell where they differ."""
    cdef uint8_t different = 0
    cdef uint32_t i
    for i in range(length):
        different |= one[i] ^ other[i]
    return different == 0


def derive_key(bytes master, uint8_t label, int size):
    key = PyBytes_FromStringAndSize(NULL, size)
    need_openssl()
    if PyBytes_GET_SIZE(master) != MASTER_KEY_BYTES + SALT_BYTES:
        raise ValueError("a master key with its salt has 30 bytes")
    if not derive(<const uint8_t *>PyBytes_AS_STRING(master), label, <uint8_t *>PyBytes_AS_STRING(key), size):
        raise MemoryError("no memory for a session key")
    return key


cdef class Srtp:
    cdef srtp_t c

    def __cinit__(self, bytes sending, bytes receiving, *, int tag_bytes):
        cdef const uint8_t *ours = <const uint8_t *>PyBytes_AS_STRING(sending)
        cdef const uint8_t *theirs = <const uint8_t *>PyBytes_AS_STRING(receiving)
        need_openssl()
        if len(sending) != MASTER_KEY_BYTES + SALT_BYTES or len(receiving) != MASTER_KEY_BYTES + SALT_BYTES:
            raise ValueError("a master key with its salt has 30 bytes")
        if tag_bytes not in (4, 10):
            raise ValueError(f"an authentication tag has 4 or 10 bytes, not {tag_bytes}")
        self.c.tag_bytes = tag_bytes
        self.c.joining = True
        self.c.next_index = FIRST_INDEX
        if not (cryptor_open(&self.c.rtp, ours, 0) and cryptor_open(&self.c.rtcp_out, ours, 3) and
                cryptor_open(&self.c.rtcp_in, theirs, 3)):
            raise MemoryError("no memory for another encrypted viewer")

    def __dealloc__(self):
        cryptor_close(&self.c.rtp)
        cryptor_close(&self.c.rtcp_out)
        cryptor_close(&self.c.rtcp_in)

    def seal_rtcp(self, bytes packet):
        cdef uint32_t length = <uint32_t>PyBytes_GET_SIZE(packet)
        cdef uint8_t tag[SHA1_BYTES]
        if length < RTCP_HEADER_BYTES:
            raise ValueError("an RTCP packet has at least 8 bytes")
        sealed = PyBytes_FromStringAndSize(NULL, length + RTCP_INDEX_BYTES + RTCP_TAG_BYTES)
        cdef uint8_t *to = <uint8_t *>PyBytes_AS_STRING(sealed)
        memcpy(to, PyBytes_AS_STRING(packet), RTCP_HEADER_BYTES)
        self.c.rtcp_index += 1
        if not crypt(&self.c.rtcp_out, to + 4, self.c.rtcp_index, <const uint8_t *>PyBytes_AS_STRING(packet) + RTCP_HEADER_BYTES,
                     to + RTCP_HEADER_BYTES, length - RTCP_HEADER_BYTES):
            raise MemoryError("no memory to encrypt RTCP")
        put_u32(to + length, RTCP_ENCRYPTED | self.c.rtcp_index)
        if not authenticate(&self.c.rtcp_out, to, length + RTCP_INDEX_BYTES, NULL, 0, tag):
            raise MemoryError("no memory to sign RTCP")
        memcpy(to + length + RTCP_INDEX_BYTES, tag, RTCP_TAG_BYTES)
        return sealed

    def open_rtcp(self, bytes packet):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(packet) - RTCP_INDEX_BYTES - RTCP_TAG_BYTES
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(packet)
        cdef uint8_t tag[SHA1_BYTES]
        cdef uint32_t length = <uint32_t>size, number, index
        if size < RTCP_HEADER_BYTES:
            return None
        number = get_u32(at + length)
        index = number & ~RTCP_ENCRYPTED
        if not authenticate(&self.c.rtcp_in, at, length + RTCP_INDEX_BYTES, NULL, 0, tag):
            return None
        if not same(tag, at + length + RTCP_INDEX_BYTES, RTCP_TAG_BYTES) or not is_news(&self.c, index):
            return None
        opened = PyBytes_FromStringAndSize(<const char *>at, length)
        cdef uint8_t *to = <uint8_t *>PyBytes_AS_STRING(opened) + RTCP_HEADER_BYTES
        if number & RTCP_ENCRYPTED and not crypt(&self.c.rtcp_in, at + 4, index, at + RTCP_HEADER_BYTES, to, length - RTCP_HEADER_BYTES):
            return None
        note_heard(&self.c, index)
        return opened
