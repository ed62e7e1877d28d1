"""H.264 syntax, against streams of x264, what ffprobe reads in them, and the standard's tables."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from tests import media
from vstream.errors import H264Error
from vstream.h264 import (
    LEVELS,
    PictureOrder,
    has_recovery_point,
    level_for,
    level_named,
    parse_pps,
    parse_sps,
    profile_level_id,
    rbsp,
)
from vstream.sources.annexb import AccessUnitAssembler, CodedPicture


def first_nal(stream: bytes, nal_type: int) -> bytes:
    return next(nal for nal in media.nal_units(stream) if nal[0] & 31 == nal_type)


@pytest.mark.parametrize("kind", sorted(media.KINDS))
@pytest.mark.parametrize(("size", "fps"), [("160x96", "25"), ("182x100", "30000/1001"), ("1920x1080", "50")])
def test_sps_says_what_ffprobe_says(kind: str, size: str, fps: str, tmp_path: Path) -> None:
    stream = media.annexb(kind, 2, size, fps)
    path = tmp_path / "clip.h264"
    path.write_bytes(stream)
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"][0]
    sps = parse_sps(first_nal(stream, 7))
    assert (sps.width, sps.height, sps.level_idc) == (told["width"], told["height"], told["level"])
    numerator, denominator = told["r_frame_rate"].split("/")
    assert sps.fps == pytest.approx(int(numerator) / int(denominator), rel=1e-6)
    assert sps.max_num_reorder_frames == told["has_b_frames"]
    assert parse_pps(first_nal(stream, 8)) == (0, sps.sps_id)


@pytest.mark.parametrize(("kind", "identity"), [("baseline", "42C00B"), ("main", "4D400B"), ("b-frames", "64000B")])
def test_profile_level_id_is_three_bytes_of_the_sps(kind: str, identity: str) -> None:
    assert profile_level_id(first_nal(media.annexb(kind), 7)) == identity


def test_emulation_prevention_is_removed() -> None:
    nal = bytes.fromhex("67 000003 000003 01 000003")
    assert rbsp(nal, 4096) == bytes.fromhex("0000 0000 01 0000")


@pytest.mark.parametrize("length", range(1, 12))
def test_a_cut_sps_is_an_error_and_a_cut_vui_is_none(length: int) -> None:
    nal = first_nal(media.annexb("b-frames"), 7)
    try:
        sps = parse_sps(nal[:length])
    except H264Error:
        return
    assert (sps.width, sps.height, sps.fps) == (160, 96, None)


def test_noise_is_an_error_or_an_sps() -> None:
    noise = random.Random(1)
    nal = first_nal(media.annexb("timing-sei"), 7)
    for _ in range(2000):
        broken = bytearray(nal)
        for _ in range(3):
            broken[noise.randrange(1, len(nal))] = noise.randrange(256)
        try:
            sps = parse_sps(bytes(broken))
        except H264Error:
            continue
        assert 0 < sps.width <= 16880
        assert sps.fps is None or 0.1 <= sps.fps <= 300


def test_recovery_points_are_found_in_sei() -> None:
    seis = [nal for nal in media.nal_units(media.annexb("intra-refresh")) if nal[0] & 31 == 6]
    assert [nal[1] == 6 for nal in seis] == [has_recovery_point(nal) for nal in seis]
    assert any(has_recovery_point(nal) for nal in seis)
    # A recovery point behind another message whose size takes two bytes.
    assert has_recovery_point(b"\x06\x05\xff\x01" + b"\x11" * 256 + b"\x06\x01\x80\x80")
    assert not has_recovery_point(b"\x06\xff\xff\xff")


@pytest.mark.parametrize("kind", sorted(media.KINDS))
def test_pictures_are_shown_when_ffprobe_says(kind: str, tmp_path: Path) -> None:
    mp4 = media.make_mp4(tmp_path / "clip.mp4", kind)
    stream = media.to_annexb(mp4, tmp_path / "clip.h264").read_bytes()
    shown_s = [timing.pts_s for timing in media.timings(mp4)]
    assert fields_shown(stream) == [round((at_s - shown_s[0]) * media.FPS * 2) for at_s in shown_s]


def test_order_holds_across_a_new_sps() -> None:
    stream = media.annexb("b-frames") + media.annexb("main", size="320x192")
    shown = fields_shown(stream)
    assert sorted(shown) == list(range(0, 4 * media.FRAMES, 2))


def test_damaged_slices_keep_decoding_order() -> None:
    stream = media.annexb("b-frames")
    order = PictureOrder()
    for picture in assemble(stream):
        damaged = picture.data[: picture.slice_at + 1] + bytes(100)
        assert order.follow(damaged, picture.nal_types, picture.slice_at) == (2, 0)


def assemble(stream: bytes) -> list[CodedPicture]:
    assembler = AccessUnitAssembler()
    return assembler.feed(stream) + assembler.flush()


def fields_shown(stream: bytes) -> list[int]:
    order, decoded, shown = PictureOrder(), 0, []
    for picture in assemble(stream):
        time = order.follow(*picture)
        shown.append(decoded + time.shown_later_fields)
        decoded += time.duration_fields
    return shown


# What the standard's annex A and common usage say each needs.
@pytest.mark.parametrize(
    ("width", "height", "fps", "bitrate_bps", "profile", "name"),
    [
        (176, 144, 15, 64_000, "baseline", "1"),
        (352, 288, 30, 768_000, "main", "1.3"),
        (720, 576, 25, 10_000_000, "main", "3"),
        (1280, 720, 30, 14_000_000, "main", "3.1"),
        (1280, 720, 60, 14_000_000, "main", "3.2"),
        (1920, 1080, 30, 20_000_000, "main", "4"),
        (1920, 1080, 30, 20_000_001, "main", "4.1"),
        (1920, 1080, 30, 25_000_000, "high", "4"),
        (1920, 1080, 60, 8_000_000, "main", "4.2"),
        (3840, 2160, 30, 8_000_000, "main", "5.1"),
        (3840, 2160, 60, 8_000_000, "main", "5.2"),
        (7680, 4320, 120, 8_000_000, "main", "6.2"),
        # Few macroblocks, but one side longer than Sqrt(8 x MaxFS).
        (2048, 16, 5, 64_000, "main", "3.1"),
    ],
)
def test_level(width: int, height: int, fps: float, bitrate_bps: int, profile: str, name: str) -> None:
    assert level_for(width, height, fps, bitrate_bps, profile).name == name


def test_level_numbers() -> None:
    assert [level.idc for level in LEVELS[:6]] == [10, 11, 12, 13, 20, 21]
    assert level_named("4.1").idc == 41
    assert level_named("4.0") == level_named("4")
    with pytest.raises(H264Error, match=r"no H.264 level '4.3'; the levels are 1, 1.1"):
        level_named("4.3")
    with pytest.raises(H264Error, match=r"no H.264 level allows 7680x4320 at 300 frames/s"):
        level_for(7680, 4320, 300, 8_000_000, "main")
    with pytest.raises(H264Error, match=r"no H\.264 profile 'extended'"):
        level_for(640, 480, 30, 1_000_000, "extended")
