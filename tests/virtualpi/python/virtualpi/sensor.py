"""A sensor's pace and its faults: the virtual pipeline fills a request at once, so it is given one a frame."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from virtualpi import faults

Request = TypeVar("Request")

FRONTEND_TIMEOUT_NS = 1_000_000_000
"""How long the Raspberry Pi pipeline waits for a silent sensor before it gives the camera up."""


class Sensor(Generic[Request]):
    """Exposes a frame each frame duration; where no request waits then, that frame is lost, as on a real one."""

    def __init__(self, deliver: Callable[[Request, int], None], duration_us: int) -> None:
        """`deliver` gets a request and the time its frame began, in nanoseconds on CLOCK_MONOTONIC."""
        self.duration_us = duration_us
        self._deliver = deliver
        self._waiting: deque[Request] = deque()
        self._stopped = threading.Event()
        self._silent_since_ns: int | None = None
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name="virtual sensor", daemon=True)
        self._thread.start()

    def queue(self, request: Request) -> None:
        self._waiting.append(request)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._waiting.clear()

    def _run(self) -> None:
        due_ns = time.monotonic_ns()
        while not self._stopped.wait(max(0, due_ns - time.monotonic_ns()) / 1e9):
            if not self._is_silent(due_ns) and self._waiting:
                self._deliver(self._waiting.popleft(), due_ns)
            due_ns += self.duration_us * 1000
            if due_ns < time.monotonic_ns() - FRONTEND_TIMEOUT_NS:
                due_ns = time.monotonic_ns()

    def _is_silent(self, now_ns: int) -> bool:
        """Whether a fault keeps the frames; after `camera-timeout` of a second for good, until stop and start."""
        timing_out = faults.is_on("camera-timeout")
        if timing_out and self._silent_since_ns is None:
            self._silent_since_ns = now_ns
        if not timing_out:
            self._silent_since_ns = None
        elif self._silent_since_ns is not None and now_ns - self._silent_since_ns >= FRONTEND_TIMEOUT_NS:
            self._given_up = True
        return timing_out or self._given_up or faults.is_on("camera-stall")
