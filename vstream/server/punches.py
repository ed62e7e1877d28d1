"""Where viewers behind a NAT really are: the ports from which they reached us, which are not those they know."""

from typing import NamedTuple

from vstream.server.port_memory import PortMemory

_GOOD_FOR_S = 10.0
_LATE_S = 5.0


class _Taken(NamedTuple):
    """For whom a port was taken that nothing came from since: what that viewer announced, and when."""

    announced_port: int
    since_s: float


class Punches:
    """The latest datagrams to one of our UDP ports, by the host they came from.

    Players send one just before they ask to play, to open their NAT; its mapping of that port is where media gets in.
    Others, as GStreamer, send theirs just after that.
    """

    def __init__(self) -> None:
        self._noted: PortMemory[None] = PortMemory(_GOOD_FOR_S)
        self._unheard: PortMemory[_Taken] = PortMemory(_GOOD_FOR_S)
        self._left: PortMemory[int] = PortMemory(_GOOD_FOR_S)

    def note(self, host: str, port: int, now_s: float) -> None:
        """A datagram came from there."""
        self._noted.note(host, port, None, now_s)

    def take(self, host: str, announced_port: int, now_s: float) -> int:
        """The port at which a viewer that announced another is reached; each datagram counts for one viewer only.

        It is the announced one where datagrams came from that, or where none came at all; one may be yet to come. Those
        from the port of one who left count only for who announces the same as that one.
        """
        left = self._left.of(host, now_s)
        noted = [port for port in self._noted.of(host, now_s) if left.get(port, announced_port) == announced_port]
        port = announced_port
        if announced_port not in noted:
            port = noted[-1] if noted else announced_port
            self._unheard.note(host, port, _Taken(announced_port, now_s), now_s)
        self._noted.forget(host, port)
        return port

    def unheard(self, host: str, port: int, now_s: float) -> int | None:
        """Where somebody is served who was not heard from there, and is rather at this port, as a datagram shows.

        That is who announced this port; or else who plays there longest at the port it announced itself, for some
        seconds. Who was heard elsewhere before it played, and from there only, stays.
        """
        left_by = self._left.of(host, now_s).get(port)
        waiting = {
            served: taken
            for served, taken in self._unheard.of(host, now_s).items()
            if left_by is None or left_by == taken.announced_port
        }
        announced = (served for served, taken in waiting.items() if taken.announced_port == port)
        late = (
            served
            for served, taken in waiting.items()
            if taken.announced_port == served and now_s - taken.since_s <= _LATE_S
        )
        return next(announced, None) or next(late, None)

    def settle(self, host: str, port: int) -> None:
        """A viewer that was served at this port was heard from there, or is served there no more."""
        self._unheard.forget(host, port)

    def retire(self, host: str, port: int, announced_port: int, now_s: float) -> None:
        """Who announced that port and was served at this one has left.

        Its last datagrams may be yet to come and are nobody else's, until it comes back itself.
        """
        self._left.note(host, port, announced_port, now_s)
