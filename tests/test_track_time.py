"""The times of a container's track, where its own are not to be believed."""

import itertools

import pytest

from vstream.sources.track_time import TrackClock

TICKS_A_FRAME = 3600
HOUR_TICKS = 3600 * 90_000


def placed(dts: list[int | None], pts: list[int | None], durations: list[int] | None = None) -> tuple[list[int], int]:
    """When the pictures are shown, and how long the loop lasts, in frames of 25 a second."""
    clock = TrackClock(1 / 90_000, 25.0)
    lengths: list[int | None] = list(durations or [TICKS_A_FRAME] * len(dts))
    shown = [clock.place(*times, 0)[1] for times in zip(dts, pts, lengths, strict=True)]
    return [round(one / 40_000) for one in shown], round(clock.length_us / 40_000)


def steady(count: int) -> list[int | None]:
    return [number * TICKS_A_FRAME for number in range(count)]


def test_a_break_in_the_recording_is_no_hour_of_silence() -> None:
    """Not between two pictures, and not behind the last: MP4 makes the picture before the break last through it."""
    times = [tick + (HOUR_TICKS if number > 5 else 0) for number, tick in enumerate(steady(10)) if tick is not None]
    lasting = [TICKS_A_FRAME] * 10
    lasting[5] += HOUR_TICKS
    assert placed([*times], [*times], lasting) == (list(range(10)), 10)


@pytest.mark.parametrize("at", [0, 4, 9])
@pytest.mark.parametrize("by", [HOUR_TICKS, -HOUR_TICKS])
def test_one_wrong_presentation_time_moves_nothing(at: int, by: int) -> None:
    shown_at = steady(10)
    shown_at[at] = (shown_at[at] or 0) + by
    shown, length = placed(steady(10), shown_at)
    assert shown == list(range(10))
    assert length == 10


@pytest.mark.parametrize("step", [0, 1])
def test_pictures_without_times_of_their_own_keep_the_tracks_rate(step: int) -> None:
    """As a remuxer writes them that knows no times: all the same, or one tick apart."""
    times: list[int | None] = [number * step for number in range(100)]
    shown, length = placed(times, times, [step] * 100)
    steps = [later - earlier for earlier, later in itertools.pairwise(shown)]
    assert set(steps[10:]) == {1}
    assert length == pytest.approx(100, abs=10)


def test_a_few_pictures_at_once_are_believed() -> None:
    times: list[int | None] = [0, 0, 0, 3 * TICKS_A_FRAME, 4 * TICKS_A_FRAME]
    assert placed(times, times)[0] == [0, 0, 0, 3, 4]
