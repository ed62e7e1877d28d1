"""Gives pictures their times and waits for them, on CLOCK_MONOTONIC."""

import time
from collections.abc import Iterable, Iterator, Sequence

from vstream._fastpath import Pacer
from vstream.clock import monotonic_us
from vstream.sources.base import AccessUnit, DueUnit, Player, Remedy, Sink

# A wait is cut, so that a source asked to stop does so soon.
MAX_SLEEP_US = 100_000
# Later than this, the clock moves instead of the pictures hurrying: the machine was suspended or starved.
MAX_LAG_US = 100_000
# So far ahead of their time pictures are read and handed over, so that most code runs once for several of them: after
# each wait the processor's caches are cold, and then it costs a multiple.
AHEAD_US = 1_000_000
# A file may claim any number of pictures for that time.
AHEAD_LIMIT_BYTES = 8 << 20
_AHEAD_LIMIT_PICTURES = 600


class FrameClock:
    """Says when each picture of a steady frame rate is due.

    `fps` holds until the stream names its own rate, or for good if `fps_given`.
    """

    def __init__(self, fps: float, fps_given: bool) -> None:
        self.fps = fps
        self._fps_given = fps_given
        self._field_us = 500_000 / fps
        self._origin_us: float | None = None
        self._fields = 0

    def take_rate(self, fps: float | None) -> bool:
        """Take the rate that the stream names, from the next picture on; tells whether that changed anything."""
        if fps is None or fps == self.fps or self._fps_given:
            return False
        if self._origin_us is not None:
            self.restart(self._origin_us + self._fields * self._field_us)
        self.fps = fps
        self._field_us = 500_000 / fps
        return True

    def restart(self, origin_us: float) -> None:
        """Make the next picture due at `origin_us`."""
        self._origin_us = origin_us
        self._fields = 0

    def move(self, by_us: int) -> None:
        """Make all later pictures due later."""
        if self._origin_us is not None:
            self._origin_us += by_us

    def next_us(self, duration_fields: int, now_us: int) -> int:
        """Give when the next picture is due, which is shown for `duration_fields` halves of a frame interval.

        The first is due at once. Once a picture would be more than 100 ms late, it and all later ones move.
        """
        if self._origin_us is None:
            self._origin_us = now_us
        due_us = int(self._origin_us + self._fields * self._field_us)
        if now_us - due_us > MAX_LAG_US:
            self._origin_us += now_us - due_us
            due_us = now_us
        self._fields += duration_fields
        return due_us

    def span_us(self, fields: int) -> int:
        """Give how long `fields` halves of a frame interval last."""
        return int(fields * self._field_us)


class PacedSource:
    """What the sources share that play what was encoded elsewhere: they wait, stop, and cannot be asked anything."""

    is_waiting = False
    remedies: Sequence[Remedy] = ()

    def __init__(self) -> None:
        self._pacer = Pacer(lag_limit_us=MAX_LAG_US)

    @property
    def _stopped(self) -> bool:
        return self._pacer.stopped

    def stop(self) -> None:
        """Make `run` return within about 100 ms; safe to call more than once and before `run`."""
        self._pacer.stop()

    def request_keyframe(self) -> bool:
        """Refuse: what was encoded elsewhere has its keyframes where they are."""
        return False

    def set_bitrate(self, bitrate_bps: int) -> bool:
        """Refuse: what was encoded elsewhere has its bitrate."""
        return False

    def set_keyframe_interval(self, frames: int) -> bool:
        """Refuse: what was encoded elsewhere has its keyframes where they are."""
        return False

    @staticmethod
    def _soon(units: Iterable[DueUnit]) -> Iterator[DueUnit]:
        """Give the first, and those after it that are due soon, as far as memory allows."""
        until_us = monotonic_us() + AHEAD_US
        size_bytes = 0
        for number, one in enumerate(units, 1):
            yield one
            size_bytes += len(one.unit.data)
            if one.due_us >= until_us or size_bytes >= AHEAD_LIMIT_BYTES or number >= _AHEAD_LIMIT_PICTURES:
                return

    def _hand_over(self, units: Iterable[DueUnit], sink: Sink) -> int:
        """Hand over each when it is due, or all to one who keeps the time; gives by how much that moved them."""
        if isinstance(sink, Player):
            return sink.play(units, self._pacer)
        moved_us = 0
        for due_us, unit in units:
            self._wait_until(due_us + moved_us)
            if self._stopped:
                break
            late_us = monotonic_us() - due_us - moved_us
            if late_us > MAX_LAG_US:
                moved_us += late_us
            sink(AccessUnit(unit.data, unit.pts_us + moved_us))
        return moved_us

    def _wait_until(self, due_us: int) -> None:
        """Sleep until `due_us`, or until asked to stop."""
        # A plain sleep costs a fraction of what waiting for an Event costs, and this runs for every picture.
        while not self._stopped and (wait_us := due_us - monotonic_us()) > 0:
            time.sleep(min(wait_us, MAX_SLEEP_US) / 1e6)
