"""Plays a file with H.264 in it, over and over."""

import logging
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from vstream.errors import NoVideoError, SourceError
from vstream.h264.order import PictureOrder, PictureTime
from vstream.h264.sps import Sps
from vstream.sources.annexb import AccessUnitAssembler, CodedPicture
from vstream.sources.base import AccessUnit, Sink, Source
from vstream.sources.detect import HEAD_BYTES, begins_as_annexb, holds_sps
from vstream.sources.gate import KeyframeGate
from vstream.sources.pace import FrameClock, PacedSource, now_us

log = logging.getLogger(__name__)

_READ_BYTES = 1 << 18


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
    return SourceError(f"{path} cannot be read: {error.strerror or error}")


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
                if not self._play(self._batches(file), sink) and not self._stopped:
                    raise NoVideoError(f"{self._path} has no keyframe with SPS and PPS; give a file that has one")

    def _play(self, batches: Iterator[list[TimedPicture]], sink: Sink) -> bool:
        """Play the file once; tells whether it gave any picture."""
        clock = self._clock
        has_played = False
        for batch in batches:
            for data, time, sps in batch:
                if sps is not None and clock.take_rate(sps.fps):
                    log.info("%s plays at the %.4g frames/s that it names", self.name, clock.fps)
                due_us = clock.next_us(time.duration_fields, now_us())
                # Made before the wait: what runs after it, caches cold, delays the picture.
                unit = AccessUnit(data, due_us + clock.span_us(time.shown_later_fields))
                self._wait_until(due_us)
                if self._stopped:
                    return True
                sink(unit)
                has_played = True
        return has_played

    def _batches(self, file: FileIO) -> Iterator[list[TimedPicture]]:
        """Read the file from its beginning to its end, several pictures at a time.

        After each wait the processor's caches are cold, and then code costs a multiple: so most of it runs once for
        several pictures.
        """
        assembler, gate = AccessUnitAssembler(), self._gate
        buffer = bytearray(_READ_BYTES)
        file.seek(0)
        with memoryview(buffer) as view:
            while read_bytes := self._read(file, buffer):
                pictures = assembler.feed(view[:read_bytes])
                if assembler.lost:
                    assembler.lost = False
                    gate.close()
                yield self._timed(gate.admit(pictures))
        yield self._timed(gate.admit(assembler.flush()))

    def _timed(self, pictures: list[CodedPicture]) -> list[TimedPicture]:
        order = self._order
        return [TimedPicture(picture.data, order.follow(*picture), order.sps) for picture in pictures]

    def _read(self, file: FileIO, buffer: bytearray) -> int:
        try:
            return file.readinto(buffer)
        except OSError as error:
            raise _unreadable(self._path, error) from error
