"""Viewers' ports that answer "unreachable": how often, until it is beyond doubt that nobody receives there."""

from dataclasses import dataclass

from vstream.server.sockets import Endpoint

_COUNT = 4
_OVER_S = 1.0
_QUIET_S = 5.0


@dataclass(slots=True)
class _Run:
    """Unreachable of one port without a pause between them."""

    first_s: float
    last_s: float
    count: int = 0


class Unreachable:
    """ICMP port-unreachable answers by the address and port that drew them (RFC 1122 section 3.2.2.1).

    One that strayed says nothing. Four within a second and more do; a host that sends them at all sends about one a
    second (RFC 1812 section 4.3.2.8).
    """

    def __init__(self) -> None:
        self._runs: dict[Endpoint, _Run] = {}

    def note(self, port: Endpoint, now_s: float) -> bool:
        """One more came from there; gives whether they are enough."""
        run = self._runs.get(port)
        if run is None or now_s - run.last_s > _QUIET_S:
            run = self._runs[port] = _Run(now_s, now_s)
        run.last_s = now_s
        run.count += 1
        return run.count >= _COUNT and now_s - run.first_s >= _OVER_S

    def forget(self, port: Endpoint) -> None:
        """Nobody is served there any more."""
        self._runs.pop(port, None)
