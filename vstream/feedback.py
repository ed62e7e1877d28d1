"""What receivers ask for by RTCP feedback: lost packets, or a keyframe (RFC 4585 section 6, RFC 5104 section 4.3.1)."""

import struct
from typing import NamedTuple

from vstream.errors import RtcpError
from vstream.rtcp import PAYLOAD_FEEDBACK, TRANSPORT_FEEDBACK, FeedbackPacket

_GENERIC_NACK = (TRANSPORT_FEEDBACK, 1)
_PICTURE_LOSS = (PAYLOAD_FEEDBACK, 1)
_FULL_INTRA_REQUEST = (PAYLOAD_FEEDBACK, 4)
_LOST = struct.Struct("!HH")
_COMMAND = struct.Struct("!IB3x")
_MASK_BITS = 16
_LOST_LIMIT = 60
"""Entries of one NACK that are read: losses of a thousand packets are past help."""


class Nack(NamedTuple):
    """Sequence numbers of packets that did not come (RFC 4585 section 6.2.1)."""

    sequences: list[int]


class PictureLoss(NamedTuple):
    """PLI: pictures cannot be decoded without a keyframe (RFC 4585 section 6.3.1)."""


class FullIntraRequest(NamedTuple):
    """FIR: a command to send a keyframe; one of the same number from the same sender repeats it (RFC 5104 4.3.1.1)."""

    sender_ssrc: int
    number: int


Request = Nack | PictureLoss | FullIntraRequest


def read(packet: FeedbackPacket, ssrc: int) -> Request | None:
    """What is asked of the stream with that SSRC; None where it is another's, or of a kind that nobody acts on.

    Raises:
        RtcpError: its body is not made of whole entries, or has none.
    """
    kind = packet.packet_type, packet.fmt
    if kind == _FULL_INTRA_REQUEST:  # which leaves the packet's own media SSRC at 0 (RFC 5104 section 4.3.1.2)
        numbers = [number for target, number in _entries(_COMMAND, packet) if target == ssrc]
        return FullIntraRequest(packet.sender_ssrc, numbers[-1]) if numbers else None
    if packet.media_ssrc != ssrc:
        return None
    if kind == _GENERIC_NACK:
        lost = _entries(_LOST, packet)[:_LOST_LIMIT]
        return Nack([sequence for first, following in lost for sequence in _sequences(first, following)])
    return PictureLoss() if kind == _PICTURE_LOSS else None


def _entries(layout: struct.Struct, packet: FeedbackPacket) -> list[tuple[int, int]]:
    if not packet.fci or len(packet.fci) % layout.size:
        raise RtcpError(f"RTCP feedback of {len(packet.fci)} bytes: its entries have {layout.size}")
    return [(first, second) for first, second in layout.iter_unpack(packet.fci)]


def _sequences(first: int, following: int) -> list[int]:
    """A lost packet, and those of the 16 after it that the mask names, the lowest bit being the next one."""
    return [first, *((first + 1 + bit) & 0xFFFF for bit in range(_MASK_BITS) if following >> bit & 1)]
