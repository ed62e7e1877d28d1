"""What a check found: how it stands, what was seen, and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Facts: TypeAlias = Mapping[str, object]
"""By name, with the unit in it; only what JSON can hold."""

Status = Literal["ok", "skipped", "warning", "failure"]

_SEVERITY: dict[Status, int] = {"ok": 0, "skipped": 0, "warning": 1, "failure": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer.

    `seen` is a line for people, `advice` what to do ("" where nothing is), `facts` the same for machines, with units in
    the names.
    """

    status: Status
    seen: str
    advice: str = ""
    facts: Facts = field(default_factory=dict)


def ok(seen: str, facts: Facts | None = None) -> Finding:
    """All is well."""
    return Finding("ok", seen, facts=facts or {})


def skipped(reason: str, facts: Facts | None = None) -> Finding:
    """There is nothing to look at here, or no way to: not a fault by itself."""
    return Finding("skipped", reason, facts=facts or {})


def warning(seen: str, advice: str, facts: Facts | None = None) -> Finding:
    """There may be a picture, but not the one that was asked for, or not for long."""
    return Finding("warning", seen, advice, facts or {})


def failure(seen: str, advice: str, facts: Facts | None = None) -> Finding:
    """Something keeps the picture away."""
    return Finding("failure", seen, advice, facts or {})


def severity(statuses: Iterable[Status]) -> int:
    """The worst of them: 0 where all is well, 1 with a warning, 2 with a failure."""
    return max((_SEVERITY[status] for status in statuses), default=0)
