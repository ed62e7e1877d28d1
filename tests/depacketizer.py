"""An RFC 6184 receiver that forgives nothing: packets in, access units out, every rule it can see checked."""

import struct
from dataclasses import dataclass


class RuleBrokenError(AssertionError):
    """A packet that breaks a rule of RFC 3550 or RFC 6184; the text names the section."""


@dataclass(frozen=True)
class ReceivedUnit:
    """One access unit as it came: its NAL units in order, and its 90 kHz timestamp."""

    units: tuple[bytes, ...]
    timestamp: int

    def annexb(self) -> bytes:
        return b"".join(b"\0\0\0\1" + unit for unit in self.units)


class Depacketizer:
    """Reads one stream of packets, in order and without loss."""

    def __init__(self, *, ssrc: int, payload_type: int, max_packet_bytes: int) -> None:
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.max_packet_bytes = max_packet_bytes
        self.next_sequence: int | None = None
        self.timestamp: int | None = None
        self.units: list[bytes] = []
        self.fragments: bytearray | None = None
        self.fragment_header: tuple[int, int] | None = None

    def push(self, packet: bytes) -> ReceivedUnit | None:
        """Take one packet; give the access unit that its marker completes."""
        marker, timestamp, payload = self._header(packet)
        if self.timestamp is not None:
            _rule(timestamp == self.timestamp, "RFC 6184 5.1: one access unit has one timestamp")
        self.timestamp = timestamp
        self._payload(payload)
        if not marker:
            return None
        _rule(self.fragments is None, "RFC 6184 5.8: the marker came within a fragmented NAL unit")
        received = ReceivedUnit(tuple(self.units), timestamp)
        self.units, self.timestamp = [], None
        return received

    def _header(self, packet: bytes) -> tuple[bool, int, bytes]:
        _rule(12 < len(packet) <= self.max_packet_bytes, f"packet of {len(packet)} bytes")
        first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
        _rule(first == 0x80, "RFC 3550 5.1: version 2, no padding, no extension, no CSRC")
        _rule(second & 0x7F == self.payload_type, f"payload type {second & 0x7F}")
        _rule(ssrc == self.ssrc, f"SSRC {ssrc:08x}")
        if self.next_sequence is not None:
            _rule(sequence == self.next_sequence, f"sequence number {sequence} where {self.next_sequence} is due")
        self.next_sequence = (sequence + 1) % 65536
        return bool(second & 0x80), timestamp, packet[12:]

    def _payload(self, payload: bytes) -> None:
        kind = payload[0] & 0x1F
        if kind == 28:
            self._fragment(payload)
            return
        _rule(self.fragments is None, "RFC 6184 5.8: fragments of one NAL unit follow each other")
        if kind == 24:
            self._aggregate(payload)
        else:
            _rule(1 <= kind <= 23, f"RFC 6184 5.4: packet type {kind} in packetization mode 1")
            self.units.append(payload)

    def _aggregate(self, payload: bytes) -> None:
        units = []
        at = 1
        while at < len(payload):
            _rule(at + 2 < len(payload), "RFC 6184 5.7.1: cut within a size")
            size = int.from_bytes(payload[at : at + 2], "big")
            unit = payload[at + 2 : at + 2 + size]
            _rule(len(unit) == size > 0, "RFC 6184 5.7.1: cut within a unit")
            _rule(1 <= unit[0] & 0x1F <= 23, "RFC 6184 5.7: aggregation does not nest")
            units.append(unit)
            at += 2 + size
        _rule(bool(units), "RFC 6184 5.7.1: at least one unit")
        _rule(payload[0] & 0x60 == max(unit[0] & 0x60 for unit in units), "RFC 6184 5.7: NRI is the highest")
        _rule(payload[0] & 0x80 == max(unit[0] & 0x80 for unit in units), "RFC 6184 5.7: F is set if any is")
        self.units += units

    def _fragment(self, payload: bytes) -> None:
        _rule(len(payload) > 2, "RFC 6184 5.8: an empty fragment")
        importance, flags, kind = payload[0] & 0xE0, payload[1] & 0xE0, payload[1] & 0x1F
        _rule(flags in (0x80, 0x00, 0x40), "RFC 6184 5.8: S and E never together, R is 0")
        _rule(1 <= kind <= 23, "RFC 6184 5.8: a fragmented unit is a single NAL unit")
        if flags & 0x80:
            _rule(self.fragments is None, "RFC 6184 5.8: S within a NAL unit")
            self.fragments = bytearray([importance | kind])
            self.fragment_header = importance, kind
        _rule(self.fragments is not None, "RFC 6184 5.8: no S came")
        assert self.fragments is not None
        _rule(self.fragment_header == (importance, kind), "RFC 6184 5.8: fragments of one NAL unit share header bits")
        self.fragments += payload[2:]
        if flags & 0x40:
            self.units.append(bytes(self.fragments))
            self.fragments = None


def _rule(kept: bool, text: str) -> None:
    if not kept:
        raise RuleBrokenError(text)
