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
#include <stdio.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

enum {
    VS_FILETYPE_PEM = 1,
    VS_ERROR_WANT_READ = 2,
    VS_ERROR_WANT_WRITE = 3,
    VS_ERROR_SYSCALL = 5,
    VS_ERROR_ZERO_RETURN = 6,
    VS_CTRL_MODE = 33,
    VS_CTRL_SESSION_CACHE_MODE = 44,
    VS_CTRL_CLEAR_MODE = 78,
    VS_CTRL_MIN_VERSION = 123,
    VS_TLS1_2 = 0x0303,
    VS_MODES = 0x01 | 0x02 | 0x10, /* partial writes, moving buffers, buffers given back while idle */
    VS_MODE_AUTO_RETRY = 0x04,
};
/* Sessions are not resumed: tickets and a cache would be kept for every viewer that ever came. */
#define VS_OP_NO_TICKET (UINT64_C(1) << 14)
#define VS_OP_CIPHER_SERVER_PREFERENCE (UINT64_C(1) << 22)
#define VS_OP_NO_RENEGOTIATION (UINT64_C(1) << 30)

typedef int (*vs_password_t)(char *, int, int, void *);

#define VS_SSL_FUNCTIONS(X)                                                     \
    X(const void *, TLS_server_method, (void))                                  \
    X(void *, SSL_CTX_new, (const void *))                                      \
    X(void, SSL_CTX_free, (void *))                                             \
    X(long, SSL_CTX_ctrl, (void *, int, long, void *))                          \
    X(uint64_t, SSL_CTX_set_options, (void *, uint64_t))                        \
    X(int, SSL_CTX_set_num_tickets, (void *, size_t))                           \
    X(int, SSL_CTX_set_cipher_list, (void *, const char *))                     \
    X(int, SSL_CTX_set_ciphersuites, (void *, const char *))                    \
    X(void, SSL_CTX_set_default_passwd_cb, (void *, vs_password_t))             \
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
    X(int, SSL_is_init_finished, (const void *))                                \
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

static void *vs_open(const char *directory, const char *name)
{
    char path[4096];
    void *library = NULL;
    if (directory && snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path))
        library = dlopen(path, RTLD_NOW);
    return library ? library : dlopen(name, RTLD_NOW);
}

/* Finds every function; NULL, or the name of what is missing. Both libraries are of one build: a `directory`, where
 * there is one, is looked into before the system, for it has the libcrypto that this process may have loaded already. */
static const char *vs_openssl_load(const char *directory)
{
    static const char *const versions[][2] = {{"libssl.so.3", "libcrypto.so.3"}, {"libssl.so.1.1", "libcrypto.so.1.1"}};
    void *ssl = NULL, *crypto = NULL;
    for (unsigned i = 0; i < 2 && !(ssl && crypto); i++) {
        crypto = vs_open(directory, versions[i][1]);
        ssl = crypto ? vs_open(directory, versions[i][0]) : NULL;
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

/* Whether this processor computes AES itself; a Raspberry Pi 4 does not, a Pi 5 does. */
static int vs_has_aes(void)
{
#if defined(__aarch64__)
    return (getauxval(AT_HWCAP) >> 3) & 1; /* HWCAP_AES */
#elif defined(__x86_64__)
    return __builtin_cpu_supports("aes") != 0;
#else
    return 0;
#endif
}

/* Nobody is there to be asked for the passphrase of a key. */
static int vs_no_password(char *to, int size, int writing, void *data)
{
    (void)to, (void)size, (void)writing, (void)data;
    return -1;
}

static int vs_tls_configure(void *context)
{
    const int aes = vs_has_aes();
    vs_openssl.SSL_CTX_ctrl(context, VS_CTRL_MIN_VERSION, VS_TLS1_2, NULL);
    vs_openssl.SSL_CTX_ctrl(context, VS_CTRL_MODE, VS_MODES, NULL);
    /* Or one read would go on as long as a peer sends nothing but new keys. */
    vs_openssl.SSL_CTX_ctrl(context, VS_CTRL_CLEAR_MODE, VS_MODE_AUTO_RETRY, NULL);
    vs_openssl.SSL_CTX_ctrl(context, VS_CTRL_SESSION_CACHE_MODE, 0, NULL);
    vs_openssl.SSL_CTX_set_options(context, VS_OP_NO_RENEGOTIATION | VS_OP_NO_TICKET | VS_OP_CIPHER_SERVER_PREFERENCE);
    vs_openssl.SSL_CTX_set_num_tickets(context, 0);
    vs_openssl.SSL_CTX_set_default_passwd_cb(context, vs_no_password);
    return vs_openssl.SSL_CTX_set_ciphersuites(context, aes
                   ? "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
                   : "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") == 1 &&
           vs_openssl.SSL_CTX_set_cipher_list(context, aes ? "ECDHE+AESGCM:ECDHE+CHACHA20" : "ECDHE+CHACHA20:ECDHE+AESGCM") == 1;
}

/* Takes both files; gives the one that cannot be used, NULL where all is well. */
static const char *vs_tls_identify(void *context, const char *certificate, const char *key, const char **reason)
{
    if (vs_openssl.SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return certificate;
    if (vs_openssl.SSL_CTX_use_PrivateKey_file(context, key, VS_FILETYPE_PEM) != 1)
        return key;
    if (vs_openssl.SSL_CTX_check_private_key(context) == 1)
        return NULL;
    *reason = "it is not the key of that certificate";
    return key;
}

/* What is said of a file that is not what it should be; OpenSSL's own words tell little. */
static const char *vs_tls_explain(const char *reason, int of_key)
{
    if (strcmp(reason, "unsupported") && strcmp(reason, "no start line") && strcmp(reason, "bad password read"))
        return reason;
    return of_key ? "it holds no key in PEM form without a passphrase" : "it holds no certificate in PEM form";
}

/* A server's context for TLS 1.2 and later from PEM files; NULL with the `*culprit` and the `*reason`. */
static void *vs_tls_context(const char *certificate, const char *key, const char **culprit, const char **reason)
{
    void *context;
    errno = 0;
    *culprit = certificate;
    *reason = NULL;
    vs_openssl.ERR_clear_error();
    context = vs_openssl.SSL_CTX_new(vs_openssl.TLS_server_method());
    if (context && vs_tls_configure(context)) {
        *culprit = vs_tls_identify(context, certificate, key, reason);
        if (!*culprit)
            return context;
    }
    if (!*reason)
        *reason = vs_openssl.ERR_reason_error_string(vs_openssl.ERR_get_error());
    if (!*reason)
        *reason = errno ? strerror(errno) : "unknown reason";
    *reason = vs_tls_explain(*reason, *culprit == key);
    if (context)
        vs_openssl.SSL_CTX_free(context);
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

/* What the latest failure with EPROTO on this thread was; OpenSSL's own words, which stay. */
static __thread const char *vs_tls_reason;

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
    if (errno == EPROTO)
        vs_tls_reason = vs_openssl.ERR_reason_error_string(vs_openssl.ERR_get_error());
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
