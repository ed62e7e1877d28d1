"""Where viewers behind a NAT really are: the ports from which they reached us, which are not those they know."""

from collections import OrderedDict

_GOOD_FOR_S = 10.0
_HOSTS_LIMIT = 1024
_PORTS_LIMIT = 16


class Punches:
    """The latest datagrams to one of our UDP ports, by the host they came from.

    Players send one just before they ask to play, to open their NAT; its mapping of that port is where media gets in.
    """

    def __init__(self) -> None:
        self._ports: OrderedDict[str, OrderedDict[int, float]] = OrderedDict()

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

        It is the announced one where datagrams came from that, or where none came at all.
        """
        ports = self._ports.get(host, OrderedDict())
        recent = [port for port, noted_s in ports.items() if now_s - noted_s <= _GOOD_FOR_S]
        port = announced_port if announced_port in recent or not recent else recent[-1]
        ports.pop(port, None)
        if not ports:
            self._ports.pop(host, None)
        return port
