"""Keeps a source running: helps it when its frames stay away, starts it again when it breaks, gives up loudly."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from vstream.clock import monotonic_us
from vstream.errors import CameraError, RetriesExceededError, SourceError, VstreamError
from vstream.restarts import RestartBudget, pause_s
from vstream.sources.base import Source
from vstream.stream import Stream
from vstream.watchdog import Watchdog

_WAIT_PAUSE_S = 30.0

log = logging.getLogger(__name__)


class Supervisor:
    """Runs one source on a thread of its own, and watches it from another.

    A source that ends by itself, or that can never work (no such file, no H.264), is not started again. `outcome` is
    why it is over, once `done` was called; `restarts` counts each by its reason.
    """

    def __init__(
        self,
        source: Source,
        stream: Stream,
        done: Callable[[], None],
        *,
        frame_timeout_s: float,
        restarts_limit: int,
        waits: bool,
    ) -> None:
        """`waits`: after too many restarts go on with long pauses instead of giving up."""
        self._source = source
        self._stream = stream
        self._done = done
        self._waits = waits
        self._stopping = threading.Event()
        self._starts = 0
        self._is_between_runs = False
        self._vain_runs = 0
        self._budget = RestartBudget(restarts_limit)
        timeout_us = round(frame_timeout_s * 1e6)
        self._watchdog = Watchdog(source.remedies, timeout_us=timeout_us, restarting=self._may_restart)
        self._runner = threading.Thread(target=self._run, name="source", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self.outcome: VstreamError | None = None
        self.restarts: Counter[str] = Counter()
        self.moved_us = monotonic_us()
        """When the source was last started, or something else was tried with it; CLOCK_MONOTONIC."""

    def start(self) -> None:
        self._watchdog.begin(0, monotonic_us())
        self._runner.start()
        self._watcher.start()

    @property
    def is_running(self) -> bool:
        """Whether the source's thread and the one that watches it live."""
        return self._runner.is_alive() and self._watcher.is_alive()

    def stop(self, timeout_s: float) -> None:
        """End the source and wait for its thread, at most `timeout_s`."""
        self._stopping.set()
        self._source.stop()
        self._runner.join(timeout_s)
        if self._runner.is_alive():
            log.warning("The source %s did not stop within %g s", self._source.name, timeout_s)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set() and self._runs_again():
                self._stream.interrupted()
        except VstreamError as error:
            self._end(error)
        else:
            self._end(None)

    def _end(self, outcome: VstreamError | None) -> None:
        if self.outcome is None:
            self.outcome = outcome
        self._stopping.set()
        self._done()

    def _runs_again(self) -> bool:
        """Run the source to its end; whether it is to be started again.

        Raises:
            SourceError: it can never work.
            RetriesExceededError: it was restarted as often as it may be.
        """
        self._starts += 1
        self._is_between_runs = False
        newest_us = self._stream.fanout.newest_us
        try:
            self._source.run(self._stream)
        except CameraError as error:
            reason, why = "camera", str(error)
        except SourceError:
            raise
        except Exception as error:
            log.debug("Where the source broke", exc_info=True)
            reason, why = "source", f"{type(error).__name__}: {error}"
        else:
            if not self._stopping.is_set():
                log.info("The source %s ended", self._source.name)
            return False
        if self._stopping.is_set():
            return False
        self._is_between_runs = True
        log.error("Pipeline crashed: %s", why)
        self._vain_runs = 0 if self._stream.fanout.newest_us > newest_us else self._vain_runs + 1
        self._take_restart(reason)
        self._stopping.wait(pause_s(self._vain_runs))
        return True

    def _watch(self) -> None:
        starts_seen = 1
        while not self._stopping.wait(self._watchdog.pause_s(monotonic_us())):
            newest_us, now_us = self._stream.fanout.newest_us, monotonic_us()
            if starts_seen != self._starts or self._is_between_runs:
                starts_seen = self._starts
                self._watchdog.begin(newest_us, now_us)
            try:
                self._watchdog.look(newest_us, now_us, is_waiting=self._source.is_waiting)
            except RetriesExceededError as error:
                self._end(error)
                self._source.stop()

    def _may_restart(self, remedy: str) -> bool:
        """A remedy that interrupts the stream is about to be applied."""
        log.error("Pipeline crashed: no frames, %s", remedy)
        if not self._take_restart(remedy):
            return False
        self._stream.interrupted()
        return True

    def _take_restart(self, reason: str) -> bool:
        """Count a restart; False where none is wanted any more, as frames came back while it had to wait.

        Raises:
            RetriesExceededError: there were too many within a minute, and the settings say to give up.
        """
        self.moved_us, newest_us = monotonic_us(), self._stream.fanout.newest_us
        while not self._budget.spend(time.monotonic()):
            self.moved_us = monotonic_us()
            text = f"Max retries exceeded: {self._budget.limit} restarts within a minute did not help"
            log.error(text)
            if not self._waits:
                raise RetriesExceededError(text)
            if self._stopping.wait(_WAIT_PAUSE_S) or self._stream.fanout.newest_us > newest_us:
                return False
        self.restarts[reason] += 1
        return not self._stopping.is_set()
