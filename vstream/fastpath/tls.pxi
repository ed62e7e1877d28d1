# TLS for RTSP connections: OpenSSL's own buffers and records, driven from wherever a viewer is written to.

cdef extern from "fastpath/openssl.h":
    ctypedef struct vs_openssl_t:
        void (*SSL_CTX_free)(void *) nogil
        void (*SSL_free)(void *) nogil
        int (*SSL_shutdown)(void *) nogil
    vs_openssl_t vs_openssl
    const char *vs_openssl_load()
    void *vs_tls_context(const char *, const char *, const char **)
    void *vs_tls_new(void *, int)
    ssize_t vs_tls_read(void *, void *, int, int *) nogil
    ssize_t vs_tls_write(void *, const void *, int, int *) nogil

cdef extern from *:
    """
    #define errno_set(value) (errno = (value))
    """
    void errno_set(int) nogil


cdef bint openssl_found = False


cdef int need_openssl() except -1:
    """Find OpenSSL, once."""
    global openssl_found
    cdef const char *missing
    if not openssl_found:
        missing = vs_openssl_load()
        if missing != NULL:
            raise ImportError(f"OpenSSL 1.1.1 or later is needed, and {missing.decode()} was not found")
        openssl_found = True
    return 0


cdef class TlsContext:
    cdef void *c

    def __cinit__(self, str certificate, str key):
        cdef const char *reason = NULL
        need_openssl()
        self.c = vs_tls_context(certificate.encode(), key.encode(), &reason)
        if self.c == NULL:
            raise ValueError(f"certificate {certificate} with key {key}: {reason.decode()}")

    def __dealloc__(self):
        if self.c != NULL:
            vs_openssl.SSL_CTX_free(self.c)
