"""Failures that repeat: a few lines of each kind, the rest in one that tells their number, whatever the wall clock."""

import io
import logging
from types import SimpleNamespace

import pytest

from vstream import log, repeats
from vstream.repeats import LINES_A_WINDOW, WINDOW_S


class Clocks:
    """A monotonic and a wall clock that a test sets."""

    def __init__(self) -> None:
        self.monotonic_s = 1000.0
        self.wall_s = 1_800_000_000.0

    def forward(self, by_s: float) -> None:
        self.monotonic_s += by_s
        self.wall_s += by_s


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    clock = SimpleNamespace(monotonic=lambda: clocks.monotonic_s, time=lambda: clocks.wall_s)
    monkeypatch.setattr(repeats, "time", clock)
    return clocks


def fail(clocks: Clocks, text: str = "Camera failed") -> None:
    """Log a failure as it would be at that wall clock time."""
    logger = logging.getLogger("vstream.x")
    record = logger.makeRecord(logger.name, logging.WARNING, __file__, 1, text, (), None)
    record.created = clocks.wall_s
    logger.handle(record)


def test_those_held_back_become_one_line(clocks: Clocks, log_stream: io.StringIO) -> None:
    log.set_up("info", "text", log_stream)
    for _ in range(50):
        fail(clocks)
    assert log_stream.getvalue().count("\n") == LINES_A_WINDOW
    clocks.forward(WINDOW_S + 1)
    fail(clocks, "Another")
    lines = log_stream.getvalue().splitlines()
    assert len(lines) == LINES_A_WINDOW + 2
    assert lines[-2].endswith(f"Camera failed repeated={50 - LINES_A_WINDOW}")


@pytest.mark.parametrize("step_s", [-30 * 86400, 30 * 86400])
def test_a_wall_clock_that_is_set_does_not_silence_failures(
    clocks: Clocks, log_stream: io.StringIO, step_s: float
) -> None:
    log.set_up("info", "text", log_stream)
    fail(clocks)
    clocks.wall_s += step_s
    for _ in range(2 * LINES_A_WINDOW):
        clocks.forward(WINDOW_S + 1)
        fail(clocks)
    assert log_stream.getvalue().count("\n") == 1 + 2 * LINES_A_WINDOW


def test_a_wall_clock_that_is_set_forward_ends_no_window(clocks: Clocks, log_stream: io.StringIO) -> None:
    log.set_up("info", "text", log_stream)
    for _ in range(2 * LINES_A_WINDOW):
        clocks.wall_s += 2 * WINDOW_S
        fail(clocks)
    assert log_stream.getvalue().count("\n") == LINES_A_WINDOW
