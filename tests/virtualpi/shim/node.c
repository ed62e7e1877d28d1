/* Video nodes: which descriptors are some, what they answer, their beginning and end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "node.h"
#include "shim.h"

enum { MOST_DESCRIPTORS = 4096, SMALLEST_UNIT_BYTES = 512 << 10, PAGE_BYTES = 4096, STRIDE_ALIGNMENT = 32 };

static const uint32_t picture_formats[] = {V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV12};

static struct node *nodes[MOST_DESCRIPTORS];

int fail(int error)
{
    errno = error;
    return -1;
}

bool node_is_path(const char *path) { return strncmp(path, "/dev/video", strlen("/dev/video")) == 0; }

struct node *node_of(int fd) { return fd >= 0 && fd < MOST_DESCRIPTORS ? __atomic_load_n(&nodes[fd], __ATOMIC_ACQUIRE) : NULL; }

int node_ready_fd(const struct node *node, short event)
{
    if (!node->encodes || !event)
        return -1;
    return event == POLLIN ? node->units.ready_fd : node->pictures.ready_fd;
}

static unsigned int rounded_up(unsigned int value, unsigned int step) { return (value + step - 1) / step * step; }

static bool takes(uint32_t pixel_format)
{
    return pixel_format == picture_formats[0] || pixel_format == picture_formats[1];
}

static int set_format(struct node *node, struct side *side, struct v4l2_pix_format_mplane *wanted, bool keep)
{
    struct v4l2_plane_pix_format *plane = &wanted->plane_fmt[0];
    if (keep && side->slot_count)
        return fail(EBUSY);
    if (side == &node->pictures && !takes(wanted->pixelformat))
        return fail(EINVAL);
    wanted->num_planes = 1;
    wanted->field = V4L2_FIELD_NONE;
    if (side == &node->units) {
        wanted->pixelformat = V4L2_PIX_FMT_H264;
        plane->bytesperline = 0;
        plane->sizeimage = plane->sizeimage > SMALLEST_UNIT_BYTES ? plane->sizeimage : SMALLEST_UNIT_BYTES;
        plane->sizeimage = rounded_up(plane->sizeimage, PAGE_BYTES);
    } else {
        if (plane->bytesperline < wanted->width)
            plane->bytesperline = rounded_up(wanted->width, STRIDE_ALIGNMENT);
        plane->sizeimage = plane->bytesperline * wanted->height * 3 / 2;
    }
    if (keep)
        side->format = *wanted;
    return 0;
}

static int enumerate_format(const struct node *node, const struct side *side, struct v4l2_fmtdesc *description)
{
    bool coded = side == &node->units;
    if (description->index >= (coded ? 1 : sizeof picture_formats / sizeof *picture_formats))
        return fail(EINVAL);
    description->flags = coded ? V4L2_FMT_FLAG_COMPRESSED : 0;
    description->pixelformat = coded ? V4L2_PIX_FMT_H264 : picture_formats[description->index];
    return 0;
}

static int set_interval(struct node *node, struct v4l2_streamparm *parameters, bool keep)
{
    struct v4l2_fract *interval = &parameters->parm.output.timeperframe;
    if (parameters->type != V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE)
        return fail(EINVAL);
    if (keep && interval->numerator && interval->denominator)
        node->frame_interval = *interval;
    *interval = node->frame_interval;
    parameters->parm.output.capability = V4L2_CAP_TIMEPERFRAME;
    return 0;
}

static int transfer_controls(struct node *node, struct v4l2_ext_controls *list, bool set)
{
    for (uint32_t i = 0; i < list->count; i++) {
        int value = list->controls[i].value;
        list->error_idx = i;
        if (control_transfer(node, list->controls[i].id, &value, set))
            return -1;
        list->controls[i].value = value;
    }
    return 0;
}

static int tell_capability(const struct node *node, struct v4l2_capability *capability)
{
    memset(capability, 0, sizeof *capability);
    strcpy((char *)capability->driver, "bcm2835-codec");
    strcpy((char *)capability->card, node->card);
    capability->device_caps = V4L2_CAP_STREAMING | (node->encodes ? V4L2_CAP_VIDEO_M2M_MPLANE : V4L2_CAP_META_OUTPUT);
    capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static struct side *side_of(struct node *node, uint32_t type)
{
    if (type == V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE)
        return &node->pictures;
    return type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE ? &node->units : NULL;
}

static int stream(struct node *node, struct side *side, bool on)
{
    if (!on)
        side_reset(node, side);
    side->streaming = on;
    pthread_cond_broadcast(&node->changed);
    return 0;
}

static int tell_format(const struct side *side, struct v4l2_format *format)
{
    format->fmt.pix_mp = side->format;
    return 0;
}

/* Requests that name one of the two sides; `type` is where in the argument they do. */
#define ON_SIDE(type, call)                             \
    do {                                                \
        struct side *side = side_of(node, (type));      \
        return side ? (call) : fail(EINVAL);            \
    } while (0)

static int dispatch(struct node *node, unsigned int request, void *argument)
{
    struct v4l2_format *format = argument;
    struct v4l2_buffer *buffer = argument;
    struct v4l2_control *control = argument;
    switch (request) {
    case (unsigned int)VIDIOC_ENUM_FMT:
        ON_SIDE(((struct v4l2_fmtdesc *)argument)->type, enumerate_format(node, side, argument));
    case (unsigned int)VIDIOC_G_FMT:
        ON_SIDE(format->type, tell_format(side, format));
    case (unsigned int)VIDIOC_S_FMT:
    case (unsigned int)VIDIOC_TRY_FMT:
        ON_SIDE(format->type, set_format(node, side, &format->fmt.pix_mp, request == (unsigned int)VIDIOC_S_FMT));
    case (unsigned int)VIDIOC_REQBUFS:
        ON_SIDE(((struct v4l2_requestbuffers *)argument)->type, side_allocate(node, side, argument));
    case (unsigned int)VIDIOC_QUERYBUF:
        ON_SIDE(buffer->type, side_query(node, side, buffer));
    case (unsigned int)VIDIOC_QBUF:
        ON_SIDE(buffer->type, side_enqueue(node, side, buffer));
    case (unsigned int)VIDIOC_DQBUF:
        ON_SIDE(buffer->type, side_dequeue(node, side, buffer));
    case (unsigned int)VIDIOC_STREAMON:
    case (unsigned int)VIDIOC_STREAMOFF:
        ON_SIDE(*(uint32_t *)argument, stream(node, side, request == (unsigned int)VIDIOC_STREAMON));
    case (unsigned int)VIDIOC_S_PARM:
    case (unsigned int)VIDIOC_G_PARM:
        return set_interval(node, argument, request == (unsigned int)VIDIOC_S_PARM);
    case (unsigned int)VIDIOC_S_CTRL:
    case (unsigned int)VIDIOC_G_CTRL:
        return control_transfer(node, control->id, &control->value, request == (unsigned int)VIDIOC_S_CTRL);
    case (unsigned int)VIDIOC_S_EXT_CTRLS:
    case (unsigned int)VIDIOC_G_EXT_CTRLS:
        return transfer_controls(node, argument, request == (unsigned int)VIDIOC_S_EXT_CTRLS);
    }
    return fail(ENOTTY);
}

int node_ioctl(struct node *node, unsigned int request, void *argument)
{
    if (request == (unsigned int)VIDIOC_QUERYCAP)
        return tell_capability(node, argument);
    if (!node->encodes)
        return fail(ENOTTY);
    pthread_mutex_lock(&node->lock);
    int result = dispatch(node, request, argument);
    pthread_mutex_unlock(&node->lock);
    return result;
}

static void read_card(struct node *node)
{
    ssize_t length = pread(node->fd, node->card, sizeof node->card - 1, 0);
    node->card[length > 0 ? strcspn(node->card, "\n") : 0] = 0;
    node->encodes = strcmp(node->card, "bcm2835-codec-encode") == 0;
}

/* The node keeps its number, but is from now on the memory that the units lie in: that can be mapped. */
static int become_encoder(struct node *node, int flags)
{
    struct v4l2_pix_format_mplane picture = {.width = 640, .height = 480, .pixelformat = V4L2_PIX_FMT_YUV420}, unit = picture;
    int memory = memfd_create("bcm2835-codec", MFD_CLOEXEC);
    if (memory < 0)
        return -1;
    node->lock_fd = fcntl(node->fd, F_DUPFD_CLOEXEC, 0);
    dup3(memory, node->fd, flags & O_CLOEXEC);
    plain_close(memory);
    node->blocks = !(flags & O_NONBLOCK);
    node->pictures.ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    node->units.ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    node->frame_interval = (struct v4l2_fract){1, 30};
    controls_reset(node);
    set_format(node, &node->pictures, &picture, true);
    set_format(node, &node->units, &unit, true);
    pthread_mutex_init(&node->lock, NULL);
    pthread_cond_init(&node->changed, NULL);
    return pthread_create(&node->worker, NULL, worker_run, node) ? fail(EAGAIN) : 0;
}

int node_open(int fd, int flags)
{
    struct node *node = fd < MOST_DESCRIPTORS ? calloc(1, sizeof *node) : NULL;
    if (!node)
        return fail(ENOMEM);
    node->fd = fd;
    read_card(node);
    if (node->encodes && become_encoder(node, flags)) {
        free(node);
        plain_close(fd);
        return -1;
    }
    __atomic_store_n(&nodes[fd], node, __ATOMIC_RELEASE);
    return fd;
}

void node_close(struct node *node)
{
    __atomic_store_n(&nodes[node->fd], NULL, __ATOMIC_RELEASE);
    if (node->encodes) {
        struct v4l2_requestbuffers pictures = {.memory = V4L2_MEMORY_DMABUF}, units = {.memory = V4L2_MEMORY_MMAP};
        pthread_mutex_lock(&node->lock);
        side_allocate(node, &node->pictures, &pictures);
        side_allocate(node, &node->units, &units);
        node->closing = true;
        pthread_cond_broadcast(&node->changed);
        pthread_mutex_unlock(&node->lock);
        pthread_join(node->worker, NULL);
        plain_close(node->pictures.ready_fd);
        plain_close(node->units.ready_fd);
        plain_close(node->lock_fd);
    }
    free(node);
}
