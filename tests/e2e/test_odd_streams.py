"""Streams that other encoders make: all of them play, and over TCP every picture is the source's, bit by bit."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.clips import encode
from tests.e2e.players import watch
from tests.e2e.server import serving
from tests.pictures import assert_is_run_of, picture_hashes

X264 = {
    "B-frames": "bframes=3:b-pyramid=normal",
    "several slices a picture": "slices=5:bframes=0",
    "sliced threads": "sliced-threads=1:threads=4:bframes=0:rc-lookahead=0",
    "access unit delimiters and SEI": "aud=1:pic-struct=1:bframes=2",
    "filler": "filler=1:nal-hrd=cbr:bitrate=1000:vbv-maxrate=1000:vbv-bufsize=300",
}


@pytest.mark.parametrize("x264", X264.values(), ids=list(X264))
def test_encoder_features(x264: str, tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.h264", f"keyint=30:{x264}")
    assert_is_run_of(played(clip), picture_hashes(clip))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("bframes", [0, 3])
def test_containers(suffix: str, bframes: int, tmp_path: Path) -> None:
    clip = encode(tmp_path / f"clip.{suffix}", f"keyint=30:bframes={bframes}")
    assert_is_run_of(played(clip), picture_hashes(clip))


def test_three_byte_start_codes(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.h264", "keyint=30:bframes=0")
    rewrite(clip, lambda data: data.replace(b"\0\0\0\1", b"\0\0\1"))
    assert_is_run_of(played(clip), picture_hashes(clip))


def test_new_parameter_sets_half_way(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.h264", "keyint=30:bframes=0:ref=1:cabac=0:8x8dct=0")
    other = encode(tmp_path / "other.h264", "keyint=30:bframes=2:ref=4", picture="testsrc")
    rewrite(clip, lambda data: data + other.read_bytes())
    assert_is_run_of(played(clip), picture_hashes(clip))


def test_begins_in_the_middle(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.h264", "keyint=30:bframes=0")
    decodable = picture_hashes(clip)[30:]
    rewrite(clip, lambda data: data[data.index(b"\0\0\1\x41") :])
    assert_is_run_of(played(clip), decodable)


def test_parameter_sets_once_on_standard_input(tmp_path: Path) -> None:
    """The way of a camera program that pipes: live, endless, its parameter sets at the very beginning alone."""
    clip = encode(tmp_path / "clip.mp4", "keyint=30:bframes=0")
    pipe = ["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy"]
    pipe += ["-bsf:v", "h264_mp4toannexb", "-flush_packets", "1", "-f", "h264", "-"]
    with subprocess.Popen(pipe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as feed:
        assert feed.stdout is not None
        try:
            with serving("-", stdin=feed.stdout) as server:
                pictures = watch(server.url, "tcp")
        finally:
            feed.kill()
    assert_is_run_of(pictures, picture_hashes(clip))


def played(clip: Path) -> list[str]:
    with serving(clip) as server:
        return watch(server.url, "tcp")


def rewrite(clip: Path, change: Callable[[bytes], bytes]) -> None:
    clip.write_bytes(change(clip.read_bytes()))
