"""What a V4L2 device node is, asked of its driver rather than guessed from the board."""

import fcntl
from pathlib import Path

import videodev2

_DEVICES = Path("/dev")

LEVEL_MENU_PREFIX = "V4L2_MPEG_VIDEO_H264_LEVEL_"


def find_h264_encoder(devices: Path = _DEVICES) -> Path | None:
    """The first of all video nodes that is an H.264 encoder; None where the board has none.

    A node that nobody may open, or that somebody has to himself, tells nothing of itself.
    """
    nodes = sorted(devices.glob("video*"), key=lambda node: (len(node.name), node.name))
    return next((node for node in nodes if is_h264_encoder(node)), None)


def is_h264_encoder(node: Path) -> bool:
    """Whether a node is a memory-to-memory device that makes H.264 (VIDIOC_QUERYCAP, VIDIOC_ENUM_FMT)."""
    try:
        with node.open("rb+", buffering=0) as device:
            capability = videodev2.v4l2_capability()
            fcntl.ioctl(device, videodev2.VIDIOC_QUERYCAP, capability)
            described = capability.capabilities & videodev2.V4L2_CAP_DEVICE_CAPS
            abilities = capability.device_caps if described else capability.capabilities
            return bool(abilities & videodev2.V4L2_CAP_VIDEO_M2M_MPLANE) and _makes_h264(device.fileno())
    except OSError:
        return False


def _makes_h264(fd: int) -> bool:
    """Look through the formats that come out; the driver answers EINVAL after the last."""
    description = videodev2.v4l2_fmtdesc()
    description.type = videodev2.V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
    while True:
        try:
            fcntl.ioctl(fd, videodev2.VIDIOC_ENUM_FMT, description)
        except OSError:
            return False
        if description.pixelformat == videodev2.V4L2_PIX_FMT_H264:
            return True
        description.index += 1


def level_menu_entry(level: str) -> int:
    """Give the value of V4L2_CID_MPEG_VIDEO_H264_LEVEL for a level written as in ITU-T H.264 table A-1."""
    name = level.upper().replace(".", "_")
    return int(getattr(videodev2, LEVEL_MENU_PREFIX + (f"{name}_0" if name.isdigit() else name)))
