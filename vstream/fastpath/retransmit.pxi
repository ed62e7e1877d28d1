# Retransmit: a lost packet once more, to one viewer, as it was or in a stream of its own (RFC 4588).

cdef enum:
    RTX_HEADER_BYTES = RTP_HEADER_BYTES + 2  # the original sequence number begins the payload (RFC 4588 section 4)
    RETRANSMITTED_SHARE = 4  # at most a fourth of what was sent is sent again
    RETRANSMITTED_BURST_OCTETS = 1 << 18
    NACKS_LIMIT = 1024  # sequence numbers that are looked at in one go


cdef void retransmit_earn(udp_t *udp) noexcept nogil:
    """Let the viewer ask for a share of what was sent since it asked last; what it may save up is bounded."""
    cdef uint64_t earned = (udp.flow.octets_sent - udp.octets_considered) / RETRANSMITTED_SHARE
    udp.octets_allowed = min(udp.octets_allowed + earned, <uint64_t>RETRANSMITTED_BURST_OCTETS)
    udp.octets_considered = udp.flow.octets_sent


cdef void rtx_header(udp_t *udp, const uint8_t *packet, uint8_t *to) noexcept nogil:
    """RFC 4588 section 4: as the original, but for payload type, SSRC and a sequence number that counts these alone."""
    cdef uint16_t sequence = <uint16_t>(udp.rtx_sequence + udp.packets_retransmitted)
    memcpy(to, packet, RTP_HEADER_BYTES)
    to[1] = (packet[1] & 0x80) | udp.rtx_payload_type
    to[2] = <uint8_t>(sequence >> 8)
    to[3] = <uint8_t>sequence
    to[8] = <uint8_t>(udp.rtx_ssrc >> 24)
    to[9] = <uint8_t>(udp.rtx_ssrc >> 16)
    to[10] = <uint8_t>(udp.rtx_ssrc >> 8)
    to[11] = <uint8_t>udp.rtx_ssrc
    to[12] = packet[2]
    to[13] = packet[3]


cdef int retransmit_send(udp_t *udp, train_t *train, uint32_t packet, batch_t *scratch) noexcept nogil:
    """Send one packet again: 0, or the errno."""
    cdef uint8_t head[RTX_HEADER_BYTES]
    cdef iovec parts[2]
    cdef msghdr *message = &scratch.messages[0].msg_hdr
    scratch.count = 0
    batch_add(scratch, udp, train, run_of_one(train, packet))
    scratch.count = 0
    if udp.rtx_payload_type:
        rtx_header(udp, train.plain + train.offsets[packet], head)
        parts[0].iov_base = head
        parts[0].iov_len = RTX_HEADER_BYTES
        parts[1].iov_base = train.plain + train.offsets[packet] + RTP_HEADER_BYTES
        parts[1].iov_len = scratch.vectors[0].iov_len - RTP_HEADER_BYTES
        message.msg_iov = parts
        message.msg_iovlen = 2
    for _ in range(ERROR_TRIES):
        if sendmsg(udp.fd, message, MSG_DONTWAIT) >= 0:
            return 0
        if errno != EINTR and not may_belong_to_another(errno):
            break
    return errno


cdef bint retransmit_one(udp_t *udp, place_t lost, batch_t *scratch) noexcept nogil:
    """Send the packet again if it was meant for this viewer; False where no more may be sent now."""
    cdef uint32_t octets
    if udp.flow.awaiting_keyframe or lost.train.first_sequence < udp.flow.resumed_sequence:
        return True
    octets = lost.train.offsets[lost.packet + 1] - lost.train.offsets[lost.packet] - RTP_HEADER_BYTES
    if octets > udp.octets_allowed or retransmit_send(udp, lost.train, lost.packet, scratch):
        return False
    udp.octets_allowed -= octets
    udp.packets_retransmitted += 1
    vs_count(&udp.flow.totals.retransmitted, 1)
    if udp.rtx_payload_type:
        octets += RTX_HEADER_BYTES - RTP_HEADER_BYTES
        vs_count(&udp.flow.totals.packets, 1)
        vs_count(&udp.flow.totals.octets, octets)
    else:  # RFC 3550 section 6.4.1 counts whatever was sent
        flow_sent(&udp.flow, 1, octets)
        udp.octets_considered += octets
    udp.octets_retransmitted += octets
    return True
