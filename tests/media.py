"""Test clips of every kind that a source must take, made by ffmpeg's libx264, and what ffmpeg says of them."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

FPS = 25
FRAMES = 40

# Name of the kind: arguments for ffmpeg.
KINDS = {
    "baseline": ["-profile:v", "baseline"],
    "main": ["-profile:v", "main", "-bf", "0"],
    "b-frames": ["-profile:v", "high", "-bf", "3", "-x264-params", "b-pyramid=normal:b-adapt=0"],
    "b-frames-no-pyramid": ["-profile:v", "main", "-bf", "2", "-x264-params", "b-pyramid=none:b-adapt=0"],
    "open-gop": ["-bf", "3", "-x264-params", "open-gop=1:b-adapt=0"],
    "open-gop-short-order-count": ["-bf", "1", "-x264-params", "open-gop=1:b-adapt=0:ref=1"],
    "slices": ["-x264-params", "slices=4:bframes=0"],
    "slices-b-frames": ["-bf", "2", "-x264-params", "slices=3:b-adapt=0"],
    "delimiters": ["-bf", "0", "-x264-params", "aud=1"],
    "timing-sei": ["-bf", "2", "-x264-params", "nal-hrd=cbr:bitrate=400:vbv-maxrate=400:vbv-bufsize=200:aud=1"],
    "interlaced": ["-flags", "+ildct+ilme", "-x264-params", "tff=1:bframes=2"],
    "intra-refresh": ["-bf", "0", "-x264-params", "intra-refresh=1"],
    "zero-latency": ["-preset", "ultrafast", "-tune", "zerolatency", "-x264-params", "sliced-threads=1:threads=3"],
}


class Timing(NamedTuple):
    """A packet's times in seconds, as ffprobe gives them."""

    pts_s: float
    dts_s: float


def make_mp4(path: Path, kind: str, frames: int = FRAMES, size: str = "160x96", fps: str = str(FPS)) -> Path:
    """Encode a moving picture, a keyframe every 10 pictures."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}"]
    command += ["-frames:v", str(frames), "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "10"]
    subprocess.run([*command, *KINDS[kind], str(path)], check=True)
    return path


def to_annexb(container: Path, path: Path) -> Path:
    """Turn a clip into a byte stream without encoding it again."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(container), "-c", "copy"]
    subprocess.run([*command, "-f", "h264", str(path)], check=True)
    return path


@cache
def annexb(kind: str, frames: int = FRAMES, size: str = "160x96", fps: str = str(FPS)) -> bytes:
    """Give a clip as a byte stream."""
    with TemporaryDirectory() as folder:
        mp4 = make_mp4(Path(folder) / "clip.mp4", kind, frames, size, fps)
        return to_annexb(mp4, Path(folder) / "clip.h264").read_bytes()


def timings(path: Path) -> list[Timing]:
    """Ask ffprobe for every packet's times, in decoding order."""
    return [Timing(float(p["pts_time"]), float(p["dts_time"])) for p in _packets(path, "pts_time,dts_time")]


def packet_sizes(path: Path) -> list[int]:
    """Ask ffprobe for the size of every access unit, in decoding order."""
    return [int(packet["size"]) for packet in _packets(path, "size")]


def _packets(path: Path, entries: str) -> list[dict[str, str]]:
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", f"packet={entries}", "-of", "json"]
    done = subprocess.run([*command, str(path)], check=True, capture_output=True)
    packets: list[dict[str, str]] = json.loads(done.stdout)["packets"]
    return packets


def nal_units(stream: bytes) -> list[bytes]:
    """Cut a byte stream into NAL units, without start codes."""
    return [nal.rstrip(b"\0") for nal in re.split(b"\0\0\1", stream)[1:]]


def join(nals: list[bytes], start_code: bytes = b"\0\0\0\1") -> bytes:
    """Put a start code before each NAL unit."""
    return b"".join(start_code + nal for nal in nals)


def with_filler(stream: bytes) -> bytes:
    """Put a filler NAL unit behind every slice."""
    filler = b"\x0c" + b"\xff" * 20 + b"\x80"
    return join([part for nal in nal_units(stream) for part in ([nal, filler] if nal[0] & 31 in {1, 5} else [nal])])


def without_first_keyframe(stream: bytes) -> bytes:
    """Cut the stream behind its first keyframe, as a camera's is that one comes late to."""
    nals = nal_units(stream)
    return join(nals[next(i for i, nal in enumerate(nals) if nal[0] & 31 == 1) :])
