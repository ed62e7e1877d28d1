"""The test pattern, seen by FFmpeg's decoder."""

import logging
import threading
from itertools import combinations, pairwise

import numpy as np
import pytest

from tests.encoding import decode, nal_types, run_in_thread, stream_facts, video_format
from tests.playing import collect
from vstream.clock import monotonic_us
from vstream.sources.base import AccessUnit
from vstream.sources.font import CHARACTERS, GLYPH_HEIGHT, glyph
from vstream.sources.select import NO_CAMERA_CAPTION
from vstream.sources.testpattern import TestPatternSource

IDR = 5

# 75 % colour bars, as every monitor's manual has them: white, yellow, cyan, green, magenta, red, blue, black.
BARS_RGB = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]


@pytest.mark.parametrize(("width", "height"), [(16, 16), (64, 64), (642, 362), (1920, 1080)])
def test_every_size_plays(width: int, height: int) -> None:
    units = collect(TestPatternSource(video_format(width, height, fps=60), NO_CAMERA_CAPTION), 8)
    assert len(decode(units)) == 8
    facts = stream_facts(units)
    assert (facts["width"], facts["height"], facts["profile"], facts["level"]) == (width, height, "Main", 41)


def test_bars_have_their_colours() -> None:
    picture = decode(collect(TestPatternSource(video_format(640, 360, bitrate_bps=4_000_000)), 3))[-1]
    rows = picture.to_ndarray(format="rgb24")[10:60]
    seen = [rows[:, bar * 80 + 20 : bar * 80 + 60].mean(axis=(0, 1)) for bar in range(8)]
    for colour, expected in zip(seen, BARS_RGB, strict=True):
        assert colour == pytest.approx([0.75 * 255 * part for part in expected], abs=6)


def test_every_picture_differs_from_the_one_before() -> None:
    pictures = decode(collect(TestPatternSource(video_format(fps=60)), 10))
    lumas = [picture.to_ndarray(format="gray") for picture in pictures]
    clock, square = slice(70, 140), slice(163, 183)
    assert any((before[square] != after[square]).any() for before, after in pairwise(lumas))
    for before, after in pairwise(lumas):
        assert (before[clock] != after[clock]).any()


def test_caption_is_in_the_picture() -> None:
    plain, captioned = (
        decode(collect(TestPatternSource(video_format(640, 360), caption), 3))[-1].to_ndarray(format="gray")
        for caption in ("", NO_CAMERA_CAPTION)
    )
    assert not (plain[20:60] > 225).any()
    assert (captioned[20:60] > 225).mean() > 0.05


def test_time_is_that_of_drawing() -> None:
    start_us = monotonic_us()
    arrivals: list[tuple[int, int]] = []
    source = TestPatternSource(video_format(fps=60))

    def sink(unit: AccessUnit) -> None:
        arrivals.append((unit.pts_us, monotonic_us()))
        if len(arrivals) == 20:
            source.stop()

    source.run(sink)
    times_us = [start_us, *(time_us for arrival in arrivals for time_us in arrival)]
    assert times_us == sorted(times_us)


def test_no_picture_comes_before_its_time() -> None:
    start_us = monotonic_us()
    units = collect(TestPatternSource(video_format(fps=120)), 60)
    assert all(unit.pts_us >= start_us + index * 1_000_000 // 120 for index, unit in enumerate(units))


def test_too_slow_an_encoder_skips_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    units = collect(TestPatternSource(video_format(1280, 720, fps=20_000)), 10)
    assert len(decode(units)) == 10
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "skips frames" in caplog.text


def test_keyframe_on_demand() -> None:
    source = TestPatternSource(video_format(fps=60, keyframe_interval=1000))
    kinds: list[bool] = []

    def sink(unit: AccessUnit) -> None:
        kinds.append(IDR in nal_types(unit))
        if len(kinds) == 5:
            assert source.request_keyframe()
        if len(kinds) == 10:
            source.stop()

    source.run(sink)
    assert kinds == [index in {0, 5} for index in range(10)]


def test_bitrate_can_be_changed() -> None:
    assert TestPatternSource(video_format()).set_bitrate(500_000)


def test_stop_from_another_thread_ends_it() -> None:
    source, first = TestPatternSource(video_format(fps=1)), threading.Event()
    thread = run_in_thread(source, first)
    assert first.wait(10)
    source.stop()
    source.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_stopped_before_it_runs_it_gives_nothing() -> None:
    source = TestPatternSource(video_format())
    source.stop()
    source.run(lambda unit: pytest.fail("a frame came after stop"))


def test_no_two_characters_look_the_same() -> None:
    assert set(NO_CAMERA_CAPTION) | set("0123456789:. ") <= CHARACTERS
    for one, other in combinations(sorted(CHARACTERS), 2):
        assert not np.array_equal(glyph(one), glyph(other)), f"{one!r} and {other!r}"
    assert {glyph(character).shape for character in CHARACTERS} == {(GLYPH_HEIGHT, 6)}
