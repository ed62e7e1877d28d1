# A viewer on its RTSP connection: answers, RTCP and media through one queue.

cdef enum:
    VECTORS = 32  # queue entries a sendmsg
    TLS_RECORD_BYTES = 16384  # the most that one TLS record carries (RFC 8446 section 5.1)
    ANSWERS_BYTES = 65536  # what answers and RTCP may take of the queue, however much media is before them


cdef struct tcp_t:
    flow_t flow
    pthread_mutex_t lock
    int fd
    int epoll_fd
    void *tls  # NULL: in the clear
    bint tls_ready  # its handshake was once found over; one that changes keys later is none
    bint tls_begun  # TLS holds a record of the first entry that the socket did not take yet
    uint32_t head_written  # bytes of the first entry that are on their way
    uint8_t channel
    bint websocket  # all that is written goes as binary messages (RFC 6455)
    bint armed  # the event loop waits until the socket takes more


cdef inline bint tcp_begun(const tcp_t *tcp) noexcept nogil:
    """Whether the first entry of the queue must be written to its end."""
    return tcp.head_written != 0 or tcp.tls_begun


cdef void tcp_arm(tcp_t *tcp, bint wanted) noexcept nogil:
    cdef epoll_event event
    if tcp.armed == wanted or tcp.fd < 0:
        return
    tcp.armed = wanted
    if tcp.epoll_fd < 0:
        return
    memset(&event, 0, sizeof(event))
    event.events = EPOLLIN | EPOLLRDHUP | (EPOLLOUT if wanted else 0)
    event.data.fd = tcp.fd
    epoll_ctl(tcp.epoll_fd, EPOLL_CTL_MOD, tcp.fd, &event)


cdef void tcp_advance(tcp_t *tcp, size_t written) noexcept nogil:
    cdef queue_t *queue = &tcp.flow.queue
    cdef entry_t *entry
    cdef size_t left
    while written:
        entry = queue_at(queue, 0)
        left = entry.length - tcp.head_written
        if written < left:
            tcp.head_written += <uint32_t>written
            return
        written -= left
        tcp.head_written = 0
        if entry.train != NULL:
            flow_sent(&tcp.flow, entry.train.packet_count, payload_octets(entry.train))
            tcp.flow.units_sent += 1
        queue_pop(queue)


cdef ssize_t tcp_write_plain(tcp_t *tcp) noexcept nogil:
    cdef iovec vectors[VECTORS]
    cdef msghdr message
    cdef queue_t *queue = &tcp.flow.queue
    cdef entry_t *head = queue_at(queue, 0)
    cdef uint32_t i
    if queue.count == 1:  # nearly always, and cheaper for the kernel
        return send(tcp.fd, head.at + tcp.head_written, head.length - tcp.head_written, MSG_DONTWAIT | MSG_NOSIGNAL)
    memset(&message, 0, sizeof(message))
    message.msg_iov = vectors
    message.msg_iovlen = min(queue.count, <uint32_t>VECTORS)
    for i in range(<uint32_t>message.msg_iovlen):
        vectors[i].iov_base = <void *>queue_at(queue, i).at
        vectors[i].iov_len = queue_at(queue, i).length
    vectors[0].iov_base = <uint8_t *>vectors[0].iov_base + tcp.head_written
    vectors[0].iov_len -= tcp.head_written
    return sendmsg(tcp.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)


cdef ssize_t tcp_write_tls(tcp_t *tcp) noexcept nogil:
    """One record; one that the socket does not take is offered again, the same bytes, by the next call."""
    cdef entry_t *head = queue_at(&tcp.flow.queue, 0)
    cdef uint32_t part = min(head.length - tcp.head_written, <uint32_t>TLS_RECORD_BYTES)
    cdef int wants_write
    cdef ssize_t written = vs_tls_write(tcp.tls, head.at + tcp.head_written, part, &wants_write)
    tcp.tls_begun = written <= 0 and wants_write
    if written == 0:
        errno_set(ECONNRESET)
        return -1
    return written


cdef void tcp_flush(tcp_t *tcp) noexcept nogil:
    """Write until the queue is empty or the socket is full; the lock is held."""
    cdef queue_t *queue = &tcp.flow.queue
    cdef ssize_t written
    while queue.count and tcp.fd >= 0 and not tcp.flow.error:
        written = tcp_write_plain(tcp) if tcp.tls == NULL else tcp_write_tls(tcp)
        if written > 0:
            tcp.flow.progress_us = vs_now_us()
            tcp_advance(tcp, written)
        elif errno == EAGAIN:
            break
        elif errno != EINTR:
            tcp.flow.error = errno
    if not queue.count:
        tcp.flow.allowance_bytes = 0
    tcp_arm(tcp, queue.count != 0 and not tcp.flow.error and (tcp.tls == NULL or tcp.tls_begun))


cdef void tcp_push(tcp_t *tcp, entry_t entry) noexcept nogil:
    if not tcp.flow.queue.count:
        tcp.flow.progress_us = vs_now_us()
    if queue_push(&tcp.flow.queue, entry) == 0:
        return
    if entry.owned:
        free(<void *>entry.at)
    if entry.train != NULL:
        flow_lost(&tcp.flow)


cdef bint tcp_admits_answer(tcp_t *tcp, uint32_t length) noexcept nogil:
    """Whether an answer or RTCP fits: into the limit, or into the room that no media takes.

    One picture larger than the limit fills an idle viewer's queue; its answers wait behind that, and are not lost.
    """
    cdef queue_t *queue = &tcp.flow.queue
    cdef uint64_t answers_bytes = length
    cdef uint32_t i
    if queue.bytes + length <= tcp.flow.limit_bytes + tcp.flow.allowance_bytes:
        return True
    for i in range(queue.count):
        if queue_at(queue, i).train == NULL:
            answers_bytes += queue_at(queue, i).length
    return answers_bytes <= ANSWERS_BYTES


cdef void tcp_say_end(tcp_t *tcp) noexcept nogil:
    """Let a TLS peer know that nothing was cut off (close_notify, RFC 8446 section 6.1); the lock is held."""
    if tcp.fd >= 0 and tcp.tls != NULL and not tcp.flow.error:
        vs_openssl.SSL_shutdown(tcp.tls)


cdef void tcp_deliver(tcp_t *tcp, train_t *train, bint replayed) noexcept nogil:
    """Queue a train and, where nothing is before it, write it. The fanout's lock is held."""
    cdef const framed_t *framed = train_framed(train, tcp.channel, tcp.websocket)
    cdef size_t limit = framed_limit(train, tcp.websocket)
    cdef uint32_t length = framed.length if framed != NULL else <uint32_t>limit
    cdef uint8_t *own
    cdef bint idle
    pthread_mutex_lock(&tcp.lock)
    if tcp.fd >= 0 and not tcp.flow.error:
        if replayed:
            tcp.flow.allowance_bytes += length
        if flow_admits(&tcp.flow, train, length, tcp_begun(tcp)):
            idle = tcp.flow.queue.count == 0
            if framed != NULL:
                tcp_push(tcp, entry_t(train, framed.data, length, 0, False))
            else:
                own = <uint8_t *>malloc(limit)
                if own == NULL:
                    flow_lost(&tcp.flow)
                else:
                    length = frame_train(train, tcp.channel, tcp.websocket, own)
                    tcp_push(tcp, entry_t(train, own, length, 0, True))
            if idle:
                tcp_flush(tcp)
    pthread_mutex_unlock(&tcp.lock)


cdef class TcpWriter(Writer):
    """The only writer of one RTSP connection: answers, RTCP and media leave through one queue."""

    cdef tcp_t c

    def __cinit__(self, int fd, *, uint64_t limit_bytes, int epoll_fd=-1, TlsContext tls=None):
        pthread_mutex_init(&self.c.lock, NULL)
        self.flow = &self.c.flow
        if tls is not None:
            self.c.tls = vs_tls_new(tls.c, fd)
            if self.c.tls == NULL:
                raise MemoryError("no memory for another TLS connection")
        self.c.fd = fd
        self.c.epoll_fd = epoll_fd
        self.c.flow.limit_bytes = limit_bytes

    def __dealloc__(self):
        queue_clear(&self.c.flow.queue)
        if self.c.tls != NULL:
            vs_openssl.SSL_free(self.c.tls)
        pthread_mutex_destroy(&self.c.lock)

    def use_websocket(self):
        self.c.websocket = True

    def write(self, bytes data, *, bint verbatim=False):
        cdef uint32_t length = <uint32_t>PyBytes_GET_SIZE(data)
        cdef uint32_t header = 0
        cdef uint8_t *copy
        cdef bint fits
        if length == 0:
            return True
        copy = <uint8_t *>malloc(WEBSOCKET_HEADER_LIMIT + <size_t>length)
        if copy == NULL:
            raise MemoryError(f"no memory for {length} bytes to a viewer")
        if self.c.websocket and not verbatim:
            header = websocket_header(copy, length)
        memcpy(copy + header, PyBytes_AS_STRING(data), length)
        length += header
        with nogil:
            pthread_mutex_lock(&self.c.lock)
            fits = self.c.fd >= 0 and not self.c.flow.error and tcp_admits_answer(&self.c, length)
            if fits:
                tcp_push(&self.c, entry_t(NULL, copy, length, 0, True))
                tcp_flush(&self.c)
            else:
                free(copy)
            pthread_mutex_unlock(&self.c.lock)
        return fits

    def receive(self, int size):
        cdef ssize_t taken = -1
        cdef int wants_write = 0, error = 0
        cdef const char *reason = NULL
        data = PyBytes_FromStringAndSize(NULL, size)
        cdef char *room = PyBytes_AS_STRING(data)
        with nogil:
            pthread_mutex_lock(&self.c.lock)
            if self.c.fd < 0 or self.c.tls == NULL:
                error = EBADF
            else:
                taken = vs_tls_read(self.c.tls, room, size, &wants_write)
                error = errno if taken < 0 else 0
                reason = vs_tls_reason if error == EPROTO else NULL
                tcp_flush(&self.c)  # what had to wait for the handshake
                tcp_arm(&self.c, self.c.armed or wants_write)
            pthread_mutex_unlock(&self.c.lock)
        if error == EAGAIN:
            return None
        if error:
            raise OSError(error, (reason if reason != NULL else strerror(error)).decode())
        return data[:taken]

    @property
    def shakes_hands(self):
        if not self.c.tls_ready:
            self.c.tls_ready = self.c.tls == NULL or vs_openssl.SSL_is_init_finished(self.c.tls)
        return not self.c.tls_ready

    def flush(self):
        with nogil:
            pthread_mutex_lock(&self.c.lock)
            tcp_flush(&self.c)
            pthread_mutex_unlock(&self.c.lock)

    def say_end(self):
        with nogil:
            pthread_mutex_lock(&self.c.lock)
            tcp_say_end(&self.c)
            pthread_mutex_unlock(&self.c.lock)

    def close(self):
        with nogil:
            pthread_mutex_lock(&self.c.lock)
            tcp_say_end(&self.c)
            self.c.fd = -1
            queue_clear(&self.c.flow.queue)
            self.c.head_written = 0
            self.c.tls_begun = False
            pthread_mutex_unlock(&self.c.lock)
