# TLS for RTSP connections: OpenSSL's own buffers and records, driven from wherever a viewer is written to.


cdef class TlsContext:
    cdef void *c

    def __cinit__(self, str certificate, str key):
        cdef const char *reason = NULL
        cdef const char *culprit = NULL
        cdef bytes certificate_path = os.fsencode(certificate), key_path = os.fsencode(key)
        need_openssl()
        self.c = vs_tls_context(certificate_path, key_path, &culprit, &reason)
        if self.c == NULL:
            raise ValueError(f"{os.fsdecode(culprit)}: {reason.decode()}")

    def __dealloc__(self):
        if self.c != NULL:
            vs_openssl.SSL_CTX_free(self.c)
