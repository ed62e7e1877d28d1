"""RTP packets from a pipe, and which access units of them are whole, however many are missing between."""

from collections.abc import Iterator
from typing import IO

from tests.access_units import MAX_PACKET_BYTES, PAYLOAD_TYPE, number_in
from tests.depacketizer import Depacketizer


def packets(pipe: IO[bytes]) -> Iterator[bytes]:
    """Packets as GStreamer's rtpstreampay frames them (RFC 4571), until the pipe's end."""
    while len(size := pipe.read(2)) == 2:
        yield pipe.read(int.from_bytes(size))


class WholeUnits:
    """Numbers of the access units that came with every byte; `push` takes packets in their order, some missing."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._unit: list[bytes] | None = None
        self._due: int | None = None

    def push(self, packet: bytes) -> None:
        sequence = int.from_bytes(packet[2:4])
        if sequence != self._due:
            self._unit = None
        self._due = (sequence + 1) & 0xFFFF
        if self._unit is not None:
            self._unit.append(packet)
        if packet[1] & 0x80:  # the marker: with the next packet another access unit begins
            if self._unit:
                self._take(self._unit)
            self._unit = []

    def _take(self, unit: list[bytes]) -> None:
        ssrc = int.from_bytes(unit[0][8:12])
        reader = Depacketizer(ssrc=ssrc, payload_type=PAYLOAD_TYPE, max_packet_bytes=MAX_PACKET_BYTES)
        for packet in unit:
            received = reader.push(packet)
        assert received
        self.numbers.append(number_in(received.units))
