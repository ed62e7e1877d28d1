/* The encoder's controls, with the ranges and defaults that the bcm2835-codec driver has. */
#include <errno.h>
#include "node.h"

struct range {
    uint32_t id;
    int lowest, highest, standard;
    bool menu; /* a wrong choice is refused; a wrong number is brought into the range */
};

static const struct range ranges[CONTROL_COUNT] = {
    [BITRATE] = {V4L2_CID_MPEG_VIDEO_BITRATE, 25 * 1000, 25 * 1000 * 1000, 10 * 1000 * 1000, false},
    [BITRATE_MODE] = {V4L2_CID_MPEG_VIDEO_BITRATE_MODE, 0, V4L2_MPEG_VIDEO_BITRATE_MODE_CBR, 0, true},
    [PROFILE] = {V4L2_CID_MPEG_VIDEO_H264_PROFILE, 0, V4L2_MPEG_VIDEO_H264_PROFILE_HIGH,
                 V4L2_MPEG_VIDEO_H264_PROFILE_HIGH, true},
    [LEVEL] = {V4L2_CID_MPEG_VIDEO_H264_LEVEL, 0, V4L2_MPEG_VIDEO_H264_LEVEL_5_1, V4L2_MPEG_VIDEO_H264_LEVEL_4_0, true},
    [I_PERIOD] = {V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, 0, INT32_MAX, 60, false},
    [GOP_SIZE] = {V4L2_CID_MPEG_VIDEO_GOP_SIZE, 0, INT32_MAX, 60, false},
    [REPEAT_HEADERS] = {V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 0, 1, 0, false},
    [HEADER_MODE] = {V4L2_CID_MPEG_VIDEO_HEADER_MODE, 0, 1, 1, true},
    [QP_MIN] = {V4L2_CID_MPEG_VIDEO_H264_MIN_QP, 0, 51, 20, false},
    [QP_MAX] = {V4L2_CID_MPEG_VIDEO_H264_MAX_QP, 0, 51, 51, false},
    [FORCE_KEY] = {V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 0, 0, 0, false},
};

/* In the order of V4L2_CID_MPEG_VIDEO_H264_LEVEL; the second is level 1b. */
static const int level_idc[] = {10, 9, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51};

void controls_reset(struct node *node)
{
    for (int i = 0; i < CONTROL_COUNT; i++)
        node->controls[i] = ranges[i].standard;
}

int control_level_idc(const struct node *node) { return level_idc[node->controls[LEVEL]]; }

static int set(struct node *node, int index, int *value)
{
    const struct range *range = &ranges[index];
    if (index == FORCE_KEY) {
        node->keyframe_wanted = true;
        return 0;
    }
    if (range->menu && (*value < range->lowest || *value > range->highest))
        return fail(ERANGE);
    if (*value < range->lowest)
        *value = range->lowest;
    if (*value > range->highest)
        *value = range->highest;
    node->controls[index] = *value;
    node->bitrate_changed |= index == BITRATE;
    return 0;
}

int control_transfer(struct node *node, uint32_t id, int *value, bool setting)
{
    for (int index = 0; index < CONTROL_COUNT; index++) {
        if (ranges[index].id != id)
            continue;
        if (setting)
            return set(node, index, value);
        if (index == FORCE_KEY) /* a button: there is nothing to read */
            return fail(EACCES);
        *value = node->controls[index];
        return 0;
    }
    return fail(EINVAL);
}
