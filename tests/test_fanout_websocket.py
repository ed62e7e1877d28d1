"""One stream to WebSockets: every packet and every answer is a binary message, as the websockets library reads them."""

from collections.abc import Iterator

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from tests.access_units import Trains
from tests.interleaved import SMALLEST_BUFFER_BYTES, Line
from vstream._fastpath import Fanout


class WebSocketLine(Line):
    """A connection whose far end takes messages apart; one that is no binary message in one frame is an error."""

    def __init__(self, *, send_buffer_bytes: int = 0) -> None:
        super().__init__(send_buffer_bytes=send_buffer_bytes)
        self.writer.use_websocket()
        self.messages: list[bytes] = []
        self._protocol = Protocol(Side.CLIENT, max_size=None)

    def read(self, size_bytes: int = 1 << 20) -> int:
        try:
            data = self.theirs.recv(size_bytes)
        except BlockingIOError:
            return 0
        self._protocol.receive_data(data)
        assert self._protocol.parser_exc is None
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            assert (frame.opcode, frame.fin) == (Opcode.BINARY, True)
            self.messages.append(bytes(frame.data))
        return len(data)


@pytest.fixture
def line() -> Iterator[WebSocketLine]:
    made = WebSocketLine(send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    yield made
    made.close()


@pytest.mark.parametrize("size", [1, 2, 125, 126, 127, 65535, 65536, 300_000])
def test_an_answer_is_one_message(line: WebSocketLine, size: int) -> None:
    assert line.writer.write(b"a" * size)
    assert line.writer.write(b"end")
    line.drain()
    assert line.messages == [b"a" * size, b"end"]


def test_what_is_a_frame_already_goes_as_it_is(line: WebSocketLine) -> None:
    assert line.writer.write(bytes([0x82, 2]) + b"ab", verbatim=True)
    assert line.writer.write(b"", verbatim=True)
    line.drain()
    assert line.messages == [b"ab"]


@pytest.mark.parametrize("size", [20, 108, 109, 110, 111, 120, 1380, 1400, 70_000])
def test_each_packet_is_a_message_with_its_own_framing(line: WebSocketLine, size: int) -> None:
    fanout, trains = Fanout(gop_limit_bytes=1 << 24), Trains()
    fanout.join_tcp(line.writer, channel=6, cached=False)
    train = trains.keyframe(size)
    fanout.publish(train, 0)
    line.drain()
    packets = train.packets()
    assert line.messages == [b"$\6" + len(packet).to_bytes(2, "big") + packet for packet in packets]
    assert line.writer.packets_sent == len(packets)
    assert line.writer.octets_sent == sum(len(packet) - 12 for packet in packets)


def test_viewers_with_and_without_websocket_share_a_channel(line: WebSocketLine) -> None:
    fanout, trains, plain = Fanout(gop_limit_bytes=1 << 24), Trains(), Line()
    fanout.join_tcp(plain.writer, channel=0, cached=False)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    train = trains.keyframe(20_000)
    fanout.publish(train, 0)
    late = WebSocketLine()
    fanout.join_tcp(late.writer, channel=0, cached=True)
    for one in (plain, line, late):
        one.drain()
    assert plain.received.frames[0] == train.packets()
    assert b"".join(line.messages) == b"".join(late.messages) == train.interleaved(0)
    plain.close()
    late.close()
