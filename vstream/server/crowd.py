"""All connections at once: how many there may be, in all and from one address, and who gives way to a newcomer."""

from collections import Counter
from collections.abc import Iterator
from enum import Enum

from vstream.networks import site
from vstream.server.connection import Connection


class Limit(Enum):
    """Which limit a newcomer would exceed; the values are for the counters."""

    TOTAL = "connections"
    ADDRESS = "connections per address"


class Crowd:
    """Connections in the order in which they came."""

    def __init__(self, limit: int, limit_per_address: int) -> None:
        self.limit(limit, limit_per_address)
        self._connections: dict[Connection, str] = {}
        self._at_site: Counter[str] = Counter()

    def limit(self, limit: int, limit_per_address: int) -> None:
        """Let so many in; those who are in stay."""
        self._limit = limit
        self._limit_per_address = limit_per_address

    def __iter__(self) -> Iterator[Connection]:
        """A copy, so that each may leave meanwhile."""
        return iter(list(self._connections))

    def __len__(self) -> int:
        return len(self._connections)

    def includes(self, host: str) -> bool:
        """Whether anybody from this address (with IPv6 its network) is connected."""
        return site(host) in self._at_site

    def awaits_play(self, host: str) -> bool:
        """Whether anybody at this address made a session over UDP and did not play yet."""
        return any(connection.awaits_play for connection in self._connections if connection.peer.host == host)

    def exceeded(self, host: str) -> Limit | None:
        """The limit that stands against one more from this address."""
        if self._at_site[site(host)] >= self._limit_per_address:
            return Limit.ADDRESS
        return Limit.TOTAL if len(self._connections) >= self._limit else None

    def expendable(self, host: str, limit: Limit, now_s: float) -> Connection | None:
        """The oldest without a session that one more from this address may replace.

        Thousands who connect and say nothing then keep nobody out, while viewers stay.
        """
        wanted = site(host)
        for connection, place in self._connections.items():
            if (limit is Limit.TOTAL or place == wanted) and connection.is_expendable(now_s):
                return connection
        return None

    def sessions(self) -> int:
        """How many sessions there are."""
        return sum(connection.sessions for connection in self._connections)

    def may_begin_session(self, host: str) -> bool:
        """Whether this address may have one more session: as many as connections, so that none takes all there are."""
        wanted = site(host)
        held = sum(connection.sessions for connection, place in self._connections.items() if place == wanted)
        return held < self._limit_per_address

    def add(self, connection: Connection) -> None:
        place = self._connections[connection] = site(connection.peer.host)
        self._at_site[place] += 1

    def discard(self, connection: Connection) -> None:
        place = self._connections.pop(connection, None)
        if place is not None:
            self._at_site[place] -= 1
            if not self._at_site[place]:
                del self._at_site[place]
