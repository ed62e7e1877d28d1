/* The rooms of the shim: libc.c takes the program's calls and hands them to the heap or to a device node. */
#pragma once
#include <poll.h>
#include <stdbool.h>

/* heap.c: /dev/dma_heap. */
bool heap_is_path(const char *path);
int heap_open(void);
bool heap_ioctl(int fd, unsigned int request, void *argument, int *result);

/* node.c: /dev/videoN. `node_open` takes over an open file and keeps its number. */
struct node;
bool node_is_path(const char *path);
int node_open(int fd, int flags);
struct node *node_of(int fd);
int node_ioctl(struct node *node, unsigned int request, void *argument);
void node_close(struct node *node);
/* The descriptor that is readable while the node is ready for `event`, POLLIN or POLLOUT; -1 where it has none. */
int node_ready_fd(const struct node *node, short event);

/* faults.c: whether the file of that name lies in the directory of faults. */
bool fault_is_on(const char *name);

/* libc.c: the real close, for descriptors of our own. */
int plain_close(int fd);
