"""A source that needs no camera: a drawn test picture, encoded as a camera's would be."""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from vstream.clock import monotonic_us
from vstream.sources.base import Remedy, Sink
from vstream.sources.drawing import Canvas, Plane
from vstream.sources.pattern import Pattern
from vstream.sources.videoformat import VideoFormat
from vstream.sources.x264 import X264Encoder

log = logging.getLogger(__name__)


class TestPatternSource:
    """The test picture at the rate, size and coding asked for; a `caption` says why it is shown."""

    is_waiting = False
    remedies: Sequence[Remedy] = ()

    __test__ = False  # the name is no test's, whatever pytest makes of it

    def __init__(self, video: VideoFormat, caption: str = "") -> None:
        """Open the encoder and draw the background.

        Raises:
            SourceError: libx264 refuses the format.
        """
        self.name = "test pattern"
        self._encoder = X264Encoder(video)
        self._interval_us = 1_000_000 / video.fps
        self._picture = VideoFrame(video.width, video.height, "yuv420p")
        self._pattern = Pattern(Canvas(*(_samples(plane) for plane in self._picture.planes)), caption)
        self._stopped = threading.Event()
        self._warned = False

    def run(self, sink: Sink) -> None:
        """Hand over an access unit each frame interval, its `pts_us` the time it was drawn, until `stop`.

        Raises:
            SourceError: libx264 failed.
        """
        start_us, frame_number = monotonic_us(), 0
        while not self._stopped.wait((start_us + frame_number * self._interval_us - monotonic_us()) / 1_000_000):
            pts_us = monotonic_us()
            self._pattern.draw(datetime.now(), pts_us, frame_number)
            self._picture.pts = pts_us
            for unit in self._encoder.encode(self._picture):
                sink(unit)
            frame_number = self._next_due(frame_number, monotonic_us() - start_us)

    def stop(self) -> None:
        self._stopped.set()

    def request_keyframe(self) -> bool:
        self._encoder.request_keyframe()
        return True

    def set_bitrate(self, bitrate_bps: int) -> bool:
        self._encoder.set_bitrate(bitrate_bps)
        return True

    def set_keyframe_interval(self, frames: int) -> bool:
        self._encoder.set_keyframe_interval(frames)
        return True

    def _next_due(self, frame_number: int, elapsed_us: int) -> int:
        """Give the next frame whose time has not passed by more than its interval; those between are skipped."""
        due = max(frame_number + 1, int(elapsed_us / self._interval_us))
        if due > frame_number + 1 and not self._warned:
            self._warned = True
            log.warning(
                "Test pattern skips frames: encoding is slower than the frame rate; lower STREAM_FPS or the size"
            )
        return due


def _samples(plane: VideoPlane) -> Plane:
    """View a plane's memory as rows and columns, the padding at the end of each row left out."""
    rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
