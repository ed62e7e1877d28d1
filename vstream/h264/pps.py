"""The picture parameter set, as far as it says which sequence it belongs to (ITU-T H.264 section 7.3.2.2)."""

from typing import NamedTuple

from vstream.h264.bits import BitReader
from vstream.h264.nal import rbsp

MAX_PPS_ID = 255
MAX_SPS_ID = 31
_HEAD_BYTES = 16


class Pps(NamedTuple):
    """A picture parameter set's own id and that of its sequence parameter set."""

    pps_id: int
    sps_id: int


def parse_pps(nal: bytes) -> Pps:
    """Parse a PPS NAL unit (header included, no start code).

    Raises:
        H264Error: cut short, or an id out of bounds.
    """
    bits = BitReader(rbsp(nal, _HEAD_BYTES))
    return Pps(pps_id=bits.ue(MAX_PPS_ID), sps_id=bits.ue(MAX_SPS_ID))
