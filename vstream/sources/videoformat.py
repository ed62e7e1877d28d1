"""What an encoder is asked to make."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat:
    """Size, rate and coding of a stream, for every source that encodes.

    `width` and `height` are even numbers of pixels, `fps` frames a second, `keyframe_interval` frames from one IDR
    picture to the next. `profile` is baseline, main or high, `level` is written as in ITU-T H.264 table A-1 ("4.1").
    Without `inline_headers` the parameter sets come once, at the start. Without `low_latency` the encoder may look
    ahead and use B-frames where the profile has them.
    """

    width: int
    height: int
    fps: float
    profile: str
    level: str
    bitrate_bps: int
    keyframe_interval: int
    inline_headers: bool = True
    low_latency: bool = True

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second as a fraction fit for an SPS; 29.97 and its kin become n x 1000 / 1001."""
        return Fraction(self.fps).limit_denominator(1001)

    @property
    def frame_interval_us(self) -> int:
        return round(1_000_000 / self.fps)
