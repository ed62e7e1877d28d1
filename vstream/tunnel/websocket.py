"""RTSP over WebSocket: the handshake, and what the client's frames carry (RFC 6455; ONVIF Streaming Specification 7).

Each message of ours holds one RTSP message or one interleaved frame; those of a client are read as one stream of bytes,
however it cut them, so that no frame is kept until it is whole and none is too large.
"""

import base64
import binascii
import hashlib
from typing import NamedTuple

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from vstream.errors import HttpError
from vstream.rtsp.message import HttpRequest
from vstream.tunnel.http import head
from vstream.tunnel.origins import admits

SUBPROTOCOL = "rtsp.onvif.org"
_VERSION = "13"
_KEY_BYTES = 16
_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def handshake(request: HttpRequest, origins: frozenset[str], server_name: str) -> bytes:
    """The answer to a request with `Upgrade: websocket` that makes the connection one (RFC 6455 section 4.2).

    `origins` are those of the web pages that may open it.

    Raises:
        HttpError: the handshake is incomplete, for another protocol, or from a page that may not.
    """
    fields = request.headers
    if not any(option.lower() == "upgrade" for option in fields.elements("Connection")):
        raise HttpError(400, "A WebSocket needs `Connection: Upgrade`.")
    if fields.get("Sec-WebSocket-Version") != _VERSION:
        raise HttpError(426, f"WebSocket is served in version {_VERSION}.", [("Sec-WebSocket-Version", _VERSION)])
    if SUBPROTOCOL not in fields.elements("Sec-WebSocket-Protocol"):
        raise HttpError(400, f"The only WebSocket protocol served is {SUBPROTOCOL}.")
    if not admits(origins, fields.get("Origin")):
        raise HttpError(
            403, "Web pages of this origin may not open the stream: RTSP_WEBSOCKET_ORIGINS has those that may."
        )
    accept = hashlib.sha1(_key(fields.get("Sec-WebSocket-Key") or "") + _ACCEPT_SALT, usedforsecurity=False).digest()
    answer = [("Server", server_name), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
    answer += [("Sec-WebSocket-Accept", base64.b64encode(accept).decode()), ("Sec-WebSocket-Protocol", SUBPROTOCOL)]
    return head(request, 101, answer)


class Received(NamedTuple):
    """What bytes from the client meant."""

    payload: bytes
    """RTSP and interleaved frames, as they would come without WebSocket."""

    reply: bytes
    """Frames to be written, as they are."""

    is_closed: bool
    """Whether the client is done, or has to be: once the reply is written the connection is closed."""


class WebSocket:
    """The frames of one connection behind its handshake."""

    def __init__(self) -> None:
        self._frames = Connection(ConnectionType.SERVER)

    def receive(self, data: bytes) -> Received:
        """Take bytes as they came; behind a Close they mean nothing."""
        if self._frames.state is not ConnectionState.OPEN:
            return Received(b"", b"", is_closed=True)
        self._frames.receive_data(data)
        payload, reply = bytearray(), bytearray()
        for event in self._frames.events():
            if isinstance(event, BytesMessage):
                payload += event.data
            elif isinstance(event, Ping):
                reply += self._frames.send(event.response())
            elif isinstance(event, TextMessage):
                reply += self._frames.send(
                    CloseConnection(CloseReason.UNSUPPORTED_DATA, "RTSP goes in binary messages")
                )
                break
            elif isinstance(event, CloseConnection):
                reply += self._frames.send(event.response())
                break
        return Received(bytes(payload), bytes(reply), self._frames.state is not ConnectionState.OPEN)

    def farewell(self) -> bytes:
        """The Close frame of a server that ends the connection; empty where either side has closed it."""
        if self._frames.state is not ConnectionState.OPEN:
            return b""
        return self._frames.send(CloseConnection(CloseReason.GOING_AWAY))


def _key(text: str) -> bytes:
    """The key as it was written, if it stands for 16 bytes."""
    try:
        if len(base64.b64decode(text, validate=True)) == _KEY_BYTES:
            return text.encode()
    except (binascii.Error, ValueError):
        pass
    raise HttpError(400, "A WebSocket needs a Sec-WebSocket-Key of 16 bytes in base64.")
