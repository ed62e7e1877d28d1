"""A connection beyond the limits: its first request is answered 503, so that the player can say why, then it ends."""

import contextlib
import socket
import time
from collections.abc import Callable

from vstream.errors import HttpError, MalformedMessageError
from vstream.rtsp.headers import Headers
from vstream.rtsp.message import HttpRequest, Request, Response
from vstream.rtsp.parser import Parser
from vstream.server.loop import EventLoop
from vstream.tunnel.http import refused

_PATIENCE_S = 2.0
_RETRY_AFTER = ("Retry-After", "5")
_READ_BYTES = 4096


class TurnedAway:
    """Waits for one request and, as long as `check` is called, no longer than 2 s; `gone` is called at its end."""

    def __init__(
        self, tcp: socket.socket, loop: EventLoop, server_name: str, gone: Callable[["TurnedAway"], None]
    ) -> None:
        self._socket = tcp
        self._loop = loop
        self._server_name = server_name
        self._gone = gone
        self._parser = Parser()
        self._came_s = time.monotonic()
        tcp.setblocking(False)
        loop.add(tcp.fileno(), self._read)

    def check(self, now_s: float) -> None:
        """End it where it was silent too long."""
        if now_s - self._came_s > _PATIENCE_S:
            self.close()

    def close(self) -> None:
        self._loop.remove(self._socket.fileno())
        self._socket.close()
        self._gone(self)

    def _read(self, _events: int) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
            self._parser.feed(data)
            event = self._parser.next_event()
        except BlockingIOError:
            return
        except (OSError, MalformedMessageError):
            self.close()
            return
        if isinstance(event, Request | HttpRequest):
            with contextlib.suppress(OSError):
                self._socket.send(self._answer(event))
                # Closed the other way round, bytes that still come would make the kernel throw the answer away.
                self._socket.shutdown(socket.SHUT_WR)
            self._loop.remove(self._socket.fileno())
            self._loop.add(self._socket.fileno(), self._drain)
        elif not data or event is not None:
            self.close()

    def _drain(self, _events: int) -> None:
        try:
            if self._socket.recv(_READ_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.close()

    def _answer(self, request: Request | HttpRequest) -> bytes:
        if isinstance(request, HttpRequest):
            error = HttpError(503, "There are as many connections as there may be.", [_RETRY_AFTER])
            return refused(request, error, self._server_name)
        fields = [("CSeq", value) for value in request.headers.get_all("CSeq")[:1]]
        fields += [("Server", self._server_name), _RETRY_AFTER, ("Connection", "close")]
        return Response(503, Headers(fields)).encode()
