"""H.264 by the Raspberry Pi's own encoder (up to Pi 4), driven by picamera2."""

import fcntl
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from queue import Queue

import videodev2
from picamera2.encoders import v4l2_encoder
from picamera2.encoders.v4l2_encoder import V4L2Encoder
from picamera2.request import CompletedRequest

from vstream.sources.sensortime import capture_us
from vstream.sources.v4l2 import level_menu_entry
from vstream.sources.videoformat import VideoFormat

_PROFILES = {
    "baseline": videodev2.V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE,
    "main": videodev2.V4L2_MPEG_VIDEO_H264_PROFILE_MAIN,
    "high": videodev2.V4L2_MPEG_VIDEO_H264_PROFILE_HIGH,
}


class HardwareEncoder(V4L2Encoder):
    """picamera2's V4L2 encoder with the level asked for, the sensor's times and a bitrate that can be changed.

    An error would end the thread it happens on unseen; `failed` is told instead, and no further frame comes.
    """

    def __init__(self, video: VideoFormat, failed: Callable[[Exception], None], node: Path) -> None:
        super().__init__(video.bitrate_bps, videodev2.V4L2_PIX_FMT_H264)
        self.framerate, self._enable_framerate = video.fps, True
        self._video, self._failed, self._node = video, failed, node
        self.label = f"hardware ({node})"

    def request_keyframe(self) -> None:
        """Make the next picture an IDR picture; raises as `set_bitrate` does. picamera2 itself can from 0.3.32 on."""
        self._set(videodev2.V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1)

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Change the target bitrate of the running encoder.

        Raises:
            OSError: the driver refuses it.
        """
        self._set(videodev2.V4L2_CID_MPEG_VIDEO_BITRATE, bitrate_bps)

    def set_keyframe_interval(self, frames: int) -> None:
        """Change the interval of the running encoder; raises as `set_bitrate` does."""
        self._set(videodev2.V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, frames)

    def _set(self, number: int, value: int) -> None:
        control = videodev2.v4l2_control()
        control.id, control.value = number, value
        fcntl.ioctl(self.vd, videodev2.VIDIOC_S_CTRL, control)

    def thread_poll(self, buf_available: Queue[int]) -> None:
        try:
            super().thread_poll(buf_available)
        except Exception as error:
            self._failed(error)

    def _start(self) -> None:
        self._controls = [
            (videodev2.V4L2_CID_MPEG_VIDEO_H264_PROFILE, _PROFILES[self._video.profile]),
            (videodev2.V4L2_CID_MPEG_VIDEO_H264_LEVEL, level_menu_entry(self._video.level)),
            (videodev2.V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, self._video.keyframe_interval),
            (videodev2.V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, int(self._video.inline_headers)),
        ]
        _lead_to(self._node)
        super()._start()

    def _encode(self, stream: str, request: CompletedRequest) -> None:
        try:
            super()._encode(stream, request)
        except OSError as error:
            self._failed(error)

    def _timestamp(self, request: CompletedRequest) -> int:
        return capture_us(request)


def _lead_to(node: Path) -> None:
    """Have picamera2 open this node: it opens number 11, which is another device where cameras took that number."""

    def open_node(_name: str, _mode: str, buffering: int) -> FileIO:
        assert buffering == 0
        return node.open("rb+", buffering=0)

    vars(v4l2_encoder)["open"] = open_node
