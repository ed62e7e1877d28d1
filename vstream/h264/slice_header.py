"""The first fields of a slice header: which picture a slice belongs to and where that is shown (ITU-T H.264 7.3.3)."""

from typing import NamedTuple

from vstream.h264.bits import BitReader
from vstream.h264.nal import NalType, rbsp
from vstream.h264.pps import MAX_PPS_ID
from vstream.h264.sps import Sps

# Everything up to pic_order_cnt_lsb: at most five Exp-Golomb numbers and 50 bits, with emulation prevention.
HEAD_BYTES = 48
_MAX_FIRST_MB = 139264 - 1  # MaxFS of level 6.2
_MAX_SLICE_TYPE = 9
_MAX_IDR_PIC_ID = 65535


class SliceHeader(NamedTuple):
    """The fields of a slice header up to the picture order count."""

    first_mb: int
    slice_type: int
    pps_id: int
    frame_num: int
    is_field: bool
    is_bottom_field: bool
    poc_lsb: int
    """`pic_order_cnt_lsb`; 0 but for picture order count type 0."""


def parse_pps_id(nal: bytes) -> int:
    """Give the id of the PPS that a slice NAL unit (header included; its first bytes are enough) refers to.

    Raises:
        H264Error: cut short, or a field out of bounds.
    """
    bits = BitReader(rbsp(nal, HEAD_BYTES))
    bits.ue(_MAX_FIRST_MB)
    bits.ue(_MAX_SLICE_TYPE)
    return bits.ue(MAX_PPS_ID)


def parse_slice_header(nal: bytes, sps: Sps) -> SliceHeader:
    """Parse the head of a slice NAL unit (header included; its first HEAD_BYTES are enough) under `sps`.

    Raises:
        H264Error: cut short, or a field out of bounds.
    """
    bits = BitReader(rbsp(nal, HEAD_BYTES))
    first_mb, slice_type, pps_id = bits.ue(_MAX_FIRST_MB), bits.ue(_MAX_SLICE_TYPE), bits.ue(MAX_PPS_ID)
    if sps.separate_colour_planes:
        bits.u(2)  # colour_plane_id
    frame_num = bits.u(sps.log2_max_frame_num)
    is_field = not sps.frames_only and bits.flag()
    is_bottom_field = is_field and bits.flag()
    if nal[0] & 0x1F == NalType.IDR:
        bits.ue(_MAX_IDR_PIC_ID)
    poc_lsb = bits.u(sps.log2_max_poc_lsb) if sps.poc_type == 0 else 0
    return SliceHeader(first_mb, slice_type, pps_id, frame_num, is_field, is_bottom_field, poc_lsb)
