"""The event loop: one thread waits for every socket and every due time."""

import contextlib
import heapq
import itertools
import logging
import os
import select
import threading
import time
from collections.abc import Callable

READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
WRITABLE = select.EPOLLOUT

Handler = Callable[[int], None]

log = logging.getLogger(__name__)


class EventLoop:
    """epoll with due times. Only `wake` and `stop` may be called from other threads.

    What a handler raises is logged and ends that handler's turn alone.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._woken_fd, self._wake_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # Reentrant because a signal handler may stop the loop within `wake`.
        self._wake_lock = threading.RLock()
        self._closed = False
        self._stopping = False
        self._woken: Callable[[], None] | None = None
        self.add(self._woken_fd, self._drain_wake)

    @property
    def epoll_fd(self) -> int:
        return self._epoll.fileno()

    @property
    def wake_fd(self) -> int:
        """What is written to it, whatever it is, wakes the loop: for signal.set_wakeup_fd."""
        return self._wake_fd

    def add(self, fd: int, handler: Handler) -> None:
        """Call `handler` with the epoll events whenever `fd` can be read, is closed, or (once armed) written."""
        self._epoll.register(fd, READABLE & ~(select.EPOLLHUP | select.EPOLLERR))
        self._handlers[fd] = handler

    def pause(self, fd: int) -> None:
        """Stop listening to `fd` until `resume`."""
        self._epoll.modify(fd, 0)

    def resume(self, fd: int) -> None:
        self._epoll.modify(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Forget `fd`; before it is closed."""
        if self._handlers.pop(fd, None):
            self._epoll.unregister(fd)

    def after(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call `callback` once, `delay_s` from now."""
        heapq.heappush(self._due, (time.monotonic() + delay_s, next(self._order), callback))

    def every(self, interval_s: float, callback: Callable[[], None]) -> None:
        """Call `callback` again and again."""

        def again() -> None:
            self.after(interval_s, again)
            callback()

        self.after(interval_s, again)

    def on_wake(self, callback: Callable[[], None]) -> None:
        """What `wake` makes the loop call."""
        self._woken = callback

    def wake(self) -> None:
        """Have the loop call what `on_wake` set; from any thread or signal handler, also once it is closed."""
        with self._wake_lock:
            if not self._closed:
                with contextlib.suppress(BlockingIOError):  # full of others that wake it
                    os.write(self._wake_fd, b"\0")

    def stop(self) -> None:
        """Make `run` return once the events at hand are dealt with; from any thread or signal handler."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        """Deal with events until `stop`."""
        self.run_until(lambda: self._stopping)

    def run_until(self, finished: Callable[[], bool]) -> None:
        """Deal with events until `finished` says so; it is asked after each turn."""
        while not finished():
            self._turn(self._run_due())

    def close(self) -> None:
        with self._wake_lock:
            self._closed = True
            self._epoll.close()
            os.close(self._woken_fd)
            os.close(self._wake_fd)

    def _turn(self, timeout_s: float) -> None:
        for fd, events in self._epoll.poll(timeout_s):
            handler = self._handlers.get(fd)
            if handler is not None:
                _contained(handler, events)

    def _run_due(self) -> float:
        """Call what is due, but not what falls due meanwhile; gives the time to the next one, -1 without."""
        now_s = time.monotonic()
        while self._due and self._due[0][0] <= now_s:
            _contained(heapq.heappop(self._due)[2])
        return max(0.0, self._due[0][0] - time.monotonic()) if self._due else -1.0

    def _drain_wake(self, _events: int) -> None:
        os.read(self._woken_fd, select.PIPE_BUF)
        if self._woken is not None:
            self._woken()


def _contained(call: Callable[..., None], *arguments: int) -> None:
    try:
        call(*arguments)
    except Exception:
        log.exception("A turn of the event loop failed; the server goes on")
