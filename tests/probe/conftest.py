"""Programs of made machines answer when they can."""

import pytest

from vstream.probe.machine import Machine

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for each program that is run, as this machine may be too busy to have it answer within a second."""
    run = Machine.run

    def patiently(machine: Machine, program: str, *arguments: str, limit_s: float = 0.0) -> str | None:
        return run(machine, program, *arguments, limit_s=max(limit_s, PATIENCE_S))

    monkeypatch.setattr(Machine, "run", patiently)
