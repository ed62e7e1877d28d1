"""Plays H.264 from standard input: a camera program's pipe without delay, or a file at its pace."""

import contextlib
import fcntl
import logging
import os
import select
from collections import deque

from vstream.clock import monotonic_us
from vstream.errors import NoVideoError, SourceError
from vstream.h264.order import PictureOrder
from vstream.sources.annexb import AccessUnitAssembler, CodedPicture
from vstream.sources.arrival import ArrivalClock
from vstream.sources.base import AccessUnit, Sink
from vstream.sources.detect import begins_as_annexb, holds_sps
from vstream.sources.gate import KeyframeGate
from vstream.sources.pace import MAX_SLEEP_US, FrameClock, PacedSource

log = logging.getLogger(__name__)

# The largest pipe that an unprivileged process may ask for, so that one write of a picture comes in one read.
_PIPE_BYTES = 1 << 20
_READ_BYTES = 1 << 18
_PROBE_BYTES = 1 << 20
# So many pictures are read ahead of their time: enough to tell a producer that waits from one that rushes.
_MAX_AHEAD = 8
# A picture is complete when its producer is silent for so long.
_SILENCE_US = 5_000


class StdinSource(PacedSource):
    """An Annex-B byte stream on a file descriptor, standard input by default.

    `fps` is the pace of a producer that does not keep one itself; the rate in the SPS goes before it unless
    `fps_given`. With `live` the producer is known to keep a pace.
    """

    def __init__(self, fps: float, fps_given: bool = False, fd: int = 0, *, live: bool = False) -> None:
        super().__init__()
        self.name = "stdin"
        self._fd = fd
        self._input = select.poll()
        self._input.register(fd, select.POLLIN)
        self._clock = ArrivalClock(FrameClock(fps, fps_given), live=live)
        self._order = PictureOrder()
        self._gate = KeyframeGate()
        self._assembler = AccessUnitAssembler()
        self._due: deque[tuple[int, AccessUnit]] = deque()
        self._buffer = bytearray(_READ_BYTES)
        self._head = bytearray()
        self._probing = True
        self._ended = False
        self._takes_early = True
        self._was_silent = False
        self._idle_us = 0
        self._began_us = 0

    def run(self, sink: Sink) -> None:
        """Hand pictures to `sink` as they come, or at their pace, until `stop` or the end of the input.

        Raises:
            SourceError: the input cannot be read.
            NoVideoError: its first MiB, or all of it, holds no H.264.
        """
        self._prepare()
        while not self._stopped and not (self._ended and not self._due):
            if self._due and (self._clock.live or self._due[0][0] <= monotonic_us()):
                sink(self._due.popleft()[1])
            elif self._ended or len(self._due) >= _MAX_AHEAD:
                self._wait_until(self._due[0][0])
            elif self._wait_for_input():
                self._read()
        if self._ended and not self._gate.ever_opened:
            raise NoVideoError("standard input ended before a keyframe with SPS and PPS came; pipe in an H.264 stream")

    def _prepare(self) -> None:
        if os.isatty(self._fd):
            raise SourceError("standard input is a terminal; pipe an H.264 stream into it")
        with contextlib.suppress(OSError):
            # Refused for anything but a pipe, and beyond the user's share of pipe memory: then reads are smaller.
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def _wait_for_input(self) -> bool:
        """Wait until there is input to read, a picture is due, or the producer's silence completes one."""
        begin_us = monotonic_us()
        may_take = self._takes_early and self._clock.live and not self._was_silent
        waits_for_silence = may_take and self._assembler.pending_bytes > 0
        wait_us = _SILENCE_US if waits_for_silence else MAX_SLEEP_US
        if self._due:
            wait_us = min(wait_us, self._due[0][0] - begin_us)
        # Not select(), which knows no descriptor above 1023: a server with many viewers gives higher ones.
        is_readable = bool(self._input.poll(max(wait_us, 0) / 1000))
        self._idle_us += monotonic_us() - begin_us
        if not is_readable and waits_for_silence:
            self._was_silent = True
            self._schedule(self._assembler.take(), self._began_us, self._began_us)
        return is_readable

    def _read(self) -> None:
        try:
            read_bytes = os.readv(self._fd, [self._buffer])
        except BlockingIOError:
            return
        except OSError as error:
            raise _unreadable(error) from error
        if not read_bytes:
            self._ended = True
            self._schedule(self._assembler.flush(), self._began_us, self._began_us)
            return
        self._was_silent = False
        arrival_us = monotonic_us()
        first_us = self._began_us if self._assembler.pending_bytes else arrival_us
        with memoryview(self._buffer) as view:
            pictures = self._assembler.feed(view[:read_bytes])
            self._probe(view[:read_bytes])
        self._began_us = arrival_us if pictures else first_us
        self._schedule(pictures, first_us, arrival_us)

    def _schedule(self, pictures: list[CodedPicture], first_us: int, next_us: int) -> None:
        """Give complete pictures their times; the first began to arrive at `first_us`, the others at `next_us`."""
        if self._assembler.lost:
            self._resynchronise()
        if not pictures:
            return
        waited_us, self._idle_us = self._idle_us, 0
        for picture in self._gate.admit(pictures):
            is_first = picture is pictures[0]
            time = self._order.follow(*picture)
            sps = self._order.sps
            if sps is not None and self._clock.frames.take_rate(sps.fps):
                log.info("Standard input names a rate of %.4g frames/s", sps.fps)
            was_live = self._clock.live
            due_us = self._clock.time_us(
                first_us if is_first else next_us, waited_us if is_first else 0, time.duration_fields
            )
            if self._clock.live is not was_live:
                self._log_mode()
            shown_us = due_us + self._clock.frames.span_us(time.shown_later_fields)
            self._due.append((due_us, AccessUnit(picture.data, shown_us)))

    def _resynchronise(self) -> None:
        """Skip to the next keyframe after a picture was lost."""
        self._assembler.lost = False
        self._gate.close()
        self._order.restart()
        if self._assembler.continued and self._takes_early:
            self._takes_early = False
            log.warning("Standard input pauses inside pictures: each is sent when the next one begins")

    def _log_mode(self) -> None:
        if self._clock.live:
            log.info("Standard input is live: pictures are sent as they come")
        else:
            log.info("Standard input comes faster than live: paced at %.4g frames/s", self._clock.frames.fps)

    def _probe(self, data: memoryview) -> None:
        """Give up once the beginning of the input shows that it is something else."""
        if not self._probing:
            return
        self._head += data
        if len(self._head) >= _PROBE_BYTES or self._gate.ever_opened:
            head = bytes(self._head)
            self._head.clear()
            self._probing = False
            if not self._gate.ever_opened and not begins_as_annexb(head) and not holds_sps(head):
                raise NoVideoError(
                    "standard input holds no H.264; pipe in an Annex-B stream (rpicam-vid: --codec h264)"
                )


def _unreadable(error: OSError) -> SourceError:
    return SourceError(f"standard input cannot be read: {error.strerror or error}")
