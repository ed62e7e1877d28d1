"""RTSP over WebSocket with a client of somebody else's: the websockets library, without a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from vstream.errors import HttpError
from vstream.rtsp.headers import Headers
from vstream.rtsp.message import HttpRequest
from vstream.tunnel.origins import parse_origins
from vstream.tunnel.websocket import WebSocket, handshake

NOBODY: frozenset[str] = frozenset()
ASK = b"OPTIONS rtsp://192.0.2.1/video RTSP/1.0\r\nCSeq: 1\r\n\r\n"
MASK = b"\x11\x22\x33\x44"


def client(*subprotocols: str, origin: str | None = None) -> tuple[ClientProtocol, Request]:
    """A client and the request by which it would open a WebSocket."""
    protocols = [Subprotocol(name) for name in subprotocols or ("rtsp.onvif.org",)]
    uri = parse_uri("ws://192.0.2.1:8554/webSocketServer")
    made = ClientProtocol(uri, subprotocols=protocols, origin=None if origin is None else Origin(origin))
    return made, made.connect()


def as_read(request: Request, **changed: str | None) -> HttpRequest:
    """The request as our parser gives it, with some fields changed or left out."""
    fields = dict(request.headers.raw_items())
    for name, value in changed.items():
        fields.pop(name.replace("_", "-"), None)
        if value is not None:
            fields[name.replace("_", "-")] = value
    return HttpRequest("GET", request.path, "HTTP/1.1", Headers(fields.items()))


def opened() -> tuple[ClientProtocol, WebSocket]:
    """Both sides behind the handshake."""
    made, request = client()
    made.send_request(request)
    made.data_to_send()
    made.receive_data(handshake(as_read(request), NOBODY, "vstream/test"))
    made.events_received()
    assert made.handshake_exc is None
    return made, WebSocket()


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A short masked frame, bit by bit (RFC 6455 section 5.2)."""
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes([(0x80 if fin else 0) | opcode, 0x80 | len(payload)]) + MASK + masked


def test_the_handshake_of_the_standard() -> None:
    fields = {
        "Host": "192.168.0.1",
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "other, rtsp.onvif.org",
        "Sec-WebSocket-Version": "13",
    }
    answer = handshake(HttpRequest("GET", "/", "HTTP/1.1", Headers(fields.items())), NOBODY, "vstream/test")
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert b"\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n" in answer


def test_an_independent_client_is_content_with_the_handshake() -> None:
    made, _ = opened()
    assert made.subprotocol == "rtsp.onvif.org"
    assert made.extensions == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Version": None}, 426),
        ({"Sec_WebSocket_Protocol": "chat"}, 400),
        ({"Sec_WebSocket_Protocol": None}, 400),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": "AAAA"}, 400),
        ({"Sec_WebSocket_Key": "no base64 at all"}, 400),
        ({"Connection": "close"}, 400),
        ({"Connection": None}, 400),
    ],
)
def test_another_handshake_is_refused(changed: dict[str, str | None], status: int) -> None:
    with pytest.raises(HttpError) as refusal:
        handshake(as_read(client()[1], **changed), NOBODY, "vstream/test")
    assert refusal.value.status == status


def test_only_chosen_web_pages_may_open_the_stream() -> None:
    page = as_read(client(origin="https://NVR.example")[1])
    for allowed in ("https://nvr.example", "http://other:8080 https://nvr.example", "*"):
        assert handshake(page, parse_origins(allowed), "vstream/test").startswith(b"HTTP/1.1 101 ")
    for allowed in ("", "http://nvr.example", "https://nvr.example:444"):
        with pytest.raises(HttpError) as refusal:
            handshake(page, parse_origins(allowed), "vstream/test")
        assert refusal.value.status == 403


@pytest.mark.parametrize("text", ["nvr.example", "https://", "https://nvr.example/page", "https://a b", "**"])
def test_what_is_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        parse_origins(text)


@given(sizes=st.lists(st.integers(1, 80), max_size=8), step=st.integers(1, 50))
def test_messages_fragmented_and_cut_anywhere_are_one_stream(sizes: list[int], step: int) -> None:
    made, ours = opened()
    rest, begun = ASK * 4, False
    for size in sizes:
        made.send_continuation(rest[:size], fin=False) if begun else made.send_binary(rest[:size], fin=False)
        rest, begun = rest[size:], True
    made.send_continuation(rest, fin=True) if begun else made.send_binary(rest)
    wire = b"".join(made.data_to_send())
    received = [ours.receive(wire[start : start + step]) for start in range(0, len(wire), step)]
    assert b"".join(one.payload for one in received) == ASK * 4
    assert not any(one.reply or one.is_closed for one in received)


def test_a_frame_is_not_kept_until_it_is_whole() -> None:
    _, ours = opened()
    head = bytes([0x82, 0xFF]) + (1 << 40).to_bytes(8, "big") + bytes(4)
    assert ours.receive(head + ASK).payload == ASK


def test_a_ping_is_answered_and_a_pong_is_not() -> None:
    made, ours = opened()
    made.send_ping(b"are you there")
    made.send_pong(b"unasked")
    received = ours.receive(b"".join(made.data_to_send()))
    assert (received.payload, received.is_closed) == (b"", False)
    made.receive_data(received.reply)
    (pong,) = made.events_received()
    assert pong == Frame(Opcode.PONG, b"are you there")


def test_a_close_is_answered_behind_what_came_before() -> None:
    made, ours = opened()
    made.send_binary(ASK)
    made.send_close(1000, "bye")
    received = ours.receive(b"".join(made.data_to_send()))
    assert (received.payload, received.is_closed) == (ASK, True)
    made.receive_data(received.reply)
    assert made.close_rcvd == Close(1000, "bye")
    assert ours.farewell() == b""
    assert ours.receive(frame(2, ASK)) == (b"", b"", True)


def test_a_close_without_a_code_is_answered() -> None:
    _, ours = opened()
    assert ours.receive(frame(8, b"")) == (b"", bytes([0x88, 0]), True)


def test_the_server_says_that_it_goes() -> None:
    made, ours = opened()
    made.receive_data(ours.farewell())
    assert made.close_rcvd == Close(1001, "")
    assert ours.farewell() == b""


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (frame(1, b"OPTIONS * RTSP/1.0"), 1003),
        (bytes([0x82, 4]) + b"bare", 1002),
        (frame(3, b"reserved"), 1002),
        (frame(0, b"continues nothing"), 1002),
        (frame(2, b"a", fin=False) + frame(2, b"b"), 1002),
        (frame(9, b"ping in parts", fin=False), 1002),
        (bytes([0x89, 0xFE, 0, 126]) + MASK, 1002),
        (bytes([0xC2, 0x81]) + MASK + b"x", 1002),
        (bytes([0x82, 0xFE, 0, 5]) + MASK, 1002),
        (frame(8, b"\x03"), 1002),
        (frame(8, b"\x03\xed"), 1002),
        (frame(8, b"\x03\xe8\xff"), 1007),
    ],
)
def test_what_breaks_the_protocol_is_closed_with_the_reason(wire: bytes, code: int) -> None:
    made, ours = opened()
    received = ours.receive(wire)
    assert received.is_closed
    made.receive_data(received.reply)
    assert made.close_rcvd is not None
    assert made.close_rcvd.code == code
