"""The HTTP port: one thread, a bounded number of connections, and none of them for long."""

import logging
import socket
import threading
from typing import TYPE_CHECKING

from vstream.config import Settings
from vstream.errors import ListenError
from vstream.server.listener import Listener
from vstream.server.loop import EventLoop
from vstream.server.sockets import Endpoint
from vstream.service import Service

if TYPE_CHECKING:
    from vstream.http.connection import HttpConnection
    from vstream.http.pages import Pages

CONNECTIONS_LIMIT = 32
REQUEST_LIMIT_S = 5.0
"""How long a connection may live, from its first byte to the last that is written."""

log = logging.getLogger(__name__)


class HttpServer:
    """Serves metrics, health and status; a client that does not read or ask costs nobody else anything.

    Beyond 32 connections the oldest makes room for the newest, and none lives longer than 5 s, so that neither stuck
    scrapers nor their number keep another one out. What HTTP and metrics need is imported on this thread, after the
    RTSP port is open.
    """

    def __init__(self, settings: Settings) -> None:
        """Open the port.

        Raises:
            ListenError: the port is taken, or the address is not this machine's.
        """
        self._loop = EventLoop()
        self._listener = Listener(
            settings.metrics_host, settings.metrics_port, self._loop, self._accepted, "metrics (METRICS_PORT)"
        )
        self._connections: dict[HttpConnection, None] = {}
        """Those that are open, the oldest first."""
        self._pages: Pages | None = None
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._service: Service | None = None

    @property
    def port(self) -> int:
        return self._listener.port

    def start(self, service: Service) -> None:
        """Begin to answer, about this service."""
        self._service = service
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Close the port and all connections; wait for that at most `timeout_s`."""
        self._loop.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        from vstream.http.pages import Pages
        from vstream.http.rates import SAMPLE_INTERVAL_S, Rates

        assert self._service is not None
        rates = Rates(self._service)
        self._pages = Pages(self._service, rates)
        self._loop.every(SAMPLE_INTERVAL_S, rates.sample)
        self._loop.run()
        self._listener.close()
        for connection in list(self._connections):
            connection.close()
        self._loop.close()

    def _accepted(self, tcp: socket.socket, _peer: Endpoint) -> None:
        from vstream.http.connection import HttpConnection

        assert self._pages is not None
        while len(self._connections) >= CONNECTIONS_LIMIT:
            next(iter(self._connections)).close()
        connection = HttpConnection(tcp, self._loop, self._pages.page, self._forget)
        self._connections[connection] = None
        # No timer that runs on: each wake-up of an idle thread costs a tenth of a millisecond.
        self._loop.after(REQUEST_LIMIT_S, connection.close)

    def _forget(self, connection: "HttpConnection") -> None:
        self._connections.pop(connection, None)


def open_http(settings: Settings) -> HttpServer | None:
    """Open the HTTP port where the settings ask for one; None where they do not, or where only its default is taken.

    Raises:
        ListenError: the port that somebody chose cannot be had.
    """
    if settings.metrics_port == 0:
        return None
    try:
        return HttpServer(settings)
    except ListenError as error:
        if settings.given("metrics_port") or settings.given("metrics_host"):
            raise
        log.warning("No metrics, health and status: %s", error)
        return None
