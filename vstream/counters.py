"""What is counted while vstream runs, as plain numbers that only grow; each is written by the event loop alone."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Those that map count by a reason, one of a few fixed words."""

    auth_failures: Counter[str] = field(default_factory=Counter)
    """Requests whose credentials were refused."""

    connections_refused: Counter[str] = field(default_factory=Counter)
    """Connections closed when they came, answered 503, or closed to make room for another."""

    accept_pauses: int = 0
    """How often newcomers had to wait because file descriptors or memory ran short."""

    feedback: Counter[str] = field(default_factory=Counter)
    """RTCP feedback of viewers, by its kind."""

    requests_refused: Counter[str] = field(default_factory=Counter)
    """Requests that went beyond a limit or came from an address that may not ask now."""


counters = Counters()
"""The numbers of this process."""
