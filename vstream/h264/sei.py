"""Supplemental enhancement information, as far as it marks a place to start (ITU-T H.264 section 7.3.2.3, annex D)."""

from vstream.h264.nal import rbsp

_RECOVERY_POINT = 6
_MAX_BYTES = 4096


def has_recovery_point(nal: bytes) -> bool:
    """Tell whether an SEI NAL unit (header included) holds a recovery point message (section D.2.8)."""
    payload = rbsp(nal, _MAX_BYTES)
    at = 0
    # A message is at least a type and a size; what is left over is the trailing bits.
    while at + 2 <= len(payload):
        message_type, at = _sum_of_bytes(payload, at)
        size, at = _sum_of_bytes(payload, at)
        if message_type == _RECOVERY_POINT:
            return True
        at += size
    return False


def _sum_of_bytes(payload: bytes, at: int) -> tuple[int, int]:
    """Read a number written as 0xFF bytes and a last smaller one; gives it and where the next field begins."""
    number = 0
    while at < len(payload):
        byte = payload[at]
        number += byte
        at += 1
        if byte != 0xFF:
            break
    return number, at
