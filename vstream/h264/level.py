"""What each H.264 level allows (ITU-T H.264 table A-1 and section A.3)."""

from typing import NamedTuple

from vstream.errors import H264Error


class Level(NamedTuple):
    """One row of table A-1."""

    name: str
    max_macroblocks_per_s: int
    max_frame_macroblocks: int
    max_bitrate_kbps: int
    """MaxBR as Baseline and Main have it, in units of 1000 bits/s."""

    @property
    def idc(self) -> int:
        """`level_idc` as the SPS has it: ten times the level's number."""
        return round(float(self.name) * 10)


LEVELS = (
    Level("1", 1485, 99, 64),
    Level("1.1", 3000, 396, 192),
    Level("1.2", 6000, 396, 384),
    Level("1.3", 11880, 396, 768),
    Level("2", 11880, 396, 2000),
    Level("2.1", 19800, 792, 4000),
    Level("2.2", 20250, 1620, 4000),
    Level("3", 40500, 1620, 10000),
    Level("3.1", 108000, 3600, 14000),
    Level("3.2", 216000, 5120, 20000),
    Level("4", 245760, 8192, 20000),
    Level("4.1", 245760, 8192, 50000),
    Level("4.2", 522240, 8704, 50000),
    Level("5", 589824, 22080, 135000),
    Level("5.1", 983040, 36864, 240000),
    Level("5.2", 2073600, 36864, 240000),
    Level("6", 4177920, 139264, 240000),
    Level("6.1", 8355840, 139264, 480000),
    Level("6.2", 16711680, 139264, 800000),
)

# cpbBrVclFactor in table A-2: bits/s for each unit of MaxBR.
_BITRATE_FACTOR = {"baseline": 1000, "main": 1000, "high": 1250}


def level_named(name: str) -> Level:
    """Find a level by its number, "4.1"; "4.0" is "4".

    Raises:
        H264Error: there is no such level.
    """
    plain = name.removesuffix(".0")
    for level in LEVELS:
        if level.name == plain:
            return level
    raise H264Error(f"there is no H.264 level {name!r}; the levels are {', '.join(level.name for level in LEVELS)}")


def level_for(width: int, height: int, fps: float, bitrate_bps: int, profile: str) -> Level:
    """Find the lowest level that allows pictures of `width` x `height` pixels at `fps` and `bitrate_bps`.

    `profile` is baseline, main or high.

    Raises:
        H264Error: no level allows it, or the profile is not known.
    """
    if profile not in _BITRATE_FACTOR:
        raise H264Error(f"there is no H.264 profile {profile!r} here; it is one of {', '.join(_BITRATE_FACTOR)}")
    columns, rows = -(-width // 16), -(-height // 16)
    for level in LEVELS:
        # Section A.3.1: neither side is longer than Sqrt(MaxFS * 8) macroblocks.
        longest_side_squared = level.max_frame_macroblocks * 8
        if (
            columns * rows <= level.max_frame_macroblocks
            and max(columns, rows) ** 2 <= longest_side_squared
            and columns * rows * fps <= level.max_macroblocks_per_s
            and bitrate_bps <= level.max_bitrate_kbps * _BITRATE_FACTOR[profile]
        ):
            return level
    raise H264Error(
        f"no H.264 level allows {width}x{height} at {fps:g} frames/s and {bitrate_bps} bits/s; "
        "choose a smaller picture, frame rate or bitrate"
    )
