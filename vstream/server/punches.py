"""Where viewers behind a NAT really are: the ports from which they reached us, which are not those they know."""

from collections import OrderedDict

_GOOD_FOR_S = 10.0
_LATE_S = 5.0
_HOSTS_LIMIT = 1024
_PORTS_LIMIT = 512


class Punches:
    """The latest datagrams to one of our UDP ports, by the host they came from.

    Players send one just before they ask to play, to open their NAT; its mapping of that port is where media gets in.
    Others, as GStreamer, send theirs just after that.
    """

    def __init__(self) -> None:
        self._ports: OrderedDict[str, OrderedDict[int, float]] = OrderedDict()
        self._unheard: dict[str, dict[int, float]] = {}

    def note(self, host: str, port: int, now_s: float) -> None:
        """A datagram came from there."""
        ports = self._ports.setdefault(host, OrderedDict())
        ports[port] = now_s
        ports.move_to_end(port)
        self._ports.move_to_end(host)
        if len(ports) > _PORTS_LIMIT:
            ports.popitem(last=False)
        if len(self._ports) > _HOSTS_LIMIT:
            self._ports.popitem(last=False)

    def take(self, host: str, announced_port: int, now_s: float) -> int:
        """The port at which a viewer that announced another is reached; each datagram counts for one viewer only.

        It is the announced one where datagrams came from that, or where none came at all; one may be yet to come.
        """
        ports = self._ports.get(host, OrderedDict())
        recent = [port for port, noted_s in ports.items() if now_s - noted_s <= _GOOD_FOR_S]
        if not recent:
            self._unheard.setdefault(host, {})[announced_port] = now_s
            return announced_port
        port = announced_port if announced_port in recent else recent[-1]
        ports.pop(port)
        if not ports:
            self._ports.pop(host)
        return port

    def unheard(self, host: str, now_s: float) -> int | None:
        """The announced port of whoever plays there longest without a datagram from it; None after some seconds."""
        for port, taken_s in self._unheard.get(host, {}).items():
            if now_s - taken_s <= _LATE_S:
                return port
        return None

    def settle(self, host: str, port: int) -> None:
        """A viewer that was served at this port was heard from there, or is served there no more."""
        ports = self._unheard.get(host, {})
        if ports.pop(port, None) is not None and not ports:
            del self._unheard[host]
