"""What an HTTP request on the RTSP port opens, and how an outsider reads the answer."""

import http.client
import io

import pytest

from vstream.errors import HttpError
from vstream.rtsp.headers import Headers
from vstream.rtsp.message import HttpRequest
from vstream.tunnel.http import Downlink, Opening, Upgrade, Uplink, accepted, opening, refused

TUNNELLED = "application/x-rtsp-tunnelled"


class _Wire(io.BytesIO):
    """What `http.client` takes for a socket."""

    def makefile(self, *_: object) -> io.BytesIO:
        return self


def request(method: str, *fields: str, version: str = "HTTP/1.1") -> HttpRequest:
    pairs = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
    return HttpRequest(method, "/video", version, Headers(pairs))


def read(answer: bytes, method: str = "GET") -> http.client.HTTPResponse:
    """The answer as the standard library's client reads it."""
    response = http.client.HTTPResponse(_Wire(answer), method=method)  # type: ignore[arg-type]
    response.begin()
    return response


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        (request("GET", "x-sessioncookie: Ab1", f"Accept: {TUNNELLED}"), Downlink("Ab1")),
        (request("GET", "X-SESSIONCOOKIE: Ab1"), Downlink("Ab1")),
        (request("GET", "x-sessioncookie: a", f"Accept: {TUNNELLED}", "Content-Length: 30000"), Downlink("a")),
        (request("POST", "x-sessioncookie: Ab1", f"Content-Type: {TUNNELLED}", "Content-Length: 32767"), Uplink("Ab1")),
        (request("POST", "x-sessioncookie: " + "c" * 128), Uplink("c" * 128)),
        (request("GET", "Upgrade: websocket", "Connection: Upgrade"), Upgrade()),
    ],
)
def test_what_is_opened(asked: HttpRequest, opened: Opening) -> None:
    assert opening(asked) == opened


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request("GET", "Accept: text/html"), 404),
        (request("GET", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: "), 404),
        (request("POST", "Content-Type: application/soap+xml"), 404),
        (request("HEAD"), 404),
        (request("OPTIONS", "Access-Control-Request-Headers: x-sessioncookie"), 405),
        (request("DELETE", "x-sessioncookie: a"), 405),
        (request("GET", f"Accept: {TUNNELLED}"), 400),
        (request("POST", f"Content-Type: {TUNNELLED}"), 400),
        (request("GET", "x-sessioncookie: ", f"Accept: {TUNNELLED}"), 400),
        (request("GET", "x-sessioncookie: " + "c" * 129), 400),
        (request("GET", "x-sessioncookie: a b"), 400),
        (request("GET", "x-sessioncookie: a", "x-sessioncookie: b"), 400),
        (request("POST", "x-sessioncookie: a", "Transfer-Encoding: chunked"), 501),
    ],
)
def test_what_is_refused_says_why(asked: HttpRequest, status: int) -> None:
    with pytest.raises(HttpError) as refusal:
        opening(asked)
    answer = read(refused(asked, refusal.value, "vstream/test"), asked.method)
    assert (answer.status, answer.getheader("Connection")) == (status, "close")
    assert int(answer.getheader("Content-Length", "0")) == len(f"{refusal.value}\n")
    assert answer.read().decode() == ("" if asked.method == "HEAD" else f"{refusal.value}\n")


def test_a_person_with_a_browser_is_told_what_this_is() -> None:
    with pytest.raises(HttpError, match="This is an RTSP server: open its rtsp:// URL in a player"):
        opening(request("GET", "Accept: text/html,*/*;q=0.8"))


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_a_tunnel_is_accepted_in_the_version_of_the_client(version: str) -> None:
    asked = request("GET", "x-sessioncookie: a", version=version)
    head = accepted(asked, "vstream/test")
    assert head.startswith(version.encode() + b" 200 OK\r\n")
    answer = read(head + b"RTSP/1.0 200 OK\r\n\r\n$")
    assert answer.getheader("Content-Type") == TUNNELLED
    assert answer.getheader("Cache-Control") == "no-store"
    assert answer.read() == b"RTSP/1.0 200 OK\r\n\r\n$"
