"""A connection that has become a WebSocket."""

from vstream.server.ends import Line
from vstream.tunnel.websocket import WebSocket


class WebSocketEnd:
    """RTSP both ways in the messages of a WebSocket."""

    name = "WebSocket"
    is_half = False

    def __init__(self, line: Line) -> None:
        self.owner = line
        self._websocket = WebSocket()
        self._last_reply = b""
        line.writer.use_websocket()

    def receive(self, data: bytes) -> None:
        received = self._websocket.receive(data)
        self.owner.take_rtsp(received.payload)
        if received.is_closed:
            self._last_reply += received.reply
            self.owner.wind_up("the client closed its WebSocket")
        else:
            self.owner.write(received.reply, verbatim=True)

    def farewell(self) -> bytes:
        last, self._last_reply = self._last_reply or self._websocket.farewell(), b""
        return last

    def closed(self) -> None:
        pass
