"""The report as one JSON document; docs/probe.schema.json is its schema."""

import time
from collections.abc import Sequence
from json import dumps

from vstream.probe.finding import Status, severity
from vstream.probe.run import Checked
from vstream.probe.subject import Subject
from vstream.version import describe

SCHEMA = 1
"""Rises when a field goes or changes its meaning; new ones may come without."""

_VERDICTS: tuple[Status, ...] = ("ok", "warning", "failure")


def exit_code(checked: Sequence[Checked]) -> int:
    """0 where all is well or skipped, 1 with a warning, 2 with a failure."""
    return severity(one.finding.status for one in checked)


def document(subject: Subject, checked: Sequence[Checked]) -> dict[str, object]:
    """All findings, with their facts."""
    return {
        "schema": SCHEMA,
        "version": describe(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "source": subject.settings.stream_source,
        "took_s": round(sum(one.took_s for one in checked), 3),
        "verdict": _VERDICTS[exit_code(checked)],
        "checks": [_described(one) for one in checked],
    }


def json(subject: Subject, checked: Sequence[Checked]) -> str:
    """The document as text."""
    return dumps(document(subject, checked), indent=2)


def _described(one: Checked) -> dict[str, object]:
    finding = one.finding
    return {
        "check": one.name,
        "status": finding.status,
        "seen": finding.seen,
        "advice": finding.advice,
        "took_s": round(one.took_s, 3),
        "facts": finding.facts,
    }
