"""Tells an H.264 byte stream from anything else, by content."""

from vstream._fastpath import nal_starts
from vstream.errors import H264Error
from vstream.h264.sps import parse_sps

HEAD_BYTES = 65536
_FORBIDDEN_ZERO_BIT = 0x80
_LAST_USED_TYPE = 21  # types 22 to 31 are reserved or belong to RTP (table 7-1, RFC 6184 section 5.2)


def begins_as_annexb(head: bytes) -> bool:
    """Tell whether `head` begins with a start code and every NAL unit in it can be one of H.264.

    MPEG-1, MPEG-2 and H.265 have the same start codes, but set the forbidden bit or use types that H.264 does not.
    """
    starts = nal_starts(head)
    if not starts or starts[0] < 3 or any(head[: starts[0] - 1]):
        return False
    return all(_may_be_h264(head[at]) for at in starts if at < len(head))


def holds_sps(head: bytes) -> bool:
    """Tell whether a start code and a sequence parameter set that can be read stand somewhere in `head`."""
    return any(_is_sps(head[at : at + 4096]) for at in nal_starts(head))


def _may_be_h264(nal_header: int) -> bool:
    return not nal_header & _FORBIDDEN_ZERO_BIT and 1 <= nal_header & 0x1F <= _LAST_USED_TYPE


def _is_sps(nal: bytes) -> bool:
    try:
        parse_sps(nal)
    except H264Error:
        return False
    return not nal[0] & _FORBIDDEN_ZERO_BIT
