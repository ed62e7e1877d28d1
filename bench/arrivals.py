"""A viewer over UDP who knows when the kernel got each packet, whatever else the machine did then."""

import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from bench.errors import BenchError
from tests.depacketizer import Depacketizer, ReceivedUnit
from tests.e2e.viewer import MAX_PACKET_BYTES, PAYLOAD_TYPE, Viewer

SO_TIMESTAMPNS = 35
RECEIVE_BUFFER_BYTES = 8 << 20
RTP_CLOCK_HZ = 90_000
NTP_EPOCH_S = 2_208_988_800
SENDER_REPORT = 200


class Arrival(NamedTuple):
    """An access unit: when it was captured and when its last packet reached the kernel, CLOCK_MONOTONIC in s."""

    unit: ReceivedUnit
    captured_s: float
    written_s: float


class Clock(NamedTuple):
    """One instant as wall-clock time in s and as RTP time."""

    wall_s: float
    rtp_timestamp: int

    def wall_of(self, rtp_timestamp: int) -> float:
        ticks = (rtp_timestamp - self.rtp_timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        return self.wall_s + ticks / RTP_CLOCK_HZ


def arrivals(viewer: Viewer, seconds: float) -> Iterator[Arrival]:
    """The access units that reach a viewer who plays over UDP, for so long; a lost packet is an error."""
    assert viewer.udp is not None
    rtp, _ = viewer.udp
    rtp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    clock = _sender_report(viewer)
    receiver = Depacketizer(ssrc=viewer.ssrc, payload_type=PAYLOAD_TYPE, max_packet_bytes=MAX_PACKET_BYTES)
    wall_ahead_s = time.time() - time.monotonic()
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        packet, told, _, _ = rtp.recvmsg(65536, socket.CMSG_SPACE(16))
        unit = receiver.push(packet)
        if unit is not None and told:
            whole_s, ns = struct.unpack("qq", told[0][2])
            captured_s = clock.wall_of(unit.timestamp) - wall_ahead_s
            yield Arrival(unit, captured_s, whole_s + ns / 1e9 - wall_ahead_s)


def _sender_report(viewer: Viewer) -> Clock:
    """Read the newest pair of times (RFC 3550 section 6.4.1)."""
    packet = viewer.rtcp()
    if packet[1] != SENDER_REPORT:
        raise BenchError(f"the server's first RTCP packet is of type {packet[1]}, and no sender report")
    seconds, fraction, rtp_timestamp = struct.unpack_from("!III", packet, 8)
    return Clock(seconds - NTP_EPOCH_S + fraction / (1 << 32), rtp_timestamp)
