"""Plays a file with H.264 in it, over and over."""

import itertools
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from vstream.clock import monotonic_us
from vstream.errors import NoVideoError, SourceError
from vstream.h264.order import PictureOrder, PictureTime
from vstream.h264.sps import Sps
from vstream.sources.annexb import AccessUnitAssembler
from vstream.sources.base import AccessUnit, DueUnit, Sink, Source
from vstream.sources.detect import HEAD_BYTES, begins_as_annexb, holds_sps
from vstream.sources.gate import KeyframeGate
from vstream.sources.pace import FrameClock, PacedSource

log = logging.getLogger(__name__)

# Little enough to stay in the processor's cache until its pictures are packetized.
_READ_BYTES = 1 << 16


def open_file(path: str, fps: float, fps_given: bool) -> Source:
    """Find out by content what kind of file this is, and give the source that plays it.

    Args:
        path: an Annex-B byte stream (.h264), or a container that FFmpeg reads (MP4, MKV, TS, ..).
        fps: frames a second of a file that does not tell its times.
        fps_given: whether the user chose `fps`, so that an Annex-B stream's own rate does not count.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        NoVideoError: it holds no H.264.
    """
    head = _head(path)
    if begins_as_annexb(head):
        return FileSource(path, fps, fps_given)
    from vstream.sources.container import ContainerSource, holds_h264

    if holds_h264(path):
        return ContainerSource(path, fps)
    if holds_sps(head):
        return FileSource(path, fps, fps_given)
    raise NoVideoError(f"{path} holds no H.264; give an Annex-B stream (.h264) or an MP4, MKV or TS file with H.264")


def _head(path: str) -> bytes:
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(f"{path} is a directory; give the file in it to play")
        if not stat.S_ISREG(mode):
            raise SourceError(f"{path} is no regular file; pipe it in and use the source '-'")
        with FileIO(path) as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> SourceError:
    return SourceError(f"{path} cannot be read: {error.strerror or error}; give a readable file with H.264")


def _fetch(file: FileIO, size_bytes: int) -> None:
    """Have the storage fetch what is read next while pictures play, so that they need not wait for it then."""
    os.posix_fadvise(file.fileno(), file.tell(), size_bytes, os.POSIX_FADV_WILLNEED)


class TimedPicture(NamedTuple):
    """A coded picture, its place in time, and the SPS in force for it."""

    data: bytes
    time: PictureTime
    sps: Sps | None


class FileSource(PacedSource):
    """An Annex-B file, looped without a jump in time.

    Its pace is `fps` if `fps_given`, otherwise what its SPS says, otherwise `fps`.
    """

    def __init__(self, path: str, fps: float, fps_given: bool) -> None:
        super().__init__()
        self.name = f"file:{path}"
        self._path = path
        self._clock = FrameClock(fps, fps_given)
        self._order = PictureOrder()
        self._gate = KeyframeGate()

    def run(self, sink: Sink) -> None:
        """Hand pictures to `sink`, each when it is due, until `stop`.

        Raises:
            SourceError: the file cannot be read.
            NoVideoError: it holds no picture that a decoder could begin with.
        """
        try:
            file = FileIO(self._path)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        with file:
            while not self._stopped:
                self._gate.close()
                has_played = False
                pictures = self._pictures(file)
                for picture in pictures:
                    self._clock.move(self._hand_over(self._near(file, picture, pictures), sink))
                    has_played = True
                    if self._stopped:
                        return
                if not has_played and not self._stopped:
                    raise NoVideoError(f"{self._path} has no keyframe with SPS and PPS; give a file that has one")

    def _near(self, file: FileIO, first: TimedPicture, others: Iterator[TimedPicture]) -> Iterator[DueUnit]:
        """Give the first picture, and those of the others that are due soon, with their times."""
        began = file.tell()
        yield from self._soon(self._timed(itertools.chain([first], others), monotonic_us()))
        _fetch(file, max(file.tell() - began, _READ_BYTES))

    def _timed(self, pictures: Iterable[TimedPicture], planned_us: int) -> Iterator[DueUnit]:
        """Give each picture the time at which it is due, the first no earlier than it is planned."""
        clock = self._clock
        for data, time, sps in pictures:
            if sps is not None and clock.take_rate(sps.fps):
                log.info("%s plays at the %.4g frames/s that it names", self.name, clock.fps)
            due_us = clock.next_us(time.duration_fields, planned_us)
            yield DueUnit(due_us, AccessUnit(data, due_us + clock.span_us(time.shown_later_fields)))

    def _pictures(self, file: FileIO) -> Iterator[TimedPicture]:
        """Read the file from its beginning to its end."""
        assembler, gate, order = AccessUnitAssembler(), self._gate, self._order
        buffer = bytearray(_READ_BYTES)
        file.seek(0)
        order.restart()
        with memoryview(buffer) as view:
            while read_bytes := self._read(file, buffer):
                pictures = assembler.feed(view[:read_bytes])
                if assembler.lost:
                    assembler.lost = False
                    gate.close()
                    order.restart()
                for picture in gate.admit(pictures):
                    yield TimedPicture(picture.data, order.follow(*picture), order.sps)
        for picture in gate.admit(assembler.flush()):
            yield TimedPicture(picture.data, order.follow(*picture), order.sps)

    def _read(self, file: FileIO, buffer: bytearray) -> int:
        try:
            return file.readinto(buffer)
        except OSError as error:
            raise _unreadable(self._path, error) from error
