"""The sequence parameter set and its usability information (ITU-T H.264 section 7.3.2.1.1, annex E)."""

from typing import NamedTuple

from vstream.errors import H264Error
from vstream.h264.bits import BitReader
from vstream.h264.nal import NalType, rbsp
from vstream.h264.pps import MAX_SPS_ID

# Profiles whose SPS carries the chroma format and scaling lists (section 7.3.2.1.1).
_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
# Profiles without pictures that wait for later ones: no B slices, or only intra ones (sections A.2.1, A.2.8).
_BASELINE_PROFILE = 66
_INTRA_ONLY_PROFILES = frozenset({44})
_EXTENDED_SAR = 255
_MAX_BYTES = 4096
_MAX_SIDE_MACROBLOCKS = 1055  # Sqrt(MaxFS * 8) of level 6.2, section A.3.1
_SANE_FPS = (0.1, 300.0)


class Vui(NamedTuple):
    """Video usability information (section E.1.1), what is used of it; None where the stream does not say."""

    fps: float | None = None
    max_num_reorder_frames: int | None = None


class Sps(NamedTuple):
    """A sequence parameter set, what is used of it."""

    sps_id: int
    profile_idc: int
    constraint_flags: int
    level_idc: int
    width: int
    """Width of the shown picture in pixels, cropping done."""
    height: int
    """Height of the shown picture in pixels, cropping done."""
    separate_colour_planes: bool
    log2_max_frame_num: int
    poc_type: int
    log2_max_poc_lsb: int
    frames_only: bool
    """`frame_mbs_only_flag`: no fields and no macroblock pairs."""
    fps: float | None
    """Frames a second from the VUI; None where it does not say or says nonsense."""
    max_num_reorder_frames: int | None
    """How many pictures may precede one in decoding and follow it in presentation; None where not known."""

    @property
    def may_reorder(self) -> bool:
        """Whether presentation order may differ from decoding order."""
        return self.poc_type == 0 and self.max_num_reorder_frames != 0


def profile_level_id(sps_nal: bytes) -> str:
    """Give the SDP parameter profile-level-id: six hex digits from the SPS NAL unit (RFC 6184 section 8.1).

    Raises:
        H264Error: shorter than four bytes.
    """
    if len(sps_nal) < 4:
        raise H264Error(f"an SPS of {len(sps_nal)} bytes is too short to name a profile and a level")
    return sps_nal[1:4].hex().upper()


def parse_sps(nal: bytes) -> Sps:
    """Parse an SPS NAL unit (header included, no start code).

    A VUI that is cut short is taken as absent: cameras write such, and every decoder plays them.

    Raises:
        H264Error: no SPS, cut short, or a field out of bounds.
    """
    if not nal or nal[0] & 0x1F != NalType.SPS:
        raise H264Error("this NAL unit is no SPS")
    bits = BitReader(rbsp(nal, _MAX_BYTES))
    profile_idc, constraint_flags, level_idc = bits.u(8), bits.u(8), bits.u(8)
    sps_id = bits.ue(MAX_SPS_ID)
    chroma_format_idc, separate_colour_planes = 1, False
    if profile_idc in _HIGH_PROFILES:
        chroma_format_idc, separate_colour_planes = _chroma_and_scaling(bits)
    log2_max_frame_num = bits.ue(12) + 4
    poc_type, log2_max_poc_lsb = _picture_order_count(bits)
    bits.ue()  # max_num_ref_frames
    bits.flag()  # gaps_in_frame_num_value_allowed_flag
    frames_only, width, height = _size(bits, 0 if separate_colour_planes else chroma_format_idc)
    vui = _optional_vui(bits)
    in_order = profile_idc == _BASELINE_PROFILE or profile_idc in _INTRA_ONLY_PROFILES
    return Sps(
        sps_id=sps_id,
        profile_idc=profile_idc,
        constraint_flags=constraint_flags,
        level_idc=level_idc,
        width=width,
        height=height,
        separate_colour_planes=separate_colour_planes,
        log2_max_frame_num=log2_max_frame_num,
        poc_type=poc_type,
        log2_max_poc_lsb=log2_max_poc_lsb,
        frames_only=frames_only,
        fps=vui.fps,
        max_num_reorder_frames=0 if in_order or poc_type == 2 else vui.max_num_reorder_frames,
    )


def _chroma_and_scaling(bits: BitReader) -> tuple[int, bool]:
    """Read what only the high profiles have; gives chroma_format_idc and separate_colour_plane_flag."""
    chroma_format_idc = bits.ue(3)
    separate_colour_planes = chroma_format_idc == 3 and bits.flag()
    bits.ue(6)  # bit_depth_luma_minus8
    bits.ue(6)  # bit_depth_chroma_minus8
    bits.flag()  # qpprime_y_zero_transform_bypass_flag
    if bits.flag():
        for index in range(12 if chroma_format_idc == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma_format_idc, separate_colour_planes


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    """Skip a scaling list of `size` numbers (section 7.3.2.1.1.1)."""
    last = 8
    for _ in range(size):
        last = (last + bits.se()) % 256
        if last == 0:
            return


def _picture_order_count(bits: BitReader) -> tuple[int, int]:
    """Read how pictures are numbered; gives pic_order_cnt_type and the bits of pic_order_cnt_lsb (0 but for type 0)."""
    poc_type = bits.ue(2)
    if poc_type == 0:
        return poc_type, bits.ue(12) + 4
    if poc_type == 1:
        bits.flag()  # delta_pic_order_always_zero_flag
        bits.se()  # offset_for_non_ref_pic
        bits.se()  # offset_for_top_to_bottom_field
        for _ in range(bits.ue(255)):
            bits.se()  # offset_for_ref_frame
    return poc_type, 0


def _size(bits: BitReader, chroma_array_type: int) -> tuple[bool, int, int]:
    """Read the picture's size; gives frame_mbs_only_flag, width and height in pixels (equations 7-13 to 7-22)."""
    columns = bits.ue(_MAX_SIDE_MACROBLOCKS - 1) + 1
    map_rows = bits.ue(_MAX_SIDE_MACROBLOCKS - 1) + 1
    frames_only = bits.flag()
    field_factor = 1 if frames_only else 2
    if not frames_only:
        bits.flag()  # mb_adaptive_frame_field_flag
    bits.flag()  # direct_8x8_inference_flag
    width, height = columns * 16, map_rows * field_factor * 16
    if bits.flag():
        unit_x = 2 if chroma_array_type in {1, 2} else 1
        unit_y = (2 if chroma_array_type == 1 else 1) * field_factor
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    if width <= 0 or height <= 0:
        raise H264Error("the SPS crops the whole picture away")
    return frames_only, width, height


def _optional_vui(bits: BitReader) -> Vui:
    try:
        return _vui(bits) if bits.flag() else Vui()
    except H264Error:
        return Vui()


def _vui(bits: BitReader) -> Vui:
    """Read the VUI parameters (section E.1.1)."""
    if bits.flag() and bits.u(8) == _EXTENDED_SAR:
        bits.u(32)  # sar_width, sar_height
    if bits.flag():
        bits.flag()  # overscan_appropriate_flag
    if bits.flag():
        bits.u(4)  # video_format, video_full_range_flag
        if bits.flag():
            bits.u(24)  # colour_primaries, transfer_characteristics, matrix_coefficients
    if bits.flag():
        bits.ue(5)  # chroma_sample_loc_type_top_field
        bits.ue(5)  # chroma_sample_loc_type_bottom_field
    fps = _timing(bits) if bits.flag() else None
    has_hrd = False
    for _ in ("NAL", "VCL"):
        if bits.flag():
            has_hrd = True
            _skip_hrd(bits)
    if has_hrd:
        bits.flag()  # low_delay_hrd_flag
    bits.flag()  # pic_struct_present_flag
    if not bits.flag():
        return Vui(fps)
    bits.flag()  # motion_vectors_over_pic_boundaries_flag
    for _ in range(4):
        bits.ue()  # max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_horizontal and _vertical
    return Vui(fps, bits.ue(16))


def _timing(bits: BitReader) -> float | None:
    """Read the clock tick; a tick is a field, so a frame takes two (section E.2.1)."""
    units_in_tick, time_scale = bits.u(32), bits.u(32)
    bits.flag()  # fixed_frame_rate_flag
    if units_in_tick == 0:
        return None
    fps = time_scale / (2 * units_in_tick)
    lowest, highest = _SANE_FPS
    return fps if lowest <= fps <= highest else None


def _skip_hrd(bits: BitReader) -> None:
    """Skip hypothetical reference decoder parameters (section E.1.2)."""
    schedules = bits.ue(31) + 1
    bits.u(8)  # bit_rate_scale, cpb_size_scale
    for _ in range(schedules):
        bits.ue()  # bit_rate_value_minus1
        bits.ue()  # cpb_size_value_minus1
        bits.flag()  # cbr_flag
    bits.u(20)  # the lengths of four delays and offsets
