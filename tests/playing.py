"""Runs a source for the access units it gives, and a clock for those that play by one, on which nobody waits."""

import pytest

from vstream import clock
from vstream.sources import pace
from vstream.sources.base import AccessUnit, Source


class FakeTime:
    """Stands in for the module `time`: it is later only when someone sleeps, or by `step_us` each time it is asked."""

    def __init__(self, step_us: int = 0) -> None:
        self.at_us = 1_000_000
        self.step_us = step_us

    def monotonic_ns(self) -> int:
        self.at_us += self.step_us
        return self.at_us * 1000

    def sleep(self, wait_s: float) -> None:
        self.at_us += round(wait_s * 1e6)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "FakeTime":
        for module in (clock, pace):
            monkeypatch.setattr(module, "time", self)
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
