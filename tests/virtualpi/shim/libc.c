/* The calls of the C library that lead to devices. Everything else goes on to the real ones. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>
#include "shim.h"

#define EXPORTED __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))real(AT_##name))

enum call { AT_open, AT_open64, AT___open_2, AT___open64_2, AT_close, AT_ioctl, AT_poll, CALL_COUNT };

static const char *const names[CALL_COUNT] = {"open", "open64", "__open_2", "__open64_2", "close", "ioctl", "poll"};

/* All are looked up when the shim is loaded: dlsym in a later call would wait for a library that is being loaded, whose
 * constructor may be waiting for the thread that makes the call. */
static void *real(enum call call)
{
    static void *found[CALL_COUNT];
    if (!found[call])
        found[call] = dlsym(RTLD_NEXT, names[call]);
    return found[call];
}

__attribute__((constructor)) static void look_up_all(void)
{
    for (int call = 0; call < CALL_COUNT; call++)
        real((enum call)call);
}

int plain_close(int fd) { return REAL(close)(fd); }

static int opened(const char *path, int fd, int flags)
{
    return fd >= 0 && node_is_path(path) ? node_open(fd, flags) : fd;
}

#define OPEN_WITH_MODE(name)                                             \
    EXPORTED int name(const char *path, int flags, ...)                  \
    {                                                                    \
        va_list arguments;                                               \
        va_start(arguments, flags);                                      \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
        va_end(arguments);                                               \
        if (heap_is_path(path))                                       \
            return heap_open();                                          \
        return opened(path, REAL(name)(path, flags, mode), flags);       \
    }

#define OPEN_WITHOUT_MODE(name)                                          \
    int name(const char *path, int flags);                               \
    EXPORTED int name(const char *path, int flags)                       \
    {                                                                    \
        if (heap_is_path(path))                                       \
            return heap_open();                                          \
        return opened(path, REAL(name)(path, flags), flags);             \
    }

OPEN_WITH_MODE(open)
OPEN_WITH_MODE(open64)
OPEN_WITHOUT_MODE(__open_2)
OPEN_WITHOUT_MODE(__open64_2)

EXPORTED int close(int fd)
{
    struct node *node = node_of(fd);
    if (node)
        node_close(node);
    return plain_close(fd);
}

EXPORTED int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    unsigned int code = (unsigned int)request; /* Python extends its sign */
    struct node *node = node_of(fd);
    int result;
    if (node)
        return node_ioctl(node, code, argument);
    if (heap_ioctl(fd, code, argument, &result))
        return result;
    return REAL(ioctl)(fd, request, argument);
}

/* A node's entry is watched through two descriptors, one for each direction, so every entry gets a pair. */
static void pair_of(const struct pollfd *entry, struct pollfd pair[2])
{
    const struct node *node = node_of(entry->fd);
    pair[0] = node ? (struct pollfd){node_ready_fd(node, entry->events & POLLIN), POLLIN, 0} : *entry;
    pair[1] = (struct pollfd){node ? node_ready_fd(node, entry->events & POLLOUT) : -1, POLLIN, 0};
}

EXPORTED int poll(struct pollfd *entries, nfds_t count, int timeout_ms)
{
    struct pollfd pairs[count ? count : 1][2];
    int ready = 0;
    for (nfds_t i = 0; i < count; i++)
        pair_of(&entries[i], pairs[i]);
    int result = REAL(poll)(pairs[0], 2 * count, timeout_ms);
    if (result < 0)
        return result;
    for (nfds_t i = 0; i < count; i++) {
        entries[i].revents = (short)(pairs[i][0].revents | (pairs[i][1].revents & POLLIN ? POLLOUT : 0));
        ready += entries[i].revents != 0;
    }
    return ready;
}
