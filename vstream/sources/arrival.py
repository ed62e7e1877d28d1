"""Gives times to pictures that come through a pipe, be the producer a camera or a file."""

from vstream.sources.pace import FrameClock

_WAITS_TO_GO_LIVE = 5
_RUSH_TO_BE_PACED = 60


class ArrivalClock:
    """Begins paced; live once the producer makes us wait for one picture after the other; paced again when it rushes.

    A camera's picture is late by nature and is wanted at once: its time is its arrival. A file that is piped in comes
    as fast as it is read, and is held to the frame rate instead. Times never go back when the mode changes.

    What a live producer seems to rush may have waited while this machine was busy, and paced it would stay that late
    for good: only what it cannot have had the time for counts. One that is known to be `live` stays so.
    """

    def __init__(self, frames: FrameClock, *, live: bool = False) -> None:
        self.live = live
        """Whether pictures are wanted at once; otherwise each waits for its time."""
        self.frames = frames
        self._may_change = not live
        self._in_a_row = 0
        self._waited_at_us = 0
        self._last_us: int | None = None

    def time_us(self, arrival_us: int, waited_us: int, duration_fields: int) -> int:
        """Give when the next picture in decoding order is due.

        Args:
            arrival_us: when its first byte came.
            waited_us: how long its producer made us wait for it.
            duration_fields: how long it lasts, in halves of a frame interval.
        """
        quarter_us = self.frames.span_us(2) // 4
        # A wait speaks for a live producer, none for one that could go faster: count those against the mode.
        is_waited_for = waited_us >= quarter_us
        if is_waited_for:
            self._waited_at_us = arrival_us
        if self._may_change and is_waited_for is not self.live:
            self._in_a_row += 1
        else:
            self._in_a_row = 0
        if self._rushes(arrival_us) if self.live else self._in_a_row >= _WAITS_TO_GO_LIVE:
            self.live = not self.live
            self._in_a_row = 0
            if not self.live and self._last_us is not None:
                self.frames.restart(self._last_us + self.frames.span_us(2))
        if not self.live:
            due_us = self.frames.next_us(duration_fields, arrival_us)
        elif self._last_us is None:
            due_us = arrival_us
        else:
            due_us = max(arrival_us, self._last_us + quarter_us)
        self._last_us = due_us
        return due_us

    def _rushes(self, arrival_us: int) -> bool:
        """Whether so many pictures came without a wait as a live producer has not had the time for."""
        lasts_us = self._in_a_row * self.frames.span_us(2)
        return self._in_a_row >= _RUSH_TO_BE_PACED and lasts_us > arrival_us - self._waited_at_us
