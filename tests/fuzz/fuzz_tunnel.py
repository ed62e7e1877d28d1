"""Fuzz target: HTTP heads, base64 and WebSocket frames mean the same however they are cut, and are refused in order."""

import base64
import contextlib
import sys

from vstream.errors import HttpError, MalformedMessageError
from vstream.rtsp.message import HttpRequest
from vstream.rtsp.parser import Limits, Parser
from vstream.tunnel.base64_stream import Base64Stream
from vstream.tunnel.http import Upgrade, accepted, opening, refused
from vstream.tunnel.origins import parse_origins
from vstream.tunnel.websocket import WebSocket, handshake

LIMITS = Limits(request_line_bytes=200, header_bytes=800, header_count=20, body_bytes=80)
REFUSALS = {400, 403, 404, 405, 426, 501}
ORIGINS = parse_origins("https://nvr.example")
STEPS = (1, 7)
PONG, CLOSE = 0x8A, 0x88


def fuzz_one(data: bytes) -> None:
    parser = Parser(LIMITS)
    parser.feed(data)
    with contextlib.suppress(MalformedMessageError):
        request = parser.next_event()
        if isinstance(request, HttpRequest):
            answer(request)
            data = parser.take_rest()
    check_base64(data)
    check_websocket(data)


def answer(request: HttpRequest) -> None:
    """Whatever is answered is one well-formed head."""
    try:
        opened = opening(request)
        head = handshake(request, ORIGINS, "v") if isinstance(opened, Upgrade) else accepted(request, "v")
    except HttpError as refusal:
        if refusal.status not in REFUSALS:
            raise
        head = refused(request, refusal, "v")
    status_line, *fields = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert status_line.startswith(b"HTTP/1.")
    assert all(field.count(b": ") == 1 or field.startswith(b"Allow") for field in fields)


def decoded(data: bytes, step: int) -> bytes | None:
    """What the pieces mean together; None where one of them is refused."""
    stream = Base64Stream()
    try:
        return b"".join(stream.decode(data[start : start + step]) for start in range(0, len(data), step))
    except MalformedMessageError:
        return None


def check_base64(data: bytes) -> None:
    whole = decoded(data, len(data) or 1)
    assert all(decoded(data, step) == whole for step in STEPS)
    if whole is not None:
        text = b"".join(data.split())
        groups = [text[start : start + 4] for start in range(0, len(text) - 3, 4)]
        assert whole == b"".join(base64.b64decode(group, validate=True) for group in groups)


def exchanged(data: bytes, step: int) -> tuple[bytes, bool]:
    """What the frames carried, and whether the connection is over."""
    websocket = WebSocket()
    payload, is_closed = b"", False
    for start in range(0, len(data), step):
        received = websocket.receive(data[start : start + step])
        check_reply(received.reply, is_closed=received.is_closed)
        payload += received.payload
        is_closed = received.is_closed
    assert not (is_closed and websocket.farewell())
    return payload, is_closed


def check_websocket(data: bytes) -> None:
    whole = exchanged(data, len(data) or 1)
    assert len(whole[0]) <= len(data)
    assert all(exchanged(data, step) == whole for step in STEPS)


def check_reply(reply: bytes, *, is_closed: bool) -> None:
    """Whole control frames without a mask; nothing follows a Close (RFC 6455 sections 5.5 and 5.5.1)."""
    while reply:
        opcode, size = reply[:2]
        assert opcode == PONG or (opcode == CLOSE and is_closed and len(reply) == 2 + size)
        assert size < 126
        assert len(reply) >= 2 + size
        reply = reply[2 + size :]


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
