"""The part of the H.264 syntax (ITU-T H.264) that a streamer must understand; no picture is ever decoded."""

from vstream.h264.level import LEVELS, Level, level_for, level_named
from vstream.h264.nal import NalType, nal_types_of, rbsp
from vstream.h264.order import PictureOrder, PictureTime
from vstream.h264.pps import Pps, parse_pps
from vstream.h264.sei import has_recovery_point
from vstream.h264.slice_header import SliceHeader, parse_slice_header
from vstream.h264.sps import Sps, parse_sps, profile_level_id

__all__ = [
    "LEVELS",
    "Level",
    "NalType",
    "PictureOrder",
    "PictureTime",
    "Pps",
    "SliceHeader",
    "Sps",
    "has_recovery_point",
    "level_for",
    "level_named",
    "nal_types_of",
    "parse_pps",
    "parse_slice_header",
    "parse_sps",
    "profile_level_id",
    "rbsp",
]
