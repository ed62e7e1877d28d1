"""What vstream uses of videodev2: linux/videodev2.h for Python."""

from ctypes import Structure

VIDIOC_QUERYCAP: int
VIDIOC_ENUM_FMT: int
VIDIOC_S_CTRL: int
V4L2_CAP_DEVICE_CAPS: int
V4L2_CAP_VIDEO_M2M_MPLANE: int
V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE: int
V4L2_PIX_FMT_H264: int
V4L2_CID_MPEG_VIDEO_BITRATE: int
V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME: int
V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER: int
V4L2_CID_MPEG_VIDEO_H264_I_PERIOD: int
V4L2_CID_MPEG_VIDEO_H264_LEVEL: int
V4L2_CID_MPEG_VIDEO_H264_PROFILE: int
V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE: int
V4L2_MPEG_VIDEO_H264_PROFILE_MAIN: int
V4L2_MPEG_VIDEO_H264_PROFILE_HIGH: int

class v4l2_capability(Structure):  # noqa: N801
    capabilities: int
    device_caps: int

class v4l2_fmtdesc(Structure):  # noqa: N801
    index: int
    type: int
    pixelformat: int

class v4l2_control(Structure):  # noqa: N801
    id: int
    value: int
