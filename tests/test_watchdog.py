"""What is tried when frames stay away, in which order and how soon; on a clock of the test's own."""

import logging

import pytest

from vstream.sources.base import Remedy
from vstream.watchdog import START_TIMEOUT_US, Watchdog

SECOND_US = 1_000_000
START_US = 50 * SECOND_US


class Ward:
    """A source with three remedies, watched every 50 ms; `tried` has each with the age of the newest frame in ms."""

    def __init__(self, *, goes_on: bool = True) -> None:
        self.now_us = self.newest_us = START_US
        self.tried: list[tuple[str, int]] = []
        self.restarts: list[str] = []
        self._goes_on = goes_on
        remedies = (
            Remedy("keyframe", lambda: self._apply("keyframe"), 250_000, interrupts=False),
            Remedy("encoder", lambda: self._apply("encoder"), 900_000),
            Remedy("camera", lambda: self._apply("camera"), 2_500_000),
        )
        self.watchdog = Watchdog(remedies, timeout_us=SECOND_US, restarting=self._restarting)
        self.watchdog.begin(0, START_US)

    def frames(self, duration_us: int) -> None:
        self._pass(duration_us, gives=True)

    def silence(self, duration_us: int, *, is_waiting: bool = False) -> None:
        self._pass(duration_us, gives=False, is_waiting=is_waiting)

    def _pass(self, duration_us: int, *, gives: bool, is_waiting: bool = False) -> None:
        for _ in range(duration_us // 50_000):
            self.now_us += 50_000
            if gives:
                self.newest_us = self.now_us
            self.watchdog.look(self.newest_us, self.now_us, is_waiting=is_waiting)

    def _apply(self, name: str) -> None:
        self.tried.append((name, (self.now_us - self.newest_us) // 1000))

    def _restarting(self, name: str) -> bool:
        self.restarts.append(name)
        return self._goes_on


def test_nothing_is_tried_while_frames_come() -> None:
    ward = Ward()
    ward.frames(60 * SECOND_US)
    ward.silence(900_000)
    ward.frames(SECOND_US)
    assert ward.tried == []


def test_each_remedy_has_its_time_and_the_mildest_is_first() -> None:
    ward = Ward()
    ward.frames(SECOND_US)
    ward.silence(60 * SECOND_US)
    assert ward.tried == [("keyframe", 1000), ("encoder", 1250), ("camera", 2150)]


def test_only_what_interrupts_the_stream_counts_as_a_restart() -> None:
    ward = Ward()
    ward.frames(SECOND_US)
    ward.silence(5 * SECOND_US)
    assert ward.restarts == ["encoder", "camera"]


def test_a_remedy_that_is_not_allowed_is_not_applied() -> None:
    ward = Ward(goes_on=False)
    ward.frames(SECOND_US)
    ward.silence(5 * SECOND_US)
    assert ward.tried == [("keyframe", 1000)]


def test_the_next_silence_begins_with_the_mildest_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ward = Ward()
    ward.frames(SECOND_US)
    ward.silence(1_500_000)
    ward.frames(SECOND_US)
    assert "Frames are back after 1.6 s" in caplog.text
    ward.silence(1_100_000)
    assert [name for name, _ in ward.tried] == ["keyframe", "encoder", "keyframe"]


def test_a_source_that_starts_has_longer() -> None:
    ward = Ward()
    ward.newest_us = 0
    ward.silence(START_TIMEOUT_US - SECOND_US)
    assert ward.tried == []
    ward.silence(2 * SECOND_US)
    assert [name for name, _ in ward.tried] == ["keyframe", "encoder"]


def test_one_that_waits_for_its_camera_is_left_alone() -> None:
    ward = Ward()
    ward.frames(SECOND_US)
    ward.silence(300 * SECOND_US, is_waiting=True)
    assert ward.tried == []


def test_a_look_is_due_when_the_newest_frame_would_be_too_old() -> None:
    ward = Ward()
    ward.frames(SECOND_US)
    assert ward.watchdog.pause_s(ward.now_us) == 1.0
    assert ward.watchdog.pause_s(ward.now_us + 600_000) == pytest.approx(0.4)
    ward.silence(1_100_000)
    assert ward.watchdog.pause_s(ward.now_us) <= 0.25
