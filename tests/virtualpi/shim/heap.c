/* /dev/dma_heap on a kernel without one: a heap gives out memfds, which are mapped and shared as dma-bufs are. */
#define _GNU_SOURCE
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "shim.h"

bool heap_is_path(const char *path) { return strncmp(path, "/dev/dma_heap/", strlen("/dev/dma_heap/")) == 0; }

int heap_open(void) { return memfd_create("dma-heap", MFD_CLOEXEC); }

static int allocate(struct dma_heap_allocation_data *wanted)
{
    int fd = memfd_create("dma-buf", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)wanted->len)) {
        plain_close(fd);
        return -1;
    }
    wanted->fd = (__u32)fd;
    return 0;
}

bool heap_ioctl(int fd, unsigned int request, void *argument, int *result)
{
    (void)fd;
    switch (request) {
    case (unsigned int)DMA_HEAP_IOCTL_ALLOC:
        *result = allocate(argument);
        return true;
    case (unsigned int)DMA_BUF_IOCTL_SYNC: /* memory is coherent here, and needs no name */
    case (unsigned int)DMA_BUF_SET_NAME_A:
    case (unsigned int)DMA_BUF_SET_NAME_B:
        *result = 0;
        return true;
    }
    return false;
}
