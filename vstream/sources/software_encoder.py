"""H.264 by libx264 for cameras on boards without an encoder of their own (Pi 5), in picamera2's dress."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace

from av.video.frame import VideoFrame
from picamera2.encoders.encoder import Encoder
from picamera2.request import CompletedRequest, MappedArray

from vstream.sources.preset import EncodeTimes, cheaper_preset, first_preset
from vstream.sources.sensortime import capture_us
from vstream.sources.videoformat import VideoFormat
from vstream.sources.x264 import X264Encoder

_PIXEL_FORMATS = {"YUV420": "yuv420p", "NV12": "nv12"}

log = logging.getLogger(__name__)


class SoftwareEncoder(Encoder):
    """Encodes each frame on picamera2's event thread, where it lies, so that it comes out before the next is taken.

    An error would end that thread unseen; `failed` is told instead, and no further frame comes.
    """

    def __init__(self, video: VideoFormat, failed: Callable[[Exception], None]) -> None:
        super().__init__()
        self._video, self._failed = video, failed
        self._preset: str | None = first_preset(video, len(os.sched_getaffinity(0)))
        self._times = EncodeTimes(video.frame_interval_us)
        self.label = f"libx264 {self._preset}"

    def request_keyframe(self) -> None:
        self._x264.request_keyframe()

    def set_bitrate(self, bitrate_bps: int) -> None:
        self._x264.set_bitrate(bitrate_bps)

    def set_keyframe_interval(self, frames: int) -> None:
        self._x264.set_keyframe_interval(frames)

    def _start(self) -> None:
        self._pixel_format = _PIXEL_FORMATS[self.format]
        picture = replace(self._video, width=self.width, height=self.height)
        self._x264 = X264Encoder(picture, self._pixel_format, self._preset or "ultrafast")

    def _encode(self, stream: str, request: CompletedRequest) -> None:
        try:
            with MappedArray(request, stream) as mapped:
                picture = VideoFrame.from_numpy_buffer(mapped.array, format=self._pixel_format, width=self.width)
                picture.pts = capture_us(request)
                begun_ns = time.monotonic_ns()
                units = self._x264.encode(picture)
            if self._times.took((time.monotonic_ns() - begun_ns) // 1000):
                self._lower_preset()
            for unit in units:
                self.outputframe(bytes(unit.data), timestamp=unit.pts_us)
        except Exception as error:
            self._failed(error)

    def _lower_preset(self) -> None:
        if self._preset is None:
            return
        slow = f"Encoding takes {self._times.mean_us / 1000:.1f} ms a frame at {self._video.fps:g} frames/s"
        self._preset = cheaper_preset(self._preset)
        if self._preset is None:
            log.warning("%s: too long for this processor; lower STREAM_FPS or the size", slow)
            return
        log.warning("%s: x264 goes on with its preset %s", slow, self._preset)
        self._x264.set_preset(self._preset)
        self._times.restart()
