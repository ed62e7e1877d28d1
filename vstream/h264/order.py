"""When a picture is shown, next to when it is decoded (ITU-T H.264 section 8.2.1)."""

import logging
from typing import NamedTuple

from vstream._fastpath import split
from vstream.errors import H264Error
from vstream.h264.nal import NalType, nal_types_of
from vstream.h264.pps import parse_pps
from vstream.h264.slice_header import HEAD_BYTES, SliceHeader, parse_pps_id, parse_slice_header
from vstream.h264.sps import Sps, parse_sps

log = logging.getLogger(__name__)

_PARAMETER_SETS = nal_types_of(NalType.SPS, NalType.PPS)
_MAY_ACTIVATE = _PARAMETER_SETS | nal_types_of(NalType.IDR)
# Twice the largest decoded picture buffer (16 frames, section A.3.1): beyond, the numbering began anew without an IDR.
_MAX_REORDER_FIELDS = 64


class PictureTime(NamedTuple):
    """A picture's place in time, in fields: halves of the frame interval."""

    duration_fields: int
    """1 for a field, 2 for a frame."""
    shown_later_fields: int
    """By how much presentation follows decoding, against a picture that is shown when it is decoded."""


_FRAME_IN_ORDER = PictureTime(2, 0)


class PictureOrder:
    """Follows a stream's parameter sets and picture order counts; one object a stream.

    An IDR picture counts as shown when it is decoded; the pictures after it are shown around that by their picture
    order count. Times relative to each other are exact, and no reorder delay has to be known to give them. Picture
    order count type 1, which no encoder in use writes with B-pictures, is taken as decoding order.
    """

    def __init__(self) -> None:
        self._sequences: dict[int, Sps] = {}
        self._sequence_of_pps: dict[int, int] = {}
        self._last_nals: dict[int, bytes] = {}
        self._active: Sps | None = None
        self._needs_headers = False
        self._counts_frames = False
        self.restart()

    @property
    def sps(self) -> Sps | None:
        """The sequence parameter set in force."""
        return self._active

    def follow(self, data: bytes, nal_types: int, slice_at: int) -> PictureTime:
        """Take the next access unit in decoding order and give its time.

        Args:
            data: the access unit as Annex-B.
            nal_types: the NAL unit types in it, as a bit set.
            slice_at: index in `data` of the header of its first slice NAL unit.
        """
        if nal_types & _PARAMETER_SETS:
            self._learn(data[:slice_at])
        try:
            if nal_types & _MAY_ACTIVATE:
                self._activate(data[slice_at : slice_at + HEAD_BYTES])
            if self._active is not None and self._needs_headers:
                return self._place(data[slice_at : slice_at + HEAD_BYTES], self._active)
        except H264Error as error:
            log.debug("Slice header cannot be read, picture taken as a frame in decoding order: %s", error)
        return _FRAME_IN_ORDER

    def _learn(self, before_slice: bytes) -> None:
        """Remember the parameter sets that stand before an access unit's first slice."""
        for start, length in split(before_slice):
            nal = before_slice[start : start + length]
            nal_type = nal[0] & 0x1F
            if not (1 << nal_type) & _PARAMETER_SETS or self._last_nals.get(nal_type) == nal:
                continue
            self._last_nals[nal_type] = nal
            try:
                self._store(nal)
            except H264Error as error:
                log.warning("Parameter set cannot be read: %s", error)

    def _store(self, nal: bytes) -> None:
        if nal[0] & 0x1F == NalType.SPS:
            sps = parse_sps(nal)
            self._sequences[sps.sps_id] = sps
        else:
            pps = parse_pps(nal)
            self._sequence_of_pps[pps.pps_id] = pps.sps_id

    def _activate(self, slice_nal: bytes) -> None:
        sps_id = self._sequence_of_pps.get(parse_pps_id(slice_nal))
        sps = None if sps_id is None else self._sequences.get(sps_id)
        if sps is None or sps == self._active:
            return
        self._active = sps
        self._needs_headers = sps.may_reorder or not sps.frames_only
        self._counts_frames = False
        self.restart()

    def restart(self) -> None:
        """Begin to count anew, as at an IDR picture: what follows does not go on from what was before."""
        self._reference_msb = 0
        self._reference_lsb = 0
        self._decoded_fields = 0
        self._origin_fields: int | None = None

    def _place(self, slice_nal: bytes, sps: Sps) -> PictureTime:
        header = parse_slice_header(slice_nal, sps)
        duration_fields = 1 if header.is_field else 2
        if not sps.may_reorder:
            return PictureTime(duration_fields, 0)
        if slice_nal[0] & 0x1F == NalType.IDR:
            self.restart()
        shown = self._shown_fields(header, sps, is_reference=slice_nal[0] & 0x60 != 0)
        later = shown - self._decoded_fields
        if self._origin_fields is None or abs(later - self._origin_fields) > _MAX_REORDER_FIELDS:
            self._origin_fields = later
        self._decoded_fields += duration_fields
        return PictureTime(duration_fields, later - self._origin_fields)

    def _shown_fields(self, header: SliceHeader, sps: Sps, *, is_reference: bool) -> int:
        """Give the picture order count (section 8.2.1.1) in fields, whatever the encoder counts."""
        period = 1 << sps.log2_max_poc_lsb
        lsb = header.poc_lsb
        msb = self._reference_msb
        if lsb < self._reference_lsb and self._reference_lsb - lsb >= period // 2:
            msb += period
        elif lsb > self._reference_lsb and lsb - self._reference_lsb > period // 2:
            msb -= period
        if is_reference:
            self._reference_msb, self._reference_lsb = msb, lsb
        # The count rises by 2 a frame with nearly all encoders, by 1 with a few: only those have odd ones on frames.
        if sps.frames_only and lsb % 2:
            self._counts_frames = True
        return (msb + lsb) * (2 if self._counts_frames else 1)
