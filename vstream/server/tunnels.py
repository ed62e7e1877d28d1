"""Opens tunnels through HTTP, and finds the two ends of each for one another."""

from typing import NamedTuple, TypeVar

from vstream.config import Settings
from vstream.errors import HttpError
from vstream.rtsp.message import HttpRequest
from vstream.server.ends import DownlinkEnd, Line, UplinkEnd
from vstream.tunnel import http
from vstream.tunnel.origins import parse_origins

E = TypeVar("E", DownlinkEnd, UplinkEnd)


class _Key(NamedTuple):
    """Whoever has a cookie from another address, or without TLS where it was used with, reaches nothing by it."""

    host: str
    is_encrypted: bool
    cookie: str


class Tunnels:
    """Each end it knows is an open connection, so that their number is bounded as those are."""

    def __init__(self, settings: Settings, server_name: str) -> None:
        self._server_name = server_name
        self._downlinks: dict[_Key, DownlinkEnd] = {}
        self._uplinks: dict[_Key, UplinkEnd] = {}
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Let pages of other origins open WebSockets, from now on."""
        self._origins = parse_origins(settings.rtsp_websocket_origins)

    def open(self, request: HttpRequest, line: Line) -> None:
        """Answer the request that opens a tunnel, and make its connection one end of it.

        Raises:
            HttpError: it opens none.
        """
        wanted = http.opening(request)
        if isinstance(wanted, http.Upgrade):
            self._open_websocket(request, line)
            return
        key = _Key(line.peer.host, line.is_encrypted, wanted.cookie)
        if isinstance(wanted, http.Uplink):
            self._open_uplink(key, line)
        elif key in self._downlinks:
            raise HttpError(409, "A tunnel with this x-sessioncookie is open.")
        else:
            line.writer.write(http.accepted(request, self._server_name))
            self._open_downlink(key, line)

    def refused(self, request: HttpRequest, error: HttpError) -> bytes:
        """The answer to a request that opens no tunnel."""
        return http.refused(request, error, self._server_name)

    def _open_websocket(self, request: HttpRequest, line: Line) -> None:
        # Only here, as most servers never see one: these modules take time at start.
        from vstream.server.websocket_end import WebSocketEnd
        from vstream.tunnel.websocket import handshake

        line.writer.write(handshake(request, self._origins, self._server_name))
        line.become(WebSocketEnd(line))

    def _open_downlink(self, key: _Key, line: Line) -> None:
        downlink = self._downlinks[key] = DownlinkEnd(line, lambda: self._forget(self._downlinks, key, downlink))
        line.become(downlink)
        if key in self._uplinks:
            downlink.join(self._uplinks[key])

    def _open_uplink(self, key: _Key, line: Line) -> None:
        if key in self._uplinks:
            self._uplinks[key].close("another POST took its place")
        uplink = self._uplinks[key] = UplinkEnd(line, lambda: self._forget(self._uplinks, key, uplink))
        line.become(uplink)
        if key in self._downlinks:
            self._downlinks[key].join(uplink)

    @staticmethod
    def _forget(ends: dict[_Key, E], key: _Key, end: E) -> None:
        if ends.get(key) is end:
            del ends[key]
