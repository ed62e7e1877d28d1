"""Cuts an Annex-B byte stream into access units (ITU-T H.264 annex B and section 7.4.1.2.3)."""

import logging
from typing import NamedTuple

from vstream._fastpath import nal_starts
from vstream.h264.nal import NalType, nal_types_of

log = logging.getLogger(__name__)

Buffer = bytes | bytearray | memoryview

MAX_UNIT_BYTES = 8 << 20

_SLICES = nal_types_of(NalType.SLICE, NalType.PARTITION_A, NalType.IDR)
# Section 7.4.1.2.3: after the last slice of a picture, any of these begins the next access unit.
_BEGINS_UNIT = nal_types_of(
    NalType.ACCESS_UNIT_DELIMITER,
    NalType.SPS,
    NalType.PPS,
    NalType.SEI,
    NalType.PREFIX,
    NalType.SUBSET_SPS,
    NalType.DEPTH_PARAMETER_SET,
    NalType.RESERVED_17,
    NalType.RESERVED_18,
)
_FIRST_MB_IS_ZERO = 0x80  # ue(v) 0 is a single one bit
# Types that continue a picture whatever they hold.
_CONTINUES = nal_types_of(NalType.PARTITION_B, NalType.PARTITION_C, NalType.AUXILIARY_SLICE, NalType.SLICE_EXTENSION)


class CodedPicture(NamedTuple):
    """One access unit as Annex-B, and what its NAL unit headers say."""

    data: bytes
    nal_types: int
    """The NAL unit types in it, as a bit set."""
    slice_at: int
    """Index in `data` of the header of the first slice NAL unit."""


class AccessUnitAssembler:
    """Takes a byte stream in pieces of any size and gives each access unit once its end is known.

    A picture begins at a slice whose first_mb_in_slice is 0, or at a NAL unit that may only stand before a picture's
    slices. An access unit larger than `max_unit_bytes` is dropped, and so is a tail without a slice.
    """

    def __init__(self, max_unit_bytes: int = MAX_UNIT_BYTES) -> None:
        self._max_unit_bytes = max_unit_bytes
        self._buffer = bytearray()
        self._taken_early = False
        self.lost = False
        """Whether a part of a picture was dropped; the owner clears it."""
        self.continued = False
        """Whether a picture that `take` gave turned out to go on; then `lost` is set too."""
        self._scan_from = 0
        self._start_is_cut = False
        self._nal_types = 0
        self._last_bit = 0
        self._slice_at = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes taken in that belong to an access unit not given yet."""
        return len(self._buffer)

    def feed(self, data: Buffer) -> list[CodedPicture]:
        """Take the next bytes; gives the access units that they complete, in decoding order."""
        buffer = self._buffer
        buffer += data
        size = len(buffer)
        pictures: list[CodedPicture] = []
        begin = 0
        self._start_is_cut = False
        for at in nal_starts(buffer, self._scan_from):
            if at + 1 >= size:
                self._start_is_cut = True
                break
            nal_type = buffer[at] & 0x1F
            bit = 1 << nal_type
            if self._slice_at and (bit & _BEGINS_UNIT or (bit & _SLICES and buffer[at + 1] & _FIRST_MB_IS_ZERO)):
                end = at - 4 + (buffer[at - 4] != 0)
                self._give(pictures, begin, end)
                begin = end
            if not self._nal_types:
                begin = self._begin_unit(begin, at)
            if bit & _SLICES and not self._slice_at:
                self._slice_at = at - begin
            self._nal_types |= bit
            self._last_bit = bit
            self._scan_from = at
        self._keep_from(begin)
        return pictures

    def take(self) -> list[CodedPicture]:
        """Give the access unit that seems complete because nothing follows: its last NAL unit is a slice.

        Should the next bytes go on with that picture, `continued` is set.
        """
        if not self._last_bit & _SLICES or self._start_is_cut or self._buffer[-1] == 0:
            return []
        self._taken_early = True
        return self.flush()

    def flush(self) -> list[CodedPicture]:
        """Give what is left at the end of the stream, and begin anew."""
        pictures: list[CodedPicture] = []
        if self._slice_at:
            self._give(pictures, 0, len(self._buffer))
        self._begin_anew()
        return pictures

    def _begin_anew(self) -> None:
        self._buffer.clear()
        self._scan_from = 0
        self._start_is_cut = False
        self._forget_unit()

    def _forget_unit(self) -> None:
        self._nal_types = 0
        self._last_bit = 0
        self._slice_at = 0

    def _begin_unit(self, begin: int, at: int) -> int:
        """Begin an access unit with the NAL unit at `at`; gives where, without what stands before its start code."""
        buffer = self._buffer
        start = at - 4 if at >= 4 and buffer[at - 4] == 0 else at - 3
        if self._taken_early:
            self._taken_early = False
            bit = 1 << (buffer[at] & 0x1F)
            goes_on = bit & _CONTINUES or (bit & _SLICES and not buffer[at + 1] & _FIRST_MB_IS_ZERO)
            if goes_on or any(buffer[begin:start]):
                self.continued = self.lost = True
        return start

    def _give(self, pictures: list[CodedPicture], begin: int, end: int) -> None:
        if end - begin <= self._max_unit_bytes:
            with memoryview(self._buffer) as view:
                pictures.append(CodedPicture(bytes(view[begin:end]), self._nal_types, self._slice_at))
        else:
            self._report_giant()
        self._forget_unit()

    def _keep_from(self, begin: int) -> None:
        """Forget the bytes before `begin`, and what cannot become a part of an access unit."""
        size = len(self._buffer)
        if not self._nal_types:
            # No NAL unit yet: only a start code that is not whole can matter.
            begin = max(begin, size - 5)
            if self._taken_early and any(self._buffer[:begin]):
                self._taken_early = False
                self.continued = self.lost = True
        elif size - begin > self._max_unit_bytes:
            self._report_giant()
            self._forget_unit()
            begin = size
        del self._buffer[:begin]
        # A start code that the end cuts, or that lacks the byte behind its header, is looked at again.
        self._scan_from = max(self._scan_from - begin, len(self._buffer) - 4, 0)

    def _report_giant(self) -> None:
        self.lost = True
        log.warning("Access unit of more than %d bytes dropped", self._max_unit_bytes)


def describe(data: bytes) -> CodedPicture | None:
    """Describe bytes that are known to be one access unit as Annex-B; None where no slice is in them."""
    nal_types = slice_at = 0
    for at in nal_starts(data):
        if at < len(data):
            bit = 1 << (data[at] & 0x1F)
            nal_types |= bit
            if bit & _SLICES and not slice_at:
                slice_at = at
    return CodedPicture(data, nal_types, slice_at) if slice_at else None
