"""Access units out of a byte stream: their bounds are where ffmpeg's parser has them, however the bytes come."""

import itertools
import logging
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import media
from vstream.sources.annexb import AccessUnitAssembler, CodedPicture, describe
from vstream.sources.gate import KeyframeGate


@cache
def variants() -> dict[str, bytes]:
    clips = {kind: media.annexb(kind) for kind in media.KINDS}
    clips["three-byte"] = media.join(media.nal_units(media.annexb("slices-b-frames")), b"\0\0\1")
    clips["filler"] = media.with_filler(media.annexb("slices"))
    clips["new-sps"] = media.annexb("b-frames") + media.annexb("slices", size="320x192")
    clips["no-sps-first"] = media.without_first_keyframe(media.annexb("delimiters"))
    clips["trailing-zeros"] = media.join(media.nal_units(media.annexb("main")), b"\0\0\0\0\0\1")
    return clips


NAMES = [*media.KINDS, "three-byte", "filler", "new-sps", "no-sps-first", "trailing-zeros"]


def assemble(stream: bytes, cuts: list[int]) -> list[CodedPicture]:
    assembler = AccessUnitAssembler()
    bounds = [0, *sorted(cuts), len(stream)]
    pictures = [p for begin, end in itertools.pairwise(bounds) for p in assembler.feed(stream[begin:end])]
    assert not assembler.lost
    return pictures + assembler.flush()


@pytest.mark.parametrize("name", NAMES)
def test_bounds_are_those_of_ffprobe(name: str, tmp_path: Path) -> None:
    stream = variants()[name]
    path = tmp_path / "clip.h264"
    path.write_bytes(stream)
    pictures = assemble(stream, [])
    assert b"".join(picture.data for picture in pictures).lstrip(b"\0") == stream.lstrip(b"\0")
    sizes = [len(picture.data) for picture in pictures]
    if name in {"filler", "trailing-zeros"}:
        # ffmpeg's parser counts what stands between two access units to the other one.
        assert len(sizes) == len(media.packet_sizes(path))
    else:
        assert sizes == media.packet_sizes(path)


@pytest.mark.parametrize("name", NAMES)
def test_byte_by_byte(name: str) -> None:
    stream = variants()[name][:12000]
    assert assemble(stream, list(range(len(stream)))) == assemble(stream, [])


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 30000), max_size=60))
@settings(max_examples=150)
def test_any_cutting_gives_the_same(name: str, cuts: list[int]) -> None:
    stream = variants()[name]
    assert assemble(stream, [min(cut, len(stream)) for cut in cuts]) == assemble(stream, [])


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=10))
def test_noise_never_hurts(noise: bytes, cuts: list[int]) -> None:
    units = assemble(noise.replace(b"\x07", b"\0\0\1"), [min(cut, len(noise)) for cut in cuts])
    assert all(unit.slice_at >= 3 for unit in units)


def test_each_picture_names_its_first_slice() -> None:
    for picture in assemble(media.annexb("timing-sei"), [700, 9000]):
        assert picture.data[picture.slice_at] & 31 in {1, 5}
        assert picture.data[picture.slice_at - 3 : picture.slice_at] == b"\0\0\1"
        assert describe(picture.data) == picture


def test_bytes_before_the_first_start_code_are_not_kept() -> None:
    stream = media.annexb("main")
    assembler = AccessUnitAssembler()
    for _ in range(100):
        assert not assembler.feed(b"\xab" * 50_000)
        assert assembler.pending_bytes < 10
    assert b"".join(unit.data for unit in assembler.feed(stream) + assembler.flush()) == stream


def test_a_giant_is_dropped_and_the_next_keyframe_plays(caplog: pytest.LogCaptureFixture) -> None:
    stream = media.annexb("main")
    assembler, gate = AccessUnitAssembler(max_unit_bytes=100_000), KeyframeGate()
    assert len(gate.admit(assembler.feed(stream))) == media.FRAMES - 1
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            assembler.feed(b"\x55" * 50_000)
            assert assembler.pending_bytes <= 150_000
    assert caplog.messages == ["Access unit of more than 100000 bytes dropped"]
    assert assembler.lost
    gate.close()
    rest = media.join(media.nal_units(stream)[8:])
    keyframes = [unit for unit in assemble(rest, []) if unit.nal_types & 1 << 5]
    admitted = gate.admit(assembler.feed(rest) + assembler.flush())
    assert admitted[0] == keyframes[0]


@pytest.mark.parametrize("name", ["no-sps-first", "intra-refresh", "open-gop"])
def test_a_stream_is_held_back_until_a_decoder_can_begin(name: str, caplog: pytest.LogCaptureFixture) -> None:
    pictures = assemble(variants()[name], [])
    gate = KeyframeGate()
    with caplog.at_level(logging.INFO):
        admitted = gate.admit(pictures)
    skipped = len(pictures) - len(admitted)
    assert skipped == (9 if name == "no-sps-first" else 0)
    assert bool(caplog.messages) is bool(skipped)
    assert admitted[0].nal_types & (1 << 7)
    gate.close()
    # Parameter sets stay known, and a recovery point will do for a keyframe.
    assert gate.admit(pictures[1:])[0].nal_types & (1 << 5 | 1 << 6)


def test_a_picture_can_be_taken_before_the_next_begins() -> None:
    pictures = assemble(media.annexb("slices"), [])
    assembler = AccessUnitAssembler()
    for picture in pictures:
        assert assembler.feed(picture.data) == []
        assert assembler.take() == [picture]
        assert assembler.take() == []
    assert not assembler.continued


def test_nothing_is_taken_that_cannot_be_whole() -> None:
    stream = media.annexb("delimiters")
    assembler = AccessUnitAssembler()
    first = assemble(stream, [])[0]
    for tail in (b"", b"\0", b"\0\0\1", b"\0\0\0\1\x09", b"\0\0\0\1\x09\xf0"):
        assembler.flush()
        assembler.feed(first.data + tail)
        assert len(assembler.take()) == (not tail)
    assembler.flush()
    assembler.feed(first.data[: first.slice_at])
    assert assembler.take() == []


@pytest.mark.parametrize("cut_in", ["a slice", "between slices"])
def test_a_picture_that_goes_on_is_noticed(cut_in: str) -> None:
    first, second, *_ = assemble(media.annexb("slices"), [])
    second_slice = first.data.index(b"\0\0\1", first.slice_at)
    cut = first.slice_at + 40 if cut_in == "a slice" else second_slice
    assembler = AccessUnitAssembler()
    assembler.feed(first.data[:cut])
    assert len(assembler.take()) == 1
    assembler.feed(first.data[cut:] + second.data)
    assert assembler.continued
    assert assembler.lost
