"""RTCP packets, built and read (RFC 3550 section 6, feedback as in RFC 4585 section 6.1 and RFC 5506)."""

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vstream.errors import RtcpError

MAX_COMPOUND_BYTES = 8192

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203
TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206

_BEGINNINGS = (SENDER_REPORT, RECEIVER_REPORT, TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK)
_VERSION = 2
_SDES_END = 0
_SDES_CNAME = 1
_HEADER = struct.Struct("!BBH")
_SSRC = struct.Struct("!I")
_SENDER_INFO = struct.Struct("!IQIII")
_REPORT_BLOCK = struct.Struct("!IIIIII")
_FEEDBACK = struct.Struct("!II")


class ReportBlock(NamedTuple):
    """How one receiver gets one sender's stream (RFC 3550 section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Loss since the previous report, in 1/256."""
    cumulative_lost: int
    """Packets lost since the beginning; duplicates make it negative."""
    highest_sequence: int
    """Highest sequence number received, the count of its wraps in the upper 16 bits."""
    jitter: int
    """Interarrival jitter, 90 kHz."""
    last_sr: int
    """Middle 32 bits of the NTP time of the newest sender report; 0 where none came."""
    delay_since_last_sr: int
    """From that sender report's arrival to this report, in 1/65536 s."""


class SenderReport(NamedTuple):
    """SR: a sender's clocks and counts (RFC 3550 section 6.4.1)."""

    ssrc: int
    ntp_timestamp: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReportBlock, ...]


class ReceiverReport(NamedTuple):
    """RR: what a receiver got (RFC 3550 section 6.4.2)."""

    ssrc: int
    reports: tuple[ReportBlock, ...]


class SourceDescription(NamedTuple):
    """SDES: the CNAME of each SSRC, empty where none is given (RFC 3550 section 6.5)."""

    cnames: tuple[tuple[int, str], ...]


class Goodbye(NamedTuple):
    """BYE: sources that leave (RFC 3550 section 6.6)."""

    ssrcs: tuple[int, ...]
    reason: str


class FeedbackPacket(NamedTuple):
    """RTPFB or PSFB: `fmt` tells the kind within `packet_type`, `fci` is its body (RFC 4585 section 6.1)."""

    packet_type: int
    fmt: int
    sender_ssrc: int
    media_ssrc: int
    fci: bytes


Packet = SenderReport | ReceiverReport | SourceDescription | Goodbye | FeedbackPacket


def sender_report(
    ssrc: int, ntp_timestamp: int, rtp_timestamp: int, packet_count: int, octet_count: int, *, cname: str
) -> bytes:
    """Build the compound SR + SDES with CNAME (RFC 3550 sections 6.4.1 and 6.5.1).

    `ntp_timestamp` has 64 bits and `rtp_timestamp` is the same instant in 90 kHz; both counts wrap at 32 bits and
    `octet_count` is payload bytes.

    Raises:
        RtcpError: `cname` is longer than 255 bytes of UTF-8.
    """
    counts = packet_count & 0xFFFFFFFF, octet_count & 0xFFFFFFFF
    info = _SENDER_INFO.pack(ssrc, ntp_timestamp, rtp_timestamp, *counts)
    return _packet(SENDER_REPORT, 0, info) + _source_description(ssrc, cname)


def goodbye(ssrc: int, reason: str = "", *, cname: str = "", others: Sequence[int] = ()) -> bytes:
    """Build the compound that ends a stream: an empty RR, SDES where `cname` is given, then BYE (RFC 3550 section 6.6).

    `others` are SSRCs of the same sender that end with it, at most 30.

    Raises:
        RtcpError: `reason` or `cname` is longer than 255 bytes of UTF-8.
    """
    description = _source_description(ssrc, cname) if cname else b""
    text = _counted_text(reason) if reason else b""
    ssrcs = (ssrc, *others)
    body = b"".join(map(_SSRC.pack, ssrcs)) + text + bytes(-len(text) % 4)
    return _packet(RECEIVER_REPORT, 0, _SSRC.pack(ssrc)) + description + _packet(GOODBYE, len(ssrcs), body)


def parse(data: bytes) -> list[Packet]:
    """Read a compound packet; packet types that nobody here acts on are checked for their length and left out.

    Feedback may stand without a report (RFC 5506 section 3), as ffmpeg sends it.

    Raises:
        RtcpError: not RTCP version 2, begun by no report or feedback, or any length in it does not fit (RFC 3550
            appendix A.2).
    """
    if len(data) > MAX_COMPOUND_BYTES:
        raise RtcpError(f"RTCP of {len(data)} bytes: more than {MAX_COMPOUND_BYTES}")
    packets: list[Packet] = []
    offset = 0
    while True:
        packet_type, count, body, end = _next_packet(data, offset)
        if offset == 0 and packet_type not in _BEGINNINGS:
            raise RtcpError(f"RTCP begins with packet type {packet_type}: a report or feedback comes first")
        if reader := _READERS.get(packet_type):
            packets.append(reader(packet_type, count, body))
        if end == len(data):
            return packets
        offset = end


def round_trip_s(last_sr: int, delay_since_last_sr: int, now_ntp_middle32: int) -> float | None:
    """Round-trip time in seconds from a report block, None where it answers no sender report (RFC 3550 section 6.4.1).

    `now_ntp_middle32` is the arrival of the report. Clocks of 1/65536 s may make it less than nothing: then it is 0.
    """
    if last_sr == 0:
        return None
    round_trip = (now_ntp_middle32 - last_sr - delay_since_last_sr) & 0xFFFFFFFF
    return 0.0 if round_trip >= 1 << 31 else round_trip / 65536


def _packet(packet_type: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION << 6 | count, packet_type, len(body) // 4) + body


def _source_description(ssrc: int, cname: str) -> bytes:
    chunk = _SSRC.pack(ssrc) + bytes([_SDES_CNAME]) + _counted_text(cname)
    return _packet(SOURCE_DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))


def _counted_text(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 255:
        raise RtcpError(f"RTCP text of {len(encoded)} bytes: at most 255 fit")
    return bytes([len(encoded)]) + encoded


def _next_packet(data: bytes, offset: int) -> tuple[int, int, bytes, int]:
    """Cut one packet out of a compound: its type, its count field, its body without padding, and its end."""
    if len(data) - offset < _HEADER.size:
        raise RtcpError(f"RTCP ends within a header, {len(data) - offset} bytes left of {len(data)}")
    first, packet_type, words = _HEADER.unpack_from(data, offset)
    if first >> 6 != _VERSION:
        raise RtcpError(f"RTCP version {first >> 6}: only 2 is known")
    start = offset + _HEADER.size
    end = start + words * 4
    if end > len(data):
        raise RtcpError(f"RTCP packet of {words * 4} bytes where {len(data) - start} are left")
    padding = _padding_bytes(data[start:end], last=end == len(data)) if first & 0x20 else 0
    return packet_type, first & 0x1F, data[start : end - padding], end


def _padding_bytes(body: bytes, *, last: bool) -> int:
    padding = body[-1] if body else 0
    if not last or padding == 0 or padding % 4 or padding > len(body):
        raise RtcpError(f"RTCP padding of {padding} bytes in a body of {len(body)}: it does not fit")
    return padding


def _require(body: bytes, size: int, packet_type: int) -> None:
    if len(body) < size:
        raise RtcpError(f"RTCP packet type {packet_type} of {len(body)} bytes: needs {size}")


def _read_sender_report(packet_type: int, count: int, body: bytes) -> SenderReport:
    _require(body, _SENDER_INFO.size, packet_type)
    reports = _report_blocks(packet_type, count, body[_SENDER_INFO.size :])
    ssrc, ntp_timestamp, rtp_timestamp, packet_count, octet_count = _SENDER_INFO.unpack_from(body)
    return SenderReport(ssrc, ntp_timestamp, rtp_timestamp, packet_count, octet_count, reports)


def _read_receiver_report(packet_type: int, count: int, body: bytes) -> ReceiverReport:
    _require(body, _SSRC.size, packet_type)
    return ReceiverReport(_SSRC.unpack_from(body)[0], _report_blocks(packet_type, count, body[_SSRC.size :]))


def _report_blocks(packet_type: int, count: int, blocks: bytes) -> tuple[ReportBlock, ...]:
    """Read `count` report blocks; what follows them is a profile's own extension."""
    _require(blocks, count * _REPORT_BLOCK.size, packet_type)
    return tuple(_report_block(blocks, index * _REPORT_BLOCK.size) for index in range(count))


def _report_block(blocks: bytes, offset: int) -> ReportBlock:
    ssrc, lost, highest_sequence, jitter, last_sr, delay = _REPORT_BLOCK.unpack_from(blocks, offset)
    cumulative_lost = ((lost & 0xFFFFFF) ^ 0x800000) - 0x800000
    return ReportBlock(ssrc, lost >> 24, cumulative_lost, highest_sequence, jitter, last_sr, delay)


def _read_source_description(packet_type: int, count: int, body: bytes) -> SourceDescription:
    cnames: list[tuple[int, str]] = []
    offset = 0
    for _ in range(count):
        _require(body, offset + _SSRC.size, packet_type)
        (ssrc,) = _SSRC.unpack_from(body, offset)
        cname, offset = _read_chunk(packet_type, body, offset + _SSRC.size)
        cnames.append((ssrc, cname))
    return SourceDescription(tuple(cnames))


def _read_chunk(packet_type: int, body: bytes, offset: int) -> tuple[str, int]:
    """Read the items of one SDES chunk: its CNAME, and where the next chunk begins."""
    cname = ""
    while True:
        _require(body, offset + 1, packet_type)
        item = body[offset]
        if item == _SDES_END:
            return cname, (offset // 4 + 1) * 4
        text, offset = _read_counted_text(packet_type, body, offset + 1)
        if item == _SDES_CNAME:
            cname = text


def _read_counted_text(packet_type: int, body: bytes, offset: int) -> tuple[str, int]:
    _require(body, offset + 1, packet_type)
    end = offset + 1 + body[offset]
    _require(body, end, packet_type)
    return body[offset + 1 : end].decode(errors="replace"), end


def _read_goodbye(packet_type: int, count: int, body: bytes) -> Goodbye:
    end = count * _SSRC.size
    _require(body, end, packet_type)
    ssrcs = tuple(ssrc for (ssrc,) in _SSRC.iter_unpack(body[:end]))
    reason = _read_counted_text(packet_type, body, end)[0] if len(body) > end else ""
    return Goodbye(ssrcs, reason)


def _read_feedback(packet_type: int, fmt: int, body: bytes) -> FeedbackPacket:
    _require(body, _FEEDBACK.size, packet_type)
    sender_ssrc, media_ssrc = _FEEDBACK.unpack_from(body)
    return FeedbackPacket(packet_type, fmt, sender_ssrc, media_ssrc, body[_FEEDBACK.size :])


_READERS: dict[int, Callable[[int, int, bytes], Packet]] = {
    SENDER_REPORT: _read_sender_report,
    RECEIVER_REPORT: _read_receiver_report,
    SOURCE_DESCRIPTION: _read_source_description,
    GOODBYE: _read_goodbye,
    TRANSPORT_FEEDBACK: _read_feedback,
    PAYLOAD_FEEDBACK: _read_feedback,
}
