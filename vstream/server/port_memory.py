"""What is known of viewers' ports, for some seconds: of so many at a time, from however many datagrams come."""

from collections import OrderedDict
from typing import Generic, TypeVar

from vstream.networks import site

PORTS_LIMIT = 4096
SITE_PORTS_LIMIT = 512

ValueT = TypeVar("ValueT")


class PortMemory(Generic[ValueT]):
    """Remembers something of each port by its host, for `good_for_s`; the oldest gives way.

    First that of the same site, so that a host with an IPv6 network of its own displaces nobody else's.
    """

    def __init__(self, good_for_s: float) -> None:
        self._good_for_s = good_for_s
        self._sites: OrderedDict[str, OrderedDict[tuple[str, int], tuple[ValueT, float]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """How many ports are remembered."""
        return self._count

    def note(self, host: str, port: int, value: ValueT, now_s: float) -> None:
        """Know this of a port from now on, instead of what was known before."""
        self.forget(host, port)
        place = site(host)
        ports = self._sites.setdefault(place, OrderedDict())
        ports[host, port] = value, now_s
        self._sites.move_to_end(place)
        self._count += 1
        while len(ports) > SITE_PORTS_LIMIT or self._is_stale(next(iter(ports.values())), now_s):
            self._drop_oldest(place)
        self._drop_stale(now_s)
        if self._count > PORTS_LIMIT:
            self._drop_oldest(next(iter(self._sites)))

    def of(self, host: str, now_s: float) -> dict[int, ValueT]:
        """What is known of this host's ports, the oldest first."""
        if not self._sites:
            return {}
        return {
            port: value
            for (owner, port), (value, noted_s) in self._sites.get(site(host), OrderedDict()).items()
            if owner == host and not self._is_stale((value, noted_s), now_s)
        }

    def forget(self, host: str, port: int) -> None:
        """Know nothing more of this port."""
        place = site(host) if self._sites else ""
        if (host, port) in self._sites.get(place, {}):
            del self._sites[place][host, port]
            self._dropped(place)

    def _drop_oldest(self, place: str) -> None:
        self._sites[place].popitem(last=False)
        self._dropped(place)

    def _dropped(self, place: str) -> None:
        self._count -= 1
        if not self._sites[place]:
            del self._sites[place]

    def _drop_stale(self, now_s: float) -> None:
        """Forget the sites of which nothing new was noted; they stand in the order of their newest."""
        while self._sites:
            place, ports = next(iter(self._sites.items()))
            if not self._is_stale(next(reversed(ports.values())), now_s):
                return
            del self._sites[place]
            self._count -= len(ports)

    def _is_stale(self, noted: tuple[ValueT, float], now_s: float) -> bool:
        return now_s - noted[1] > self._good_for_s
