# A viewer on the shared UDP socket: batches of sendmmsg, trains cut apart by the kernel (UDP_SEGMENT).

cdef enum:
    BATCH = 512  # messages a sendmmsg
    CONTROL_BYTES = 64  # packet info and segment size, each with its header
    BURST_BYTES = 65536  # what a viewer's backlog sends in one go; more would overrun a player's receive buffer
    ERROR_TRIES = 4  # until an error that a send meets is taken for that message's own


cdef struct udp_t:
    flow_t flow
    sockaddr_storage address
    uint8_t control[CONTROL_BYTES]  # the address to send from; aligned as a cmsghdr wants it
    size_t control_bytes
    socklen_t address_bytes
    int fd
    bint segmentation
    srtp_t *srtp  # NULL: in the clear
    uint8_t rtx_payload_type  # 0: what is sent again is sent as it was
    uint16_t rtx_sequence  # of the first packet that is sent again
    uint32_t rtx_ssrc
    uint64_t packets_retransmitted
    uint64_t octets_retransmitted
    uint64_t octets_considered  # of what was sent, that which has earned its share of `octets_allowed`
    uint64_t octets_allowed  # may be sent again


cdef void udp_sent(udp_t *udp, train_t *train, uint32_t first, uint32_t count) noexcept nogil:
    cdef uint32_t octets = train.offsets[first + count] - train.offsets[first] - count * RTP_HEADER_BYTES
    flow_sent(&udp.flow, count, octets)
    if first + count == train.packet_count:
        udp.flow.units_sent += 1


cdef class UdpWriter(Writer):
    """One viewer's address on the shared RTP socket."""

    cdef udp_t c
    cdef Srtp srtp  # holds what `c` points into

    def __cinit__(self, int fd, bytes host, int port, *, uint64_t limit_bytes, uint32_t scope_id=0, bytes source=b"", bint segmentation=True,
                  Srtp srtp=None, uint8_t rtx_payload_type=0, uint32_t rtx_ssrc=0, uint16_t rtx_sequence=0):
        self.flow = &self.c.flow
        self.c.fd = fd
        self.c.flow.limit_bytes = limit_bytes
        self.c.segmentation = segmentation
        if srtp is not None:
            self.srtp = srtp
            self.c.srtp = &srtp.c
        self.c.rtx_payload_type = rtx_payload_type
        self.c.rtx_ssrc = rtx_ssrc
        self.c.rtx_sequence = rtx_sequence
        if not 0 < port < 65536:
            raise ValueError(f"port {port} is not within 1..65535")
        if not self.set_address(host, port, scope_id):
            raise ValueError(f"{host!r} is no IPv4 or IPv6 address")
        if source and not self.set_source(source):
            raise ValueError(f"{source!r} is no address to send from")

    def __dealloc__(self):
        queue_clear(&self.c.flow.queue)

    def set_port(self, int port):
        # The fanout's thread reads the address without asking.
        if self.c.flow.joined:
            raise ValueError("the writer has joined; it must leave first")
        if not 0 < port < 65536:
            raise ValueError(f"port {port} is not within 1..65535")
        if self.c.address_bytes == sizeof(sockaddr_in):
            (<sockaddr_in *>&self.c.address).sin_port = htons(port)
        else:
            (<sockaddr_in6 *>&self.c.address).sin6_port = htons(port)

    @property
    def packets_retransmitted(self):
        return self.c.packets_retransmitted

    @property
    def octets_retransmitted(self):
        return self.c.octets_retransmitted

    cdef bint set_address(self, bytes host, int port, uint32_t scope_id) noexcept:
        cdef sockaddr_in *v4 = <sockaddr_in *>&self.c.address
        cdef sockaddr_in6 *v6 = <sockaddr_in6 *>&self.c.address
        if inet_pton(AF_INET, host, &v4.sin_addr) == 1:
            v4.sin_family = AF_INET
            v4.sin_port = htons(port)
            self.c.address_bytes = sizeof(sockaddr_in)
            return True
        if inet_pton(AF_INET6, host, &v6.sin6_addr) == 1:
            v6.sin6_family = AF_INET6
            v6.sin6_port = htons(port)
            v6.sin6_scope_id = scope_id
            self.c.address_bytes = sizeof(sockaddr_in6)
            return True
        return False

    cdef bint set_source(self, bytes source) noexcept:
        cdef in_pktinfo v4
        cdef in6_pktinfo v6
        memset(&v4, 0, sizeof(v4))
        memset(&v6, 0, sizeof(v6))
        if inet_pton(AF_INET, source, &v4.ipi_spec_dst) == 1:
            self.c.control_bytes = vs_control(self.c.control, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4))
            return True
        if inet_pton(AF_INET6, source, &v6.ipi6_addr) == 1:
            self.c.control_bytes = vs_control(self.c.control, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6))
            return True
        return False


cdef struct batch_t:
    # Messages of one sendmmsg; `runs` and `owners` say what each of them is.
    mmsghdr messages[BATCH]
    iovec vectors[BATCH]
    uint8_t controls[BATCH][CONTROL_BYTES]
    udp_t *owners[BATCH]
    train_t *trains[BATCH]
    run_t runs[BATCH]
    uint32_t count
    uint8_t sealed[SEALED_BYTES_LIMIT]  # the encrypted packets of the run that is being sent


cdef void batch_add(batch_t *batch, udp_t *udp, train_t *train, run_t run) noexcept nogil:
    cdef uint32_t i = batch.count
    cdef msghdr *message = &batch.messages[i].msg_hdr
    cdef uint8_t *control = batch.controls[i]
    cdef uint16_t segment = run.segment
    batch.count += 1
    batch.owners[i] = udp
    batch.trains[i] = train
    batch.runs[i] = run
    batch.vectors[i].iov_base = train.plain + train.offsets[run.first]
    batch.vectors[i].iov_len = run.bytes
    message.msg_name = &udp.address
    message.msg_namelen = udp.address_bytes
    message.msg_iov = &batch.vectors[i]
    message.msg_iovlen = 1
    message.msg_controllen = udp.control_bytes
    if udp.control_bytes:
        memcpy(control, udp.control, udp.control_bytes)
    if run.count > 1:
        message.msg_controllen += vs_control(control + udp.control_bytes, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment))
    message.msg_control = control if message.msg_controllen else NULL


cdef inline run_t run_of_one(const train_t *train, uint32_t packet) noexcept nogil:
    cdef uint32_t length = train.offsets[packet + 1] - train.offsets[packet]
    return run_t(packet, 1, length, <uint16_t>length)


cdef void udp_queue(udp_t *udp, train_t *train, uint32_t packet) noexcept nogil:
    """Leave the rest of a train, from `packet` on, to the next flush."""
    if not udp.flow.queue.count:
        udp.flow.progress_us = vs_now_us()
    if queue_push(&udp.flow.queue, entry_t(train, NULL, train.plain_bytes, packet, False)) < 0:
        flow_lost(&udp.flow)


cdef inline bint segmentation_refused(int error) noexcept nogil:
    return error == EINVAL or error == EIO or error == EMSGSIZE or error == EOPNOTSUPP


cdef inline bint may_belong_to_another(int error) noexcept nogil:
    """Whether some earlier datagram of the shared socket may have drawn this error, by ICMP; reading it cleared it.

    The kernel makes nearly any errno of ICMP's answers, among them EMSGSIZE where another viewer's path is narrow.
    """
    return error != EAGAIN and error != ENOBUFS and error != EINTR


cdef void udp_failed(udp_t *udp, int error) noexcept nogil:
    udp.flow.error = error
    flow_lost(&udp.flow)


cdef void udp_skip_to_keyframe(udp_t *udp) noexcept nogil:
    """Drop the first train of the queue, of which a part was lost, and those that build on it."""
    cdef queue_t *queue = &udp.flow.queue
    queue_pop(queue)
    while queue.count and not queue_at(queue, 0).train.keyframe:
        flow_dropped(&udp.flow, 1)
        queue_pop(queue)
    udp.flow.awaiting_keyframe = queue.count == 0


cdef uint32_t batch_skip(batch_t *batch, uint32_t at) noexcept nogil:
    """The first message behind `at` that is another viewer's."""
    cdef udp_t *udp = batch.owners[at]
    while at < batch.count and batch.owners[at] == udp:
        at += 1
    return at


cdef uint32_t batch_refused(batch_t *batch, uint32_t at, int error) noexcept nogil:
    """Deal with message `at` that the kernel refused; gives the message to go on with."""
    cdef udp_t *udp = batch.owners[at]
    if error == EINTR:
        return at
    if error == EAGAIN or error == ENOBUFS:
        while at < batch.count:
            udp_queue(batch.owners[at], batch.trains[at], batch.runs[at].first)
            at = batch_skip(batch, at)
        return at
    if batch.runs[at].count > 1 and segmentation_refused(error):
        udp.segmentation = False
        udp_queue(udp, batch.trains[at], batch.runs[at].first)
    else:
        udp_failed(udp, error)
    return batch_skip(batch, at)


cdef void batch_send(batch_t *batch) noexcept nogil:
    cdef uint32_t at = 0, i
    cdef int sent, tries = 0
    while at < batch.count:
        sent = sendmmsg(batch.owners[at].fd, batch.messages + at, batch.count - at, MSG_DONTWAIT)
        if sent > 0:
            for i in range(at, at + sent):
                udp_sent(batch.owners[i], batch.trains[i], batch.runs[i].first, batch.runs[i].count)
            at += sent
            tries = 0
            continue
        tries += 1
        if not may_belong_to_another(errno) or tries == ERROR_TRIES:
            at = batch_refused(batch, at, errno)
            tries = 0
    batch.count = 0


cdef int udp_send(udp_t *udp, train_t *train, run_t run, batch_t *scratch) noexcept nogil:
    """Send one run alone: 0, or the errno."""
    cdef run_t carried = run
    if udp.srtp != NULL:
        carried.segment += udp.srtp.tag_bytes
        carried.bytes += run.count * udp.srtp.tag_bytes
    scratch.count = 0
    batch_add(scratch, udp, train, carried)
    scratch.count = 0
    if udp.srtp != NULL:
        if not seal_run(udp.srtp, train, run, scratch.sealed):
            return ENOMEM
        scratch.vectors[0].iov_base = scratch.sealed
    for _ in range(ERROR_TRIES):
        if sendmsg(udp.fd, &scratch.messages[0].msg_hdr, MSG_DONTWAIT) >= 0:
            udp_sent(udp, train, run.first, run.count)
            return 0
        if errno != EINTR and not may_belong_to_another(errno):
            break
    return errno


cdef run_t rest_of_run(const udp_t *udp, const train_t *train, uint32_t packet) noexcept nogil:
    """The longest run that begins at `packet`."""
    cdef uint32_t i
    cdef run_t run
    if udp.segmentation:
        for i in range(train.run_count):
            run = train.runs[i]
            if run.first == packet and (udp.srtp == NULL or run.bytes + run.count * udp.srtp.tag_bytes <= SEALED_BYTES_LIMIT):
                return run
    return run_of_one(train, packet)


cdef bint udp_flush(udp_t *udp, batch_t *scratch) noexcept nogil:
    """Send one burst of what a viewer has queued; whether the socket is full. The fanout's lock is held."""
    cdef queue_t *queue = &udp.flow.queue
    cdef entry_t *entry
    cdef run_t run
    cdef uint32_t sent = 0
    cdef int error
    while queue.count and sent < BURST_BYTES:
        entry = queue_at(queue, 0)
        run = rest_of_run(udp, entry.train, entry.packet)
        error = udp_send(udp, entry.train, run, scratch)
        if error == EAGAIN or error == ENOBUFS:
            return True
        if run.count > 1 and segmentation_refused(error):
            udp.segmentation = False
            continue
        if error:
            udp_failed(udp, error)
            udp_skip_to_keyframe(udp)
            continue
        sent += run.bytes
        udp.flow.progress_us = vs_now_us()
        entry.packet += run.count
        if entry.packet == entry.train.packet_count:
            queue_pop(queue)
    if not queue.count:
        udp.flow.allowance_bytes = 0
    return False
