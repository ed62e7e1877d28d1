"""One HTTP connection: reads one request, answers it, and is closed."""

import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import h11

from vstream import __version__
from vstream._fastpath import TcpWriter
from vstream.server.loop import WRITABLE, EventLoop

_READ_BYTES = 4096
_REQUEST_LIMIT_BYTES = 8192
_ANSWER_LIMIT_BYTES = 16 << 20
_METHODS = (b"GET", b"HEAD")


class Answer(Protocol):
    """A status, a media type, and what it describes."""

    @property
    def status(self) -> int: ...
    @property
    def content_type(self) -> str: ...
    @property
    def body(self) -> bytes: ...


class HttpConnection:
    """Waits for nobody: what the socket does not take at once leaves when it can, until whoever made it closes it."""

    def __init__(
        self,
        tcp: socket.socket,
        loop: EventLoop,
        answer: Callable[[str, str], Answer],
        closed: Callable[["HttpConnection"], None],
    ) -> None:
        """`answer` gets path and Accept field of a request; `closed` is called once, at the end."""
        tcp.setblocking(False)
        self._socket = tcp
        self._loop = loop
        self._answer = answer
        self._closed = closed
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_REQUEST_LIMIT_BYTES)
        self._writer = TcpWriter(tcp.fileno(), limit_bytes=_ANSWER_LIMIT_BYTES, epoll_fd=loop.epoll_fd)
        self._is_answered = False
        self._is_open = True
        loop.add(tcp.fileno(), self._handle)

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._writer.close()
        self._loop.remove(self._socket.fileno())
        self._socket.close()
        self._closed(self)

    def _handle(self, events: int) -> None:
        try:
            if events & WRITABLE:
                self._writer.flush()
            if events & ~WRITABLE:
                self._read()
        except OSError:
            self.close()
            return
        if self._is_answered and (not self._writer.queued_bytes or self._writer.error):
            self.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.close()
        elif not self._is_answered:
            self._process(data)

    def _process(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._send(error.error_status_hint, "text/plain", b"This is no request of HTTP/1.1.\n")
            return
        if isinstance(event, h11.Request):
            self._respond(event)

    def _respond(self, request: h11.Request) -> None:
        if request.method not in _METHODS:
            self._send(405, "text/plain", b"Only GET and HEAD are served.\n", [("Allow", "GET, HEAD")])
            return
        fields = dict(request.headers)
        path = request.target.decode("ascii", "replace").partition("?")[0]
        page = self._answer(path, fields.get(b"accept", b"").decode("latin-1"))
        self._send(page.status, page.content_type, page.body, with_body=request.method != b"HEAD")

    def _send(
        self,
        status: int,
        content_type: str,
        body: bytes,
        more: list[tuple[str, str]] | None = None,
        *,
        with_body: bool = True,
    ) -> None:
        self._is_answered = True
        fields = [
            ("Server", f"vstream/{__version__}"),
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
            *(more or ()),
        ]
        head = self._http.send(h11.Response(status_code=status, headers=fields, reason=HTTPStatus(status).phrase))
        if not self._writer.write((head or b"") + (body if with_body else b"")):
            self.close()
