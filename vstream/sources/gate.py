"""Holds a stream back until a decoder can begin with it."""

import logging

from vstream._fastpath import split
from vstream.h264.nal import NalType, nal_types_of
from vstream.h264.sei import has_recovery_point
from vstream.sources.annexb import CodedPicture

log = logging.getLogger(__name__)

_PARAMETER_SETS = nal_types_of(NalType.SPS, NalType.PPS)
_IDR = nal_types_of(NalType.IDR)
_SEI = nal_types_of(NalType.SEI)


class KeyframeGate:
    """Skips pictures until SPS and PPS were seen and a keyframe comes: an IDR picture or a recovery point."""

    def __init__(self) -> None:
        self.is_open = False
        self.ever_opened = False
        self._seen = 0
        self._skipped = 0

    def close(self) -> None:
        """Skip again until the next keyframe; the parameter sets seen remain."""
        self.is_open = False

    def admit(self, pictures: list[CodedPicture]) -> list[CodedPicture]:
        """Give the pictures that may pass, in order."""
        if self.is_open:
            return pictures
        for index, picture in enumerate(pictures):
            self._seen |= picture.nal_types & _PARAMETER_SETS
            if self._seen == _PARAMETER_SETS and _is_keyframe(picture):
                self._open()
                return pictures[index:]
            self._skipped += 1
        return []

    def _open(self) -> None:
        if self._skipped:
            level = logging.DEBUG if self.ever_opened else logging.INFO
            log.log(level, "Pictures skipped up to a keyframe with parameter sets: %d", self._skipped)
        self.is_open = self.ever_opened = True
        self._skipped = 0


def _is_keyframe(picture: CodedPicture) -> bool:
    if picture.nal_types & _IDR:
        return True
    if not picture.nal_types & _SEI:
        return False
    head = picture.data[: picture.slice_at]
    nals = [head[start : start + length] for start, length in split(head)]
    return any(nal[0] & 0x1F == NalType.SEI and has_recovery_point(nal) for nal in nals)
