"""H.264 by libx264 through PyAV: a picture in, its access unit out at once where low latency is asked for."""

import os
from fractions import Fraction

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from vstream.errors import SourceError
from vstream.sources.base import AccessUnit
from vstream.sources.videoformat import VideoFormat

MICROSECOND = Fraction(1, 1_000_000)

# A keyframe may take what a quarter of a second of the bitrate does: it is then sent within that time on a link that
# has no more than the bitrate, and is still big enough to look as good as the pictures around it.
_RATE_BUFFER_S = 0.25

# How far the bitrate of an encoder may be steered up and down from that it was opened for.
_BITRATE_SPAN = 2

_PIXELS_A_SECOND_PER_THREAD = 30_000_000
_MOST_THREADS = 4


class X264Encoder:
    """Encodes pictures of one format. One thread calls `encode`; any thread may call the others."""

    def __init__(self, video: VideoFormat, pixel_format: str = "yuv420p", preset: str = "ultrafast") -> None:
        """Open the encoder for pictures in `pixel_format` (yuv420p or nv12) with one of x264's presets.

        Raises:
            SourceError: libx264 refuses the format.
        """
        self._video, self._pixel_format = video, pixel_format
        self._wanted_bps = video.bitrate_bps
        self._wanted_interval = video.keyframe_interval
        self._wanted_preset = preset
        self._keyframe_wanted = False
        self._headers = b""
        self._open()

    def request_keyframe(self) -> None:
        """Make the next picture an IDR picture."""
        self._keyframe_wanted = True

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Aim at another bitrate from the next picture on."""
        self._wanted_bps = bitrate_bps

    def set_keyframe_interval(self, frames: int) -> None:
        """Begin anew with the next picture, as x264 does not change this while it runs; that picture is a keyframe."""
        self._wanted_interval = frames

    def set_preset(self, preset: str) -> None:
        """Begin anew with another of x264's presets; the next picture is a keyframe."""
        self._wanted_preset = preset

    def encode(self, picture: VideoFrame) -> list[AccessUnit]:
        """Encode a picture whose `pts` is in microseconds; without low latency what comes out may be an earlier one.

        The picture's memory may be used again when this returns.

        Raises:
            SourceError: libx264 failed.
        """
        units = self._follow_wishes()
        keyframe, self._keyframe_wanted = self._keyframe_wanted, False
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        picture.time_base = MICROSECOND
        return units + self._encode(picture)

    def _follow_wishes(self) -> list[AccessUnit]:
        """Steer the running encoder; begin anew where that would leave it with a far too long or short rate buffer."""
        bitrate_bps = self._wanted_bps
        goes_on = (self._wanted_interval, self._wanted_preset) == (self._context.gop_size, self._preset)
        if goes_on and bitrate_bps == self._context.bit_rate:
            return []
        if goes_on and self._opened_bps / _BITRATE_SPAN <= bitrate_bps <= self._opened_bps * _BITRATE_SPAN:
            self._context.bit_rate = bitrate_bps
            return []
        rest = self._encode(None)
        self._open()
        return rest

    def _encode(self, picture: VideoFrame | None) -> list[AccessUnit]:
        try:
            packets = self._context.encode(picture)
        except av.FFmpegError as error:
            raise SourceError(f"libx264 failed: {error.strerror}") from error
        units = []
        for packet in packets:
            units.append(AccessUnit(self._headers + bytes(packet), packet.pts or 0))
            self._headers = b""
        return units

    def _open(self) -> None:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = self._video.width, self._video.height
        context.pix_fmt = self._pixel_format
        context.time_base, context.framerate = MICROSECOND, self._video.frame_rate
        self._opened_bps, self._preset = self._wanted_bps, self._wanted_preset
        # x264 never goes above the bitrate it was opened with: open it high, then steer it down to what is wanted.
        context.bit_rate = self._opened_bps * _BITRATE_SPAN
        context.gop_size = self._wanted_interval
        context.thread_count = thread_count(self._video)
        context.options = _options(self._video, self._wanted_bps, self._preset)
        if not self._video.inline_headers:
            context.flags |= Flags.global_header
        try:
            context.open()
        except av.FFmpegError as error:
            size = f"{self._video.width}x{self._video.height} at {self._video.fps:g} frames/s"
            raise SourceError(f"libx264 cannot encode {size}: {error.strerror}") from error
        context.bit_rate = self._opened_bps
        self._context = context
        self._headers = b"" if self._video.inline_headers else bytes(context.extradata or b"")


def thread_count(video: VideoFormat) -> int:
    """Choose how many threads share a picture: as many as its size is worth and the processor has, four at most."""
    pixels_a_second = video.width * video.height * video.fps
    return max(
        1, min(round(pixels_a_second / _PIXELS_A_SECOND_PER_THREAD), len(os.sched_getaffinity(0)), _MOST_THREADS)
    )


def _options(video: VideoFormat, bitrate_bps: int, preset: str) -> dict[str, str]:
    # The preset "ultrafast" leaves out the tools that make a stream main or high, and with them the profile in its SPS.
    x264 = {
        "cabac": int(video.profile != "baseline"),
        "8x8dct": int(video.profile == "high"),
        "scenecut": 0,
    }
    options = {
        "preset": preset,
        "profile": video.profile,
        "level": video.level,
        # The rate buffer is set here and not among x264's own parameters, or libavcodec would take it for none
        # and x264 would then not let the bitrate be changed.
        "maxrate": str(bitrate_bps * _BITRATE_SPAN),
        "bufsize": str(round(bitrate_bps * _RATE_BUFFER_S)),
        "forced-idr": "1",
        "colorspace": "bt709",
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "color_range": "tv",
    }
    if video.low_latency:
        options["tune"] = "zerolatency"
    elif video.profile != "baseline":
        x264 |= {"bframes": 2, "rc-lookahead": 10}
    return options | {"x264-params": ":".join(f"{name}={value}" for name, value in x264.items())}
