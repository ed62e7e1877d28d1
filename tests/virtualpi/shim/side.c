/* The two buffer queues of the encoder: their memory, and the way of a buffer through them. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "node.h"
#include "shim.h"

static void fifo_put(struct fifo *fifo, unsigned int slot)
{
    fifo->slots[(fifo->first + fifo->count++) % SLOTS] = slot;
}

unsigned int fifo_take(struct fifo *fifo)
{
    unsigned int slot = fifo->slots[fifo->first];
    fifo->first = (fifo->first + 1) % SLOTS;
    fifo->count--;
    return slot;
}

static void show_ready(struct side *side)
{
    eventfd_t ignored;
    if (side->finished.count)
        eventfd_write(side->ready_fd, 1);
    else
        eventfd_read(side->ready_fd, &ignored);
}

static void let_go(struct node *node, struct side *side, struct slot *slot)
{
    if (side == &node->pictures && slot->memory) {
        munmap(slot->memory, slot->size);
        slot->memory = NULL;
    }
}

/* STREAMOFF: every buffer is the program's again. */
void side_reset(struct node *node, struct side *side)
{
    side->streaming = false;
    while (node->working)
        pthread_cond_wait(&node->changed, &node->lock);
    for (unsigned int i = 0; i < side->slot_count; i++) {
        let_go(node, side, &side->slots[i]);
        side->slots[i].state = IDLE;
    }
    side->waiting = side->finished = (struct fifo){.count = 0};
    side->sequence = 0;
    show_ready(side);
    if (side == &node->pictures)
        worker_drop_codec(node);
    pthread_cond_broadcast(&node->changed);
}

/* The units' memory never shrinks, so that a mapping the program still has does not fault. */
static int give_memory(struct node *node, struct side *side, unsigned int count)
{
    size_t size = side->format.plane_fmt[0].sizeimage, total = count * size;
    struct stat file;
    if (fstat(node->fd, &file) || ((size_t)file.st_size < total && ftruncate(node->fd, (off_t)total)))
        return -1;
    uint8_t *memory = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED, node->fd, 0);
    if (memory == MAP_FAILED)
        return -1;
    for (unsigned int i = 0; i < count; i++)
        side->slots[i] = (struct slot){.memory = memory + i * size, .size = size};
    return 0;
}

int side_allocate(struct node *node, struct side *side, struct v4l2_requestbuffers *request)
{
    bool coded = side == &node->units;
    if (request->memory != (coded ? V4L2_MEMORY_MMAP : V4L2_MEMORY_DMABUF))
        return fail(EINVAL);
    if (request->count && flock(node->lock_fd, LOCK_EX | LOCK_NB))
        return fail(EBUSY);
    side_reset(node, side);
    if (coded && side->slot_count)
        munmap(side->slots[0].memory, side->slot_count * side->slots[0].size);
    side->slot_count = 0;
    if (request->count > SLOTS)
        request->count = SLOTS;
    if (coded && request->count && give_memory(node, side, request->count))
        return -1;
    side->slot_count = request->count;
    request->capabilities = coded ? V4L2_BUF_CAP_SUPPORTS_MMAP : V4L2_BUF_CAP_SUPPORTS_DMABUF;
    if (!node->pictures.slot_count && !node->units.slot_count)
        flock(node->lock_fd, LOCK_UN);
    return 0;
}

static void describe(const struct node *node, const struct side *side, struct v4l2_buffer *buffer)
{
    const struct slot *slot = &side->slots[buffer->index];
    buffer->flags = slot->flags | V4L2_BUF_FLAG_TIMESTAMP_COPY;
    if (slot->state == WAITING || slot->state == IN_WORK)
        buffer->flags |= V4L2_BUF_FLAG_QUEUED;
    buffer->field = V4L2_FIELD_NONE;
    buffer->timestamp = slot->captured;
    buffer->sequence = slot->sequence;
    buffer->length = 1;
    buffer->m.planes[0].bytesused = slot->bytes_used;
    buffer->m.planes[0].length = (uint32_t)slot->size;
    buffer->m.planes[0].data_offset = 0;
    if (side == &node->units)
        buffer->m.planes[0].m.mem_offset = (uint32_t)(buffer->index * slot->size);
}

int side_query(struct node *node, struct side *side, struct v4l2_buffer *buffer)
{
    if (buffer->index >= side->slot_count || !buffer->m.planes)
        return fail(EINVAL);
    describe(node, side, buffer);
    return 0;
}

static int take_picture(const struct side *side, const struct v4l2_buffer *buffer, struct slot *slot)
{
    size_t size = side->format.plane_fmt[0].sizeimage;
    struct stat file;
    int fd = buffer->m.planes[0].m.fd;
    if (buffer->memory != V4L2_MEMORY_DMABUF || fstat(fd, &file) || (size_t)file.st_size < size)
        return fail(EINVAL);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -1;
    *slot = (struct slot){.memory = memory, .size = size, .captured = buffer->timestamp};
    return 0;
}

int side_enqueue(struct node *node, struct side *side, struct v4l2_buffer *buffer)
{
    if (fault_is_on("encoder-error"))
        return fail(EIO);
    if (buffer->index >= side->slot_count || !buffer->m.planes || side->slots[buffer->index].state != IDLE)
        return fail(EINVAL);
    struct slot *slot = &side->slots[buffer->index];
    if (side == &node->pictures && take_picture(side, buffer, slot))
        return -1;
    slot->state = WAITING;
    slot->flags = 0;
    fifo_put(&side->waiting, buffer->index);
    pthread_cond_broadcast(&node->changed);
    return 0;
}

void side_finish(struct side *side, unsigned int index)
{
    side->slots[index].state = FINISHED;
    side->slots[index].sequence = side->sequence++;
    fifo_put(&side->finished, index);
    show_ready(side);
}

int side_dequeue(struct node *node, struct side *side, struct v4l2_buffer *buffer)
{
    while (!side->finished.count) {
        if (!side->streaming)
            return fail(EINVAL);
        if (!node->blocks)
            return fail(EAGAIN);
        pthread_cond_wait(&node->changed, &node->lock);
    }
    buffer->index = fifo_take(&side->finished);
    show_ready(side);
    struct slot *slot = &side->slots[buffer->index];
    slot->state = IDLE;
    describe(node, side, buffer);
    let_go(node, side, slot);
    return 0;
}
