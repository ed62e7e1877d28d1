"""HTTP on the RTSP port: which end of a tunnel a request opens, and what it is answered.

Apple's "Tunneling QuickTime RTSP and RTP over HTTP": the answer to a GET carries all that the server sends, the body of
a POST with the same cookie all that the client sends, as base64. Neither ends before its connection, whatever its
Content-Length says.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

from vstream.errors import HttpError
from vstream.rtsp.headers import Headers
from vstream.rtsp.message import HttpRequest

MEDIA_TYPE = "application/x-rtsp-tunnelled"
COOKIE_LIMIT = 128
"""Characters of a cookie; players have 16 to 32."""

_COOKIE = re.compile(rf"[!-~]{{1,{COOKIE_LIMIT}}}")
_HTTP_1_0 = "HTTP/1.0"
_NEVER_STORED = [("Cache-Control", "no-store"), ("Pragma", "no-cache")]
_EXPLANATION = "This is an RTSP server: open its rtsp:// URL in a player. It answers HTTP to tunnelled RTSP alone."


class Downlink(NamedTuple):
    """A GET: from the server to the client."""

    cookie: str


class Uplink(NamedTuple):
    """A POST: from the client to the server."""

    cookie: str


class Upgrade(NamedTuple):
    """The wish to go on with WebSocket, both ways on this connection."""


Opening = Downlink | Uplink | Upgrade


def opening(request: HttpRequest) -> Opening:
    """What the request opens; its path does not matter, as the requests in the tunnel name the stream.

    Raises:
        HttpError: it opens no tunnel.
    """
    if request.method not in {"GET", "POST"}:
        status = 404 if request.method == "HEAD" else 405
        raise HttpError(status, _EXPLANATION, [("Allow", "GET, POST")])
    if request.method == "GET" and any(wish.lower() == "websocket" for wish in request.headers.elements("Upgrade")):
        return Upgrade()
    cookies = request.headers.get_all("x-sessioncookie")
    wanted = request.headers.elements("Accept" if request.method == "GET" else "Content-Type")
    if not cookies and MEDIA_TYPE not in wanted:
        raise HttpError(404, _EXPLANATION)
    if len(cookies) != 1 or not _COOKIE.fullmatch(cookies[0]):
        raise HttpError(400, f"A tunnel needs one x-sessioncookie of 1 to {COOKIE_LIMIT} characters.")
    if "Transfer-Encoding" in request.headers:
        raise HttpError(501, "A tunnel carries base64 as it is, without a Transfer-Encoding.")
    return Downlink(cookies[0]) if request.method == "GET" else Uplink(cookies[0])


def accepted(request: HttpRequest, server_name: str) -> bytes:
    """The head of the answer to a GET that opened a tunnel; a POST is not answered, as no player waits for it."""
    fields = [("Server", server_name), ("Content-Type", MEDIA_TYPE), *_NEVER_STORED, ("Connection", "close")]
    return head(request, 200, fields)


def refused(request: HttpRequest, error: HttpError, server_name: str) -> bytes:
    """The answer to a request that is not served, for a person to read; the connection is closed then."""
    text = f"{error}\n".encode()
    fields = [("Server", server_name), ("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
    fields += [*_NEVER_STORED, *error.fields, ("Connection", "close")]
    return head(request, error.status, fields) + (b"" if request.method == "HEAD" else text)


def head(request: HttpRequest, status: int, fields: Iterable[tuple[str, str]]) -> bytes:
    """Status line and header fields, in the client's version of HTTP."""
    version = _HTTP_1_0 if request.version == _HTTP_1_0 else "HTTP/1.1"
    return f"{version} {status} {HTTPStatus(status).phrase}\r\n".encode() + Headers(fields).encode() + b"\r\n"
