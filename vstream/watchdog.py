"""Watches the age of the newest frame, since every thread of a stalled camera looks alive."""

import logging
from collections.abc import Callable, Sequence

from vstream.sources.base import Remedy

START_TIMEOUT_US = 10_000_000
"""The first frame of a source may take this long: a camera's library is loaded and its sensor set up meanwhile."""

_SHORTEST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0

log = logging.getLogger(__name__)


class Watchdog:
    """When frames stay away, tries one remedy after the other, each for as long as it deserves.

    `restarting` is told of each remedy that interrupts the stream, before it is applied; it says whether to go on.
    Times are CLOCK_MONOTONIC in microseconds and passed in.
    """

    def __init__(self, remedies: Sequence[Remedy], *, timeout_us: int, restarting: Callable[[str], bool]) -> None:
        self._remedies = remedies
        self._timeout_us = timeout_us
        self._restarting = restarting
        self._begun_us = 0
        self._newest_us = 0
        self._tried = 0
        self._next_us = 0
        self._is_silent = False

    def begin(self, newest_us: int, now_us: int) -> None:
        """The source starts, or starts again; what it gave before does not count."""
        self._begun_us, self._newest_us = now_us, newest_us
        self._tried = 0
        self._next_us = now_us + START_TIMEOUT_US
        self._is_silent = newest_us > 0

    def look(self, newest_us: int, now_us: int, *, is_waiting: bool = False) -> None:
        """Look at the time of the newest frame (0: none yet) and act where it is too old, unless none is expected."""
        if newest_us > self._newest_us:
            self._frame_came(newest_us)
        elif is_waiting:
            self.begin(newest_us, now_us)
        elif now_us >= self._next_us:
            self._frame_is_late(now_us)

    def pause_s(self, now_us: int) -> float:
        """How long nothing needs a look: while frames come, until the newest would be too old.

        Every look wakes a thread with cold caches, which costs as much as a tenth of a millisecond.
        """
        if self._is_silent or self._tried:
            return _SHORTEST_PAUSE_S
        return min(max((self._next_us - now_us) / 1e6, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)

    def _frame_came(self, newest_us: int) -> None:
        if self._is_silent:
            log.info("Frames are back after %.1f s", (newest_us - self._newest_us) / 1e6)
        self._newest_us = newest_us
        self._tried = 0
        self._next_us = newest_us + self._timeout_us
        self._is_silent = False

    def _frame_is_late(self, now_us: int) -> None:
        silent_s = (now_us - (self._newest_us or self._begun_us)) / 1e6
        self._is_silent = self._newest_us > 0
        if self._tried >= len(self._remedies):
            log.warning("No frame for %.1f s, and nothing is left to try", silent_s)
            self._next_us = now_us + START_TIMEOUT_US
            return
        remedy = self._remedies[self._tried]
        self._tried += 1
        self._next_us = now_us + remedy.patience_us
        log.warning("No frame for %.1f s: %s", silent_s, remedy.name)
        if not remedy.interrupts or self._restarting(remedy.name):
            remedy.apply()
