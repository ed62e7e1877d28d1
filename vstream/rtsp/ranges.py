"""The Range header of PLAY (RFC 2326 sections 3.5 to 3.7 and 12.29)."""

import re
from collections.abc import Callable

LIVE_RANGE = "npt=0.000-"
"""What a live stream always plays: from its beginning, with no end."""

_NPT_TIME = r"[0-9]+(?:\.[0-9]*)?|[0-9]+:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]*)?"
_CLOCK_TIME = r"[0-9]{8}T[0-9]{6}(?:\.[0-9]+)?Z"
_SMPTE_TIME = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{2})?)?"


def _npt_seconds(text: str) -> tuple[float, ...]:
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return (seconds,)


def _clock_parts(text: str) -> tuple[float, ...]:
    date, _, time = text.rstrip("Zz").upper().partition("T")
    return (float(date), float(time))


def _smpte_parts(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(":"))


_UNITS: dict[str, tuple[re.Pattern[str], Callable[[str], tuple[float, ...]]]] = {
    "npt": (re.compile(f"(now|{_NPT_TIME})-({_NPT_TIME})?", re.IGNORECASE), _npt_seconds),
    "clock": (re.compile(f"({_CLOCK_TIME})-({_CLOCK_TIME})?", re.IGNORECASE), _clock_parts),
    "smpte": (re.compile(f"({_SMPTE_TIME})-({_SMPTE_TIME})?"), _smpte_parts),
    "smpte-25": (re.compile(f"({_SMPTE_TIME})-({_SMPTE_TIME})?"), _smpte_parts),
    "smpte-30-drop": (re.compile(f"({_SMPTE_TIME})-({_SMPTE_TIME})?"), _smpte_parts),
}


def is_playable(value: str) -> bool:
    """Whether a Range is well formed and does not end before it begins; a live stream plays from now for any such.

    Clients that resume after PAUSE name the position where they stopped, so a start above zero is no error.
    """
    unit, _, span = "".join(value.partition(";")[0].split()).partition("=")
    if unit.lower() not in _UNITS:
        return False
    pattern, parts = _UNITS[unit.lower()]
    match = pattern.fullmatch(span)
    if not match:
        return False
    start, end = match.groups()
    return end is None or start.lower() == "now" or parts(start) < parts(end)
