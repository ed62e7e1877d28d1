"""The clip that every contender streams: 1080p30 at 8 Mbit/s, an IDR picture a second, no B-frames."""

from functools import cache
from pathlib import Path

from bench.cache import cache_dir, replacing, run_tool
from bench.errors import BenchError

FPS = 30
SECONDS = 20
BITRATE_BPS = 8_000_000
# x264 stays a little below the rate that it must never exceed, so it is allowed a little more. A quarter of a second
# of buffer and a noisy picture give IDR pictures two to three times the size of the others, as cameras do.
ENCODER_BITRATE_BPS = 8_300_000
ENCODER_BUFFER_BITS = 2_000_000
PICTURE = f"testsrc2=size=1920x1080:rate={FPS}:duration={SECONDS},noise=alls=40:allf=t,format=yuv420p"
ENCODER = f"keyint={FPS}:min-keyint={FPS}:scenecut=0:repeat-headers=1:sliced-threads=0:slices=1:aud=0:vbv-init=0.4"


def clip() -> Path:
    """Give the path of the clip as an Annex-B file, encoding it when it is not there.

    Raises:
        BenchError: ffmpeg is missing, or the clip has not the bitrate it is named for.
    """
    path = cache_dir() / "1080p30-8mbit.h264"
    if not path.exists():
        with replacing(path) as draft:
            _encode(draft)
    return path


@cache
def frame_sizes() -> list[int]:
    """Give the size in bytes of each access unit of the clip, start codes included, as ffprobe finds them."""
    packets = run_tool(["ffprobe", "-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", clip()])
    return [int(line.strip(",")) for line in packets.split()]


def _encode(path: Path) -> None:
    rate = str(ENCODER_BITRATE_BPS)
    picture = ["-f", "lavfi", "-i", PICTURE, "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main"]
    limits = ["-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", str(ENCODER_BUFFER_BITS)]
    encoder = ["-level", "4.1", "-bf", "0", "-x264-params", ENCODER]
    run_tool(["ffmpeg", "-v", "error", *picture, *limits, *encoder, "-f", "h264", path])
    bitrate_bps = path.stat().st_size * 8 / SECONDS
    if abs(bitrate_bps / BITRATE_BPS - 1) > 0.05:
        raise BenchError(f"the clip came out at {bitrate_bps / 1e6:.2f} Mbit/s, wanted {BITRATE_BPS / 1e6:.2f}")
