"""Runs a source for the access units it gives, and a clock for those that play by one, on which nobody waits."""

import pytest

from vstream.sources import container, file, pace, stdin
from vstream.sources.base import AccessUnit, Source


class FakeTime:
    """A clock for sources: it is later only when one sleeps, or by `step_us` each time it is asked.

    For sources alone: threads that other tests left would move it.
    """

    def __init__(self, step_us: int = 0) -> None:
        self.at_us = 1_000_000
        self.step_us = step_us

    def monotonic_us(self) -> int:
        self.at_us += self.step_us
        return self.at_us

    def sleep(self, wait_s: float) -> None:
        self.at_us += round(wait_s * 1e6)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "FakeTime":
        monkeypatch.setattr(pace, "time", self)
        for module in (container, file, pace, stdin):
            monkeypatch.setattr(module, "monotonic_us", self.monotonic_us)
        return self


def collect(source: Source, count: int) -> list[AccessUnit]:
    """Run a source until it gave so many access units, or ended; its error is raised."""
    units: list[AccessUnit] = []

    def sink(unit: AccessUnit) -> None:
        units.append(unit)
        if len(units) >= count:
            source.stop()

    source.run(sink)
    return units
