# What the fast path calls of the C library and the kernel.

from libc.errno cimport EAGAIN, EBADF, ECONNRESET, EINTR, EINVAL, EIO, EMSGSIZE, ENOMEM, ENOBUFS, EOPNOTSUPP, EPROTO, errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memmove, memset, strerror

cdef extern from *:
    """
    #include <arpa/inet.h>
    #include <netinet/in.h>
    #include <pthread.h>
    #include <sys/epoll.h>
    #include <sys/socket.h>
    #include <sys/uio.h>
    #include <time.h>
    #ifndef UDP_SEGMENT
    #define UDP_SEGMENT 103
    #endif
    #ifndef SOL_UDP
    #define SOL_UDP 17
    #endif
    #define vs_retain(counter) __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED)
    #define vs_release(counter) __atomic_sub_fetch(counter, 1, __ATOMIC_ACQ_REL)
    #define vs_read(counter) __atomic_load_n(counter, __ATOMIC_RELAXED)
    #define vs_count(counter, more) __atomic_add_fetch(counter, more, __ATOMIC_RELAXED)

    static inline int64_t vs_now_us(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
    }

    static inline void vs_sleep_until(int64_t until_us)
    {
        struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }

    /* Appends one control message; the room at `control` must suffice and be zeroed. Gives its size. */
    static inline size_t vs_control(uint8_t *control, int level, int type, const void *value, size_t size)
    {
        struct cmsghdr *header = (struct cmsghdr *)control;
        header->cmsg_level = level;
        header->cmsg_type = type;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), value, size);
        return CMSG_SPACE(size);
    }
    """
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, void *) nogil
    int pthread_mutex_destroy(pthread_mutex_t *) nogil
    int pthread_mutex_lock(pthread_mutex_t *) nogil
    int pthread_mutex_unlock(pthread_mutex_t *) nogil

    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    struct sockaddr_storage:
        pass
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        uint16_t sin6_family
        uint16_t sin6_port
        in6_addr sin6_addr
        uint32_t sin6_scope_id
    struct in_pktinfo:
        in_addr ipi_spec_dst
    struct in6_pktinfo:
        in6_addr ipi6_addr
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        void *msg_name
        socklen_t msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, IP_PKTINFO, IPV6_PKTINFO, SOL_UDP, UDP_SEGMENT
    int MSG_DONTWAIT, MSG_NOSIGNAL, EPOLL_CTL_MOD
    uint32_t EPOLLIN, EPOLLOUT, EPOLLRDHUP
    int inet_pton(int, const char *, void *) nogil
    uint16_t htons(uint16_t) nogil
    int sendmmsg(int, mmsghdr *, unsigned int, int) nogil
    ssize_t send(int, const void *, size_t, int) nogil
    ssize_t sendmsg(int, const msghdr *, int) nogil
    int epoll_ctl(int, int, int, epoll_event *) nogil
    uint32_t vs_retain(uint32_t *) nogil
    uint32_t vs_release(uint32_t *) nogil
    uint32_t vs_read(const uint32_t *) nogil
    void vs_count(uint64_t *, uint64_t) nogil
    int64_t vs_now_us() nogil
    void vs_sleep_until(int64_t) nogil
    size_t vs_control(uint8_t *, int, int, const void *, size_t) nogil
