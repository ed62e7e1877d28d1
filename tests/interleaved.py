"""The reading end of an RTSP connection, from RFC 2326 sections 7 and 10.12 alone: answers and frames, nothing else."""

import socket
from collections import defaultdict

from tests.access_units import MAX_PACKET_BYTES, PAYLOAD_TYPE, SSRC, is_keyframe, number_in
from tests.depacketizer import Depacketizer
from vstream._fastpath import TcpWriter, TlsContext

SMALLEST_BUFFER_BYTES = 4608
"""The least that the kernel gives a socket to send from (SOCK_MIN_SNDBUF)."""

_FRAME_HEADER_BYTES = 4


class Deinterleaver:
    """Takes bytes however they are cut; gives what came on each channel, and the answers between."""

    def __init__(self) -> None:
        self.frames: dict[int, list[bytes]] = defaultdict(list)
        self.answers: list[bytes] = []
        self._left = b""

    def push(self, data: bytes) -> None:
        self._left += data
        while self._take():
            pass

    @property
    def within_a_message(self) -> bool:
        return bool(self._left)

    def _take(self) -> bool:
        if not self._left:
            return False
        if self._left[:1] == b"$":
            end = _FRAME_HEADER_BYTES + int.from_bytes(self._left[2:4], "big")
            if len(self._left) < max(end, _FRAME_HEADER_BYTES):
                return False
            self.frames[self._left[1]].append(self._left[_FRAME_HEADER_BYTES:end])
        else:
            assert self._left[:5] == b"RTSP/"[: len(self._left)], f"neither frame nor answer: {self._left[:40]!r}"
            end = self._left.find(b"\r\n\r\n") + 4
            if end < 4:
                return False
            self.answers.append(self._left[:end])
        self._left = self._left[end:]
        return True


class Media:
    """The access units in a viewer's packets, where whole ones may be missing but never a part of one."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.keyframes: set[int] = set()
        self.packets = 0
        self.octets = 0
        self._receiver = Depacketizer(ssrc=SSRC, payload_type=PAYLOAD_TYPE, max_packet_bytes=MAX_PACKET_BYTES)

    def push(self, packet: bytes) -> None:
        self.packets += 1
        self.octets += len(packet) - 12
        unit = self._receiver.push(packet)
        if unit is not None:
            number = number_in(unit.units)
            self.numbers.append(number)
            if is_keyframe(unit.units):
                self.keyframes.add(number)
            self._receiver.next_sequence = None

    def assert_decodable(self) -> None:
        """It begins with a keyframe, goes up, and goes on with a keyframe behind every gap."""
        for before, number in zip([-2, *self.numbers], self.numbers, strict=False):
            assert number == before + 1 or (number > before and number in self.keyframes), self.numbers


class Line:
    """A connected pair of stream sockets: a writer on our end, the viewer's end read by the test."""

    def __init__(
        self,
        *,
        limit_bytes: int = 1 << 20,
        send_buffer_bytes: int = 0,
        epoll_fd: int = -1,
        tls: TlsContext | None = None,
    ) -> None:
        self.ours, self.theirs = socket.socketpair()
        for end in (self.ours, self.theirs):
            end.setblocking(False)
        if send_buffer_bytes:
            self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        self.writer = TcpWriter(self.ours.fileno(), limit_bytes=limit_bytes, epoll_fd=epoll_fd, tls=tls)
        self.received = Deinterleaver()

    def read(self, size_bytes: int = 1 << 20) -> int:
        """Take what there is, at most so much; gives how much it was."""
        try:
            data = self.theirs.recv(size_bytes)
        except BlockingIOError:
            return 0
        self.received.push(data)
        return len(data)

    def drain(self, step_bytes: int = 1 << 20) -> None:
        """Read so many bytes at a time and have the writer go on, until nothing is left."""
        while self.read(step_bytes) or self.writer.queued_bytes:
            self.writer.flush()
        assert not self.received.within_a_message

    def media(self, channel: int = 0) -> Media:
        """What came on a channel so far."""
        media = Media()
        for packet in self.received.frames[channel]:
            media.push(packet)
        return media

    def numbers(self, channel: int = 0, *, step_bytes: int = 1 << 20) -> list[int]:
        """Drain, and give the access units that came."""
        self.drain(step_bytes)
        media = self.media(channel)
        media.assert_decodable()
        return media.numbers

    def close(self) -> None:
        self.writer.close()
        self.ours.close()
        self.theirs.close()
