"""What the Pi's encoder is asked through its driver, with doubles of the libraries that only a Pi has."""

import fcntl
import importlib
import sys
from ctypes import Structure, c_int32, c_uint32
from pathlib import Path
from types import ModuleType

import pytest

from tests.encoding import video_format

# linux/v4l2-controls.h and linux/videodev2.h
FORCE_KEY_FRAME = 0x9909E5
S_CTRL = 0xC008561C


class Control(Structure):
    """struct v4l2_control."""

    _fields_ = (("id", c_uint32), ("value", c_int32))


class V4L2Encoder:
    """As of picamera2 0.3.31, which has nothing to ask for a keyframe by."""

    def __init__(self, bitrate: int, pixformat: int) -> None:
        self.vd = sys.stderr


def libraries() -> dict[str, ModuleType]:
    """Those that the encoder imports, by name."""
    names = ("videodev2", "libcamera", "picamera2", "picamera2.encoders", "picamera2.request")
    made = {name: ModuleType(name) for name in (*names, "picamera2.encoders.v4l2_encoder")}
    vars(made["videodev2"]).update(
        {f"V4L2_MPEG_VIDEO_H264_PROFILE_{name}": 0 for name in ("BASELINE", "MAIN", "HIGH")},
        V4L2_PIX_FMT_H264=0,
        V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME=FORCE_KEY_FRAME,
        VIDIOC_S_CTRL=S_CTRL,
        v4l2_control=Control,
    )
    vars(made["libcamera"])["controls"] = None
    vars(made["picamera2.request"])["CompletedRequest"] = object
    vars(made["picamera2.encoders.v4l2_encoder"])["V4L2Encoder"] = V4L2Encoder
    vars(made["picamera2.encoders"])["v4l2_encoder"] = made["picamera2.encoders.v4l2_encoder"]
    return made


def test_a_keyframe_is_asked_of_the_driver_as_older_picamera2_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", sys.modules | libraries())
    module = importlib.import_module("vstream.sources.hardware_encoder")
    encoder = module.HardwareEncoder(video_format(), pytest.fail, Path("/dev/video11"))
    asked: list[tuple[int, int, int]] = []

    def ioctl(_fd: object, request: int, control: Control) -> None:
        asked.append((request, control.id, control.value))

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    encoder.request_keyframe()
    assert asked == [(S_CTRL, FORCE_KEY_FRAME, 1)]
