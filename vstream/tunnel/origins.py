"""Which web pages may open a WebSocket: a list of origins, as browsers write them (RFC 6454 section 6.2)."""

import re

ANY = "*"

_SEPARATORS = re.compile(r"[,\s]+")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


def parse_origins(text: str) -> frozenset[str]:
    """The origins of a list such as `https://nvr.example, http://192.168.1.5:8080`, or `*` for every one.

    Raises:
        ValueError: one of them is no origin.
    """
    origins = frozenset(item.lower() for item in _SEPARATORS.split(text) if item)
    for origin in origins - {ANY}:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(origin)
    return origins


def admits(origins: frozenset[str], origin: str | None) -> bool:
    """Whether a page may open it; programs that are no browser name no origin, and may."""
    return origin is None or ANY in origins or origin.lower() in origins
