"""Which of x264's presets a processor can afford: the best one that holds the frame rate."""

from vstream.sources.videoformat import VideoFormat

PRESETS = ("veryfast", "superfast", "ultrafast")
"""The best picture first, the least work last."""

# What four cores of a Raspberry Pi 5 should manage with each; the last one takes the rest.
_PIXELS_A_SECOND = {"veryfast": 30_000_000, "superfast": 65_000_000}
_FULL_PROCESSORS = 4

_WINDOW_FRAMES = 30
_BUSY_SHARE = 0.8


def first_preset(video: VideoFormat, processors: int) -> str:
    """The preset to begin with."""
    pixels_a_second = video.width * video.height * video.fps
    share = min(processors, _FULL_PROCESSORS) / _FULL_PROCESSORS
    return next((name for name, limit in _PIXELS_A_SECOND.items() if pixels_a_second <= limit * share), PRESETS[-1])


def cheaper_preset(preset: str) -> str | None:
    """The next one down; None below the last."""
    following = PRESETS.index(preset) + 1
    return PRESETS[following] if following < len(PRESETS) else None


class EncodeTimes:
    """The mean time that encoding took over the latest second or so, held against the frame interval."""

    def __init__(self, interval_us: int) -> None:
        self._interval_us = interval_us
        self.restart()

    def restart(self) -> None:
        """Forget what was measured, as another encoder begins."""
        self._frames = self._sum_us = 0
        self.mean_us = 0

    def took(self, encode_us: int) -> bool:
        """Count one frame; tells at the end of each window whether encoding leaves too little of the interval."""
        self._frames += 1
        self._sum_us += encode_us
        if self._frames < _WINDOW_FRAMES:
            return False
        self.mean_us = self._sum_us // self._frames
        self._frames = self._sum_us = 0
        return self.mean_us > self._interval_us * _BUSY_SHARE
