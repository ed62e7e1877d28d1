"""Says in the log where a stream is not what its encoder was asked for."""

import logging

from vstream._fastpath import split
from vstream.errors import H264Error
from vstream.h264 import NalType, Sps, level_named, parse_sps
from vstream.sources.base import AccessUnit, Sink
from vstream.sources.videoformat import VideoFormat

PROFILE_NAMES = {66: "baseline", 77: "main", 88: "extended", 100: "high"}
"""Of profile_idc (ITU-T H.264 section A.2)."""

log = logging.getLogger(__name__)


def checked(sink: Sink, video: VideoFormat) -> Sink:
    """A sink that passes everything on, and compares the first SPS that comes with what was asked for."""
    waiting = True

    def check_and_pass(unit: AccessUnit) -> None:
        nonlocal waiting
        if waiting:
            sps = _first_sps(unit)
            if sps is not None:
                waiting = False
                for difference in differences(sps, video):
                    log.warning("The encoder does not do as it was told: %s", difference)
        sink(unit)

    return check_and_pass


def differences(sps: Sps, video: VideoFormat) -> list[str]:
    """A line for each of profile, level and size that is not what was asked for (ITU-T H.264 section 7.4.2.1.1)."""
    wanted = {
        "profile": video.profile,
        "level": level_named(video.level).name,
        "size": f"{video.width}x{video.height}",
    }
    made = {
        "profile": PROFILE_NAMES.get(sps.profile_idc, f"number {sps.profile_idc}"),
        "level": f"{sps.level_idc / 10:g}",
        "size": f"{sps.width}x{sps.height}",
    }
    return [f"{what} {made[what]} instead of {wanted[what]}" for what in wanted if made[what] != wanted[what]]


def _first_sps(unit: AccessUnit) -> Sps | None:
    for start, size in split(unit.data):
        if unit.data[start] & 0x1F == NalType.SPS:
            try:
                return parse_sps(bytes(unit.data[start : start + size]))
            except H264Error:
                return None
    return None
