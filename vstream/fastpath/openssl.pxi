# OpenSSL, found when it is first needed.

cdef extern from "fastpath/openssl.h":
    ctypedef struct vs_openssl_t:
        void (*SSL_CTX_free)(void *) nogil
        void (*SSL_free)(void *) nogil
        int (*SSL_shutdown)(void *) nogil
        int (*SSL_is_init_finished)(const void *) nogil
        void *(*EVP_CIPHER_CTX_new)() nogil
        void (*EVP_CIPHER_CTX_free)(void *) nogil
        const void *(*EVP_aes_128_ctr)() nogil
        int (*EVP_EncryptInit_ex)(void *, const void *, void *, const uint8_t *, const uint8_t *) nogil
        int (*EVP_EncryptUpdate)(void *, uint8_t *, int *, const uint8_t *, int) nogil
        const void *(*EVP_sha1)() nogil
        void *(*HMAC_CTX_new)() nogil
        void (*HMAC_CTX_free)(void *) nogil
        int (*HMAC_Init_ex)(void *, const void *, int, const void *, void *) nogil
        int (*HMAC_Update)(void *, const uint8_t *, size_t) nogil
        int (*HMAC_Final)(void *, uint8_t *, unsigned int *) nogil
    vs_openssl_t vs_openssl
    const char *vs_tls_reason
    const char *vs_openssl_load(const char *)
    void *vs_tls_context(const char *, const char *, const char **, const char **)
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
    """Find OpenSSL, once; a frozen program has its own (PyInstaller names its folder in sys._MEIPASS)."""
    global openssl_found
    cdef const char *missing
    cdef const char *directory = NULL
    cdef bytes bundle = getattr(sys, "_MEIPASS", "").encode()
    if bundle:
        directory = bundle
    if not openssl_found:
        missing = vs_openssl_load(directory)
        if missing != NULL:
            raise ImportError(f"OpenSSL 1.1.1 or later is needed, and {missing.decode()} was not found; install libssl")
        openssl_found = True
    return 0
