/* The thread that encodes: the oldest picture into the oldest free unit, one at a time, as the hardware does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "node.h"
#include "shim.h"

static const struct codec_calls *codec_calls(void)
{
    static const struct codec_calls *calls;
    void *library = calls ? NULL : dlopen("/opt/virtualpi/codec.so", RTLD_NOW | RTLD_LOCAL);
    if (library)
        calls = dlsym(library, "codec_calls");
    return calls;
}

static struct codec_settings settings_of(const struct node *node)
{
    const struct v4l2_pix_format_mplane *format = &node->pictures.format;
    int profile = node->controls[PROFILE];
    return (struct codec_settings){
        .width = format->width,
        .height = format->height,
        .stride_bytes = format->plane_fmt[0].bytesperline,
        .nv12 = format->pixelformat == V4L2_PIX_FMT_NV12,
        .fps_numerator = node->frame_interval.denominator,
        .fps_denominator = node->frame_interval.numerator,
        .bitrate_bps = (unsigned int)node->controls[BITRATE],
        .level_idc = control_level_idc(node),
        .qp_min = node->controls[QP_MIN],
        .qp_max = node->controls[QP_MAX],
        .cabac = profile >= V4L2_MPEG_VIDEO_H264_PROFILE_MAIN,
        .transform_8x8 = profile == V4L2_MPEG_VIDEO_H264_PROFILE_HIGH,
        .repeat_headers = node->controls[REPEAT_HEADERS],
    };
}

/* Whether the next picture begins a group; a forced keyframe begins the period anew. */
static bool keyframe_due(struct node *node)
{
    int period = node->controls[I_PERIOD];
    bool due = node->keyframe_wanted || !node->codec || (period && node->since_keyframe >= period);
    node->keyframe_wanted = false;
    node->since_keyframe = due ? 1 : node->since_keyframe + 1;
    return due;
}

static void prepare_codec(struct node *node, const struct codec_calls *calls)
{
    if (!node->codec) {
        struct codec_settings settings = settings_of(node);
        node->codec = calls->open(&settings);
    } else if (node->bitrate_changed) {
        calls->set_bitrate(node->codec, (unsigned int)node->controls[BITRATE]);
    }
    node->bitrate_changed = false;
}

static long long monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* One line a picture in the file that $VIRTUALPI_ENCODER_TRACE names: when it was captured, and how long encoding took. */
static void trace(const struct slot *picture, long long took_us)
{
    static int fd = -2;
    const char *path = getenv("VIRTUALPI_ENCODER_TRACE");
    if (fd == -2)
        fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
    if (fd >= 0)
        dprintf(fd, "%lld %lld\n", picture->captured.tv_sec * 1000000LL + picture->captured.tv_usec, took_us);
}

static void encode(struct node *node, const struct codec_calls *calls)
{
    unsigned int from = fifo_take(&node->pictures.waiting), to = fifo_take(&node->units.waiting);
    struct slot *picture = &node->pictures.slots[from], *unit = &node->units.slots[to];
    bool keyframe = keyframe_due(node);
    ssize_t bytes = -1;
    picture->state = unit->state = IN_WORK;
    prepare_codec(node, calls);
    node->working = true;
    pthread_mutex_unlock(&node->lock);
    long long begun_us = monotonic_us();
    if (node->codec)
        bytes = calls->encode(node->codec, picture->memory, keyframe, unit->memory, unit->size);
    trace(picture, monotonic_us() - begun_us);
    pthread_mutex_lock(&node->lock);
    node->working = false;
    unit->bytes_used = bytes > 0 ? (uint32_t)bytes : 0;
    unit->flags = bytes > 0 ? (keyframe ? V4L2_BUF_FLAG_KEYFRAME : V4L2_BUF_FLAG_PFRAME) : V4L2_BUF_FLAG_ERROR;
    unit->captured = picture->captured;
    side_finish(&node->pictures, from);
    side_finish(&node->units, to);
    pthread_cond_broadcast(&node->changed);
}

static void pause_for_fault(struct node *node)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&node->changed, &node->lock, &until);
}

static bool has_work(const struct node *node)
{
    return node->pictures.streaming && node->units.streaming && node->pictures.waiting.count &&
           node->units.waiting.count;
}

void *worker_run(void *argument)
{
    struct node *node = argument;
    const struct codec_calls *calls = codec_calls();
    pthread_mutex_lock(&node->lock);
    while (!node->closing) {
        if (!has_work(node))
            pthread_cond_wait(&node->changed, &node->lock);
        else if (!calls || fault_is_on("encoder-stall"))
            pause_for_fault(node);
        else
            encode(node, calls);
    }
    pthread_mutex_unlock(&node->lock);
    return NULL;
}

/* Called while the worker does not encode. */
void worker_drop_codec(struct node *node)
{
    if (node->codec)
        codec_calls()->close(node->codec);
    node->codec = NULL;
}
