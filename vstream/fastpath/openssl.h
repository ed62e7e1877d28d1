/* OpenSSL, found at run time: a build then needs no headers of it, and a wheel no copy of its own.
 *
 * Signatures and numbers are those that OpenSSL 1.1.1 and 3.x share (ssl(7), crypto(7)); where a function is a
 * macro there, the function behind it is called. */
#ifndef VSTREAM_OPENSSL_H
#define VSTREAM_OPENSSL_H

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    VS_FILETYPE_PEM = 1,
    VS_ERROR_WANT_READ = 2,
    VS_ERROR_WANT_WRITE = 3,
    VS_ERROR_SYSCALL = 5,
    VS_ERROR_ZERO_RETURN = 6,
    VS_CTRL_MODE = 33,
    VS_CTRL_MIN_VERSION = 123,
    VS_TLS1_2 = 0x0303,
    VS_MODES = 0x01 | 0x02 | 0x10, /* partial writes, moving buffers, buffers given back while idle */
};
#define VS_OP_NO_RENEGOTIATION (UINT64_C(1) << 30)

#define VS_SSL_FUNCTIONS(X)                                                     \
    X(const void *, TLS_server_method, (void))                                  \
    X(void *, SSL_CTX_new, (const void *))                                      \
    X(void, SSL_CTX_free, (void *))                                             \
    X(long, SSL_CTX_ctrl, (void *, int, long, void *))                          \
    X(uint64_t, SSL_CTX_set_options, (void *, uint64_t))                        \
    X(int, SSL_CTX_set_num_tickets, (void *, size_t))                           \
    X(int, SSL_CTX_use_certificate_chain_file, (void *, const char *))          \
    X(int, SSL_CTX_use_PrivateKey_file, (void *, const char *, int))            \
    X(int, SSL_CTX_check_private_key, (const void *))                           \
    X(void *, SSL_new, (void *))                                                \
    X(void, SSL_free, (void *))                                                 \
    X(int, SSL_set_fd, (void *, int))                                           \
    X(void, SSL_set_accept_state, (void *))                                     \
    X(int, SSL_read, (void *, void *, int))                                     \
    X(int, SSL_write, (void *, const void *, int))                              \
    X(int, SSL_shutdown, (void *))                                              \
    X(int, SSL_get_error, (const void *, int))

#define VS_CRYPTO_FUNCTIONS(X)                                                  \
    X(unsigned long, ERR_get_error, (void))                                     \
    X(void, ERR_clear_error, (void))                                            \
    X(const char *, ERR_reason_error_string, (unsigned long))                   \
    X(void *, EVP_CIPHER_CTX_new, (void))                                       \
    X(void, EVP_CIPHER_CTX_free, (void *))                                      \
    X(const void *, EVP_aes_128_ctr, (void))                                    \
    X(int, EVP_EncryptInit_ex, (void *, const void *, void *, const unsigned char *, const unsigned char *)) \
    X(int, EVP_EncryptUpdate, (void *, unsigned char *, int *, const unsigned char *, int)) \
    X(const void *, EVP_sha1, (void))                                           \
    X(void *, HMAC_CTX_new, (void))                                             \
    X(void, HMAC_CTX_free, (void *))                                            \
    X(int, HMAC_Init_ex, (void *, const void *, int, const void *, void *))     \
    X(int, HMAC_Update, (void *, const unsigned char *, size_t))                \
    X(int, HMAC_Final, (void *, unsigned char *, unsigned int *))

#define VS_DECLARE(result, name, parameters) result(*name) parameters;
typedef struct {
    VS_SSL_FUNCTIONS(VS_DECLARE)
    VS_CRYPTO_FUNCTIONS(VS_DECLARE)
} vs_openssl_t;
#undef VS_DECLARE

static vs_openssl_t vs_openssl;

/* Finds every function; NULL, or the name of what is missing. */
static const char *vs_openssl_load(void)
{
    static const char *const versions[][2] = {{"libssl.so.3", "libcrypto.so.3"}, {"libssl.so.1.1", "libcrypto.so.1.1"}};
    void *ssl = NULL, *crypto = NULL;
    for (unsigned i = 0; i < 2 && !(ssl && crypto); i++) {
        ssl = dlopen(versions[i][0], RTLD_NOW);
        crypto = dlopen(versions[i][1], RTLD_NOW);
    }
    if (!ssl || !crypto)
        return "libssl.so.3";
#define VS_FIND_IN(library, name)                                \
    if (!(*(void **)&vs_openssl.name = dlsym(library, #name)))   \
        return #name;
#define VS_FIND_SSL(result, name, parameters) VS_FIND_IN(ssl, name)
#define VS_FIND_CRYPTO(result, name, parameters) VS_FIND_IN(crypto, name)
    VS_SSL_FUNCTIONS(VS_FIND_SSL)
    VS_CRYPTO_FUNCTIONS(VS_FIND_CRYPTO)
#undef VS_FIND_SSL
#undef VS_FIND_CRYPTO
#undef VS_FIND_IN
    return NULL;
}

/* A server's context for TLS 1.2 and later from PEM files; NULL with the reason in `*reason`. */
static void *vs_tls_context(const char *certificate, const char *key, const char **reason)
{
    void *context;
    errno = 0;
    vs_openssl.ERR_clear_error();
    context = vs_openssl.SSL_CTX_new(vs_openssl.TLS_server_method());
    if (context) {
        vs_openssl.SSL_CTX_ctrl(context, VS_CTRL_MIN_VERSION, VS_TLS1_2, NULL);
        vs_openssl.SSL_CTX_ctrl(context, VS_CTRL_MODE, VS_MODES, NULL);
        vs_openssl.SSL_CTX_set_options(context, VS_OP_NO_RENEGOTIATION);
        vs_openssl.SSL_CTX_set_num_tickets(context, 0);
        if (vs_openssl.SSL_CTX_use_certificate_chain_file(context, certificate) == 1 &&
            vs_openssl.SSL_CTX_use_PrivateKey_file(context, key, VS_FILETYPE_PEM) == 1 &&
            vs_openssl.SSL_CTX_check_private_key(context) == 1)
            return context;
        vs_openssl.SSL_CTX_free(context);
    }
    *reason = vs_openssl.ERR_reason_error_string(vs_openssl.ERR_get_error());
    if (!*reason)
        *reason = errno ? strerror(errno) : "unknown reason";
    return NULL;
}

/* One server side of a TLS connection on `fd`; it shakes hands at the first read or write. */
static void *vs_tls_new(void *context, int fd)
{
    void *tls = vs_openssl.SSL_new(context);
    if (tls && vs_openssl.SSL_set_fd(tls, fd) == 1) {
        vs_openssl.SSL_set_accept_state(tls);
        return tls;
    }
    if (tls)
        vs_openssl.SSL_free(tls);
    return NULL;
}

/* Sets errno as read(2) and write(2) do, EPROTO where the peer speaks no proper TLS. */
static ptrdiff_t vs_tls_result(void *tls, int result, int *wants_write)
{
    int error;
    *wants_write = 0;
    if (result > 0)
        return result;
    error = vs_openssl.SSL_get_error(tls, result);
    if (error == VS_ERROR_ZERO_RETURN)
        return 0;
    *wants_write = error == VS_ERROR_WANT_WRITE;
    if (error == VS_ERROR_WANT_READ || error == VS_ERROR_WANT_WRITE)
        errno = EAGAIN;
    else if (error != VS_ERROR_SYSCALL || !errno)
        errno = EPROTO;
    return -1;
}

static ptrdiff_t vs_tls_read(void *tls, void *data, int size, int *wants_write)
{
    vs_openssl.ERR_clear_error();
    errno = 0;
    return vs_tls_result(tls, vs_openssl.SSL_read(tls, data, size), wants_write);
}

static ptrdiff_t vs_tls_write(void *tls, const void *data, int size, int *wants_write)
{
    vs_openssl.ERR_clear_error();
    errno = 0;
    return vs_tls_result(tls, vs_openssl.SSL_write(tls, data, size), wants_write);
}

#endif
