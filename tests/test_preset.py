"""x264's preset: the best that four cores should manage, and a cheaper one when they do not."""

import pytest

from tests.encoding import video_format
from vstream.sources.preset import EncodeTimes, cheaper_preset, first_preset


@pytest.mark.parametrize(
    ("width", "height", "fps", "processors", "preset"),
    [
        (1280, 720, 30, 4, "veryfast"),
        (1920, 1080, 30, 4, "superfast"),
        (1920, 1080, 60, 4, "ultrafast"),
        (1280, 720, 30, 2, "superfast"),
        (1280, 720, 30, 16, "veryfast"),
        (1920, 1080, 30, 1, "ultrafast"),
    ],
)
def test_the_more_there_is_to_do_the_cheaper(width: int, height: int, fps: float, processors: int, preset: str) -> None:
    assert first_preset(video_format(width, height, fps=fps), processors) == preset


def test_below_the_cheapest_there_is_none() -> None:
    assert cheaper_preset("veryfast") == "superfast"
    assert cheaper_preset("superfast") == "ultrafast"
    assert cheaper_preset("ultrafast") is None


def verdicts(interval_us: int, *times_us: int) -> list[bool]:
    times = EncodeTimes(interval_us)
    return [times.took(time_us) for time_us in times_us]


def test_a_second_of_slow_frames_is_too_slow() -> None:
    assert verdicts(33_333, *[30_000] * 30) == [False] * 29 + [True]


def test_a_slow_frame_now_and_then_is_not() -> None:
    assert not any(verdicts(33_333, *([60_000] + [20_000] * 9) * 12))
