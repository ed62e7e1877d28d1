"""Viewers through a tunnel: a GET and a POST made of plain sockets, or a WebSocket of the websockets library."""

import base64
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.e2e.viewer import Stream, Viewer, connected

COOKIES = (f"cookie{number:016}" for number in count())


class HttpTunnel:
    """Both connections; each request goes out as base64 that is padded by itself."""

    def __init__(self, url: str, source: str = "127.0.0.1", receive_buffer_bytes: int = 0, *, cookie: str = "") -> None:
        self.url, self.source = url, source
        self.cookie = cookie or next(COOKIES)
        self.get = connected(url, source, receive_buffer_bytes)
        self.get.sendall(get_head(self.cookie))
        self.answer = read_head(self.get)
        self.post = self.open_post()

    def open_post(self) -> socket.socket:
        """Open another connection that sends; the first one opens itself."""
        self.post = connected(self.url, self.source)
        self.post.sendall(post_head(self.cookie))
        return self.post

    def sendall(self, data: bytes) -> None:
        self.post.sendall(base64.b64encode(data))

    def recv(self, size: int) -> bytes:
        return self.get.recv(size)

    def getsockname(self) -> tuple[str, int]:
        host, port = self.get.getsockname()
        return host, port

    def close(self) -> None:
        self.get.close()
        self.post.close()


class WebSocketStream:
    """The messages of a WebSocket as one stream; each of them must be one answer or one interleaved frame."""

    def __init__(self, url: str, source: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None) -> None:
        self._closing = ExitStack()
        self.connection = self._closing.enter_context(opened_websocket(url, source, tls=tls))
        self._left = b""

    def sendall(self, data: bytes) -> None:
        self.connection.send(data)

    def recv(self, size: int) -> bytes:
        if not self._left:
            message = self.connection.recv(timeout=20)
            assert isinstance(message, bytes)
            assert_is_one(message)
            self._left = message
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def getsockname(self) -> tuple[str, int]:
        host, port = self.connection.local_address
        return host, port

    def close(self) -> None:
        self._closing.close()


class HttpViewer(Viewer):
    """A viewer through a tunnel of GET and POST."""

    tunnel: HttpTunnel

    def _connect(self, source: str, receive_buffer_bytes: int) -> Stream:
        self.tunnel = HttpTunnel(self.url, source, receive_buffer_bytes)
        return self.tunnel


class WebSocketViewer(Viewer):
    """A viewer over WebSocket."""

    stream: WebSocketStream

    def _connect(self, source: str, receive_buffer_bytes: int) -> Stream:
        self.stream = WebSocketStream(self.url, source)
        return self.stream


@contextmanager
def opened_websocket(
    url: str,
    source: str = "127.0.0.1",
    *,
    tls: ssl.SSLContext | None = None,
    path: str = "/",
    origin: str | None = None,
) -> Iterator[ClientConnection]:
    """A WebSocket for RTSP to where the URL says, as a web page of `origin` opens it, if there is one."""
    with connect(
        f"{'ws' if tls is None else 'wss'}://{url.split('/')[2]}{path}",
        ssl=tls,
        sock=connected(url, source),
        subprotocols=[Subprotocol("rtsp.onvif.org")],
        origin=None if origin is None else Origin(origin),
        proxy=None,
    ) as connection:
        yield connection


def get_head(cookie: str) -> bytes:
    """The request that opens the way from the server."""
    lines = ["GET /video HTTP/1.0", f"x-sessioncookie: {cookie}", "Accept: application/x-rtsp-tunnelled"]
    return "\r\n".join([*lines, "Pragma: no-cache", "Cache-Control: no-cache", "", ""]).encode()


def post_head(cookie: str) -> bytes:
    """The request that opens the way to the server; its length is the one that everybody claims."""
    lines = ["POST /video HTTP/1.0", f"x-sessioncookie: {cookie}", "Content-Type: application/x-rtsp-tunnelled"]
    lines += ["Pragma: no-cache", "Cache-Control: no-cache", "Content-Length: 32767"]
    return "\r\n".join([*lines, "Expires: Sun, 9 Jan 1972 00:00:00 GMT", "", ""]).encode()


def read_head(tcp: socket.socket) -> bytes:
    """The head of the answer, and nothing of what follows it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = tcp.recv(1)
        assert data, head
        head += data
    return head


def assert_is_one(message: bytes) -> None:
    """It is one interleaved frame, or one answer or request with its body (RFC 2326 sections 6, 7 and 10.12)."""
    if message.startswith(b"$"):
        assert len(message) == 4 + int.from_bytes(message[2:4], "big")
        return
    head, end, body = message.partition(b"\r\n\r\n")
    assert b"RTSP/1.0" in head.partition(b"\r\n")[0]
    assert end
    sizes = [int(line.partition(b":")[2]) for line in head.splitlines() if line.lower().startswith(b"content-length:")]
    assert len(body) == sum(sizes)
