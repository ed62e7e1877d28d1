/* The encoder's work, done by x264. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <x264.h>
#include "codec.h"

struct codec {
    x264_t *encoder;
    x264_param_t parameters;
    struct codec_settings settings;
    int64_t pictures;
};

static void set_rate(x264_param_t *parameters, unsigned int bitrate_bps)
{
    int kilobits = (int)(bitrate_bps / 1000);
    parameters->rc.i_rc_method = X264_RC_ABR;
    parameters->rc.i_bitrate = kilobits;
    parameters->rc.i_vbv_max_bitrate = kilobits;
    parameters->rc.i_vbv_buffer_size = kilobits / 2;
}

static struct codec *codec_open(const struct codec_settings *settings)
{
    struct codec *codec = calloc(1, sizeof *codec);
    if (!codec)
        return NULL;
    x264_param_t *parameters = &codec->parameters;
    codec->settings = *settings;
    x264_param_default_preset(parameters, "ultrafast", "zerolatency");
    parameters->i_log_level = X264_LOG_NONE;
    parameters->i_threads = 1;
    parameters->i_width = (int)settings->width;
    parameters->i_height = (int)settings->height;
    parameters->i_csp = settings->nv12 ? X264_CSP_NV12 : X264_CSP_I420;
    parameters->i_fps_num = settings->fps_numerator;
    parameters->i_fps_den = settings->fps_denominator;
    parameters->i_keyint_max = X264_KEYINT_MAX_INFINITE;
    parameters->i_level_idc = settings->level_idc;
    parameters->b_cabac = settings->cabac;
    parameters->analyse.b_transform_8x8 = settings->transform_8x8;
    parameters->b_repeat_headers = 1;
    parameters->rc.i_qp_min = settings->qp_min;
    parameters->rc.i_qp_max = settings->qp_max;
    set_rate(parameters, settings->bitrate_bps);
    codec->encoder = x264_encoder_open(parameters);
    if (codec->encoder)
        return codec;
    free(codec);
    return NULL;
}

static void codec_set_bitrate(struct codec *codec, unsigned int bitrate_bps)
{
    set_rate(&codec->parameters, bitrate_bps);
    x264_encoder_reconfig(codec->encoder, &codec->parameters);
}

static void lay_out(x264_picture_t *picture, const struct codec_settings *settings, uint8_t *samples)
{
    int stride = (int)settings->stride_bytes;
    size_t luma = (size_t)stride * settings->height;
    x264_picture_init(picture);
    picture->img.i_csp = settings->nv12 ? X264_CSP_NV12 : X264_CSP_I420;
    picture->img.i_plane = settings->nv12 ? 2 : 3;
    for (int plane = 0; plane < picture->img.i_plane; plane++) {
        picture->img.plane[plane] = samples + (plane ? luma + (size_t)(plane - 1) * (luma / 4) : 0);
        picture->img.i_stride[plane] = plane && !settings->nv12 ? stride / 2 : stride;
    }
}

static bool wanted(const struct codec *codec, int nal_type)
{
    if (nal_type == NAL_SPS || nal_type == NAL_PPS)
        return codec->settings.repeat_headers || codec->pictures == 0;
    return nal_type != NAL_SEI; /* the Pi's encoder writes none */
}

static ssize_t codec_encode(struct codec *codec, uint8_t *samples, bool keyframe, uint8_t *to, size_t room)
{
    x264_picture_t picture, coded;
    x264_nal_t *nals;
    int count;
    size_t used = 0;
    lay_out(&picture, &codec->settings, samples);
    picture.i_pts = codec->pictures;
    picture.i_type = keyframe ? X264_TYPE_IDR : X264_TYPE_P;
    if (x264_encoder_encode(codec->encoder, &nals, &count, &picture, &coded) <= 0)
        return -1;
    for (int i = 0; i < count; i++) {
        if (!wanted(codec, nals[i].i_type))
            continue;
        size_t size = (size_t)nals[i].i_payload;
        if (used + size > room)
            return -1;
        memcpy(to + used, nals[i].p_payload, size);
        used += size;
    }
    codec->pictures++;
    return (ssize_t)used;
}

static void codec_close(struct codec *codec)
{
    x264_encoder_close(codec->encoder);
    free(codec);
}

__attribute__((visibility("default"))) const struct codec_calls codec_calls = {codec_open, codec_set_bitrate, codec_encode, codec_close};
