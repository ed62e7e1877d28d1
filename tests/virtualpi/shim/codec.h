/* What the encoder node asks of its codec, which lives in a library of its own: were libx264 a dependency of the
 * preloaded shim, its symbols would stand in for those of the copy that PyAV brings along. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct codec;

struct codec_settings {
    unsigned int width, height, stride_bytes;
    bool nv12; /* otherwise three planes, Y Cb Cr */
    unsigned int fps_numerator, fps_denominator;
    unsigned int bitrate_bps;
    int level_idc, qp_min, qp_max;
    bool cabac, transform_8x8, repeat_headers;
};

struct codec_calls {
    struct codec *(*open)(const struct codec_settings *settings);
    void (*set_bitrate)(struct codec *codec, unsigned int bitrate_bps);
    /* Encodes one picture into `room` bytes at `to`, as Annex B; gives their number, or -1. */
    ssize_t (*encode)(struct codec *codec, uint8_t *picture, bool keyframe, uint8_t *to, size_t room);
    void (*close)(struct codec *codec);
};
