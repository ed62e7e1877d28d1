"""What the tests of encoding sources share: formats, a clip, and ffmpeg's view of it."""

import json
import re
import subprocess
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame

from tests.playing import collect
from vstream.sources.base import AccessUnit, Source
from vstream.sources.testpattern import TestPatternSource
from vstream.sources.videoformat import VideoFormat

_SLICES = {1, 5}


def video_format(
    width: int = 320,
    height: int = 240,
    *,
    fps: float = 30.0,
    profile: str = "main",
    level: str = "4.1",
    bitrate_bps: int = 1_000_000,
    keyframe_interval: int = 30,
    inline_headers: bool = True,
    low_latency: bool = True,
) -> VideoFormat:
    """Give a small format, cheap to encode, with what a test cares about changed."""
    return VideoFormat(
        width=width,
        height=height,
        fps=fps,
        profile=profile,
        level=level,
        bitrate_bps=bitrate_bps,
        keyframe_interval=keyframe_interval,
        inline_headers=inline_headers,
        low_latency=low_latency,
    )


def write_clip(path: Path, frames: int = 30) -> Path:
    """Write so many pictures of the test pattern to a file, as Annex-B."""
    path.write_bytes(_stream(collect(TestPatternSource(video_format(fps=120)), frames)))
    return path


def run_in_thread(source: Source, first: threading.Event) -> threading.Thread:
    """Run a source on a thread of its own, `first` set by its first access unit."""
    thread = threading.Thread(target=source.run, args=(lambda unit: first.set(),), daemon=True)
    thread.start()
    return thread


def nal_types(unit: AccessUnit) -> list[int]:
    """Give the type of each NAL unit, the slices of one picture counted once."""
    data = bytes(unit.data)
    types = [data[match.end()] & 31 for match in re.finditer(b"\0\0\1", data)]
    return [kind for index, kind in enumerate(types) if kind not in _SLICES or kind not in types[:index]]


def stream_facts(units: Sequence[AccessUnit]) -> dict[str, object]:
    """Give what ffprobe says of the stream: profile, level, width, height, r_frame_rate, color_space, .."""
    command = ["ffprobe", "-v", "error", "-f", "h264", "-show_streams", "-of", "json", "-"]
    done = subprocess.run(command, input=_stream(units), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    facts: dict[str, object] = json.loads(done.stdout)["streams"][0]
    return facts


def decode(units: Sequence[AccessUnit]) -> list[VideoFrame]:
    """Decode with FFmpeg, a picture at a time and without waiting for more; broken syntax raises."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = {"flags": "low_delay", "err_detect": "explode"}
    pictures = []
    for unit in units:
        packet = av.Packet(bytes(unit.data))
        packet.pts, packet.time_base = unit.pts_us, Fraction(1, 1_000_000)
        pictures += decoder.decode(packet)
    return pictures + decoder.decode(None)


def _stream(units: Sequence[AccessUnit]) -> bytes:
    return b"".join(bytes(unit.data) for unit in units)
