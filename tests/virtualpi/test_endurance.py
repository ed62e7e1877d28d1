"""Faults in a row leave nothing behind: no thread, no descriptor, no memory, neither in the server nor in its camera.

VSTREAM_FAULTS says how many; 200 take three minutes.
"""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.e2e.operating import Operator
from tests.e2e.server import Server
from tests.network import wait_until
from tests.virtualpi.pi import VirtualPi
from tests.virtualpi.serving import RECOVERY_LIMIT_S, children, serving, watching

FAULTS = int(os.environ.get("VSTREAM_FAULTS", "40"))
A_ROUND = 20
KILLED_AT, CAMERA_STALLS_AT, WARM_AT = 0, (3, 8, 13, 18), 5
"""Of each round's faults; those after the fifth must not make any process hold more than it did then."""

ON_THEIR_WAY = 1
"""Descriptors that may be about to be closed; a fault or a reopened camera that kept one would add up to more."""

MEMORY_LIMIT_KIB = 8 << 10
"""What allocators and caches may still take after the first faults; one frame of this size kept a fault is more."""

FAST = ("--frame-timeout-ms", "200", "--max-restarts-per-minute", "1000", "--rtsp-session-timeout-s", "3600")
RESTARTS = "pipeline_restarts_total{reason=%s}"


class Held(NamedTuple):
    """What a process has at a time."""

    threads: int
    descriptors: int
    memory_kib: int


def held(pid: int) -> Held:
    status = Path(f"/proc/{pid}/status").read_text()
    numbers = {name: int(value) for name, value in re.findall(r"^(Threads|VmRSS):\s+(\d+)", status, re.MULTILINE)}
    return Held(numbers["Threads"], len(list(Path(f"/proc/{pid}/fd").iterdir())), numbers["VmRSS"])


class Tormentor:
    """Brings faults about, one after the other, and waits each time until frames are back."""

    def __init__(self, pi: VirtualPi, server: Server, operator: Operator) -> None:
        self._pi, self._server, self._operator = pi, server, operator
        self.mended = 0

    def stall(self, fault: str, remedy: str) -> None:
        """Have a fault until the remedy for it is applied."""
        before = self._restarts(remedy)
        with self._pi.fault(fault):
            self._wait(lambda: self._restarts(remedy) > before, f"{remedy}, time {self.mended + 1}")
        self._wait_for_frames()

    def kill(self) -> None:
        before = self._restarts("camera")
        os.kill(children(self._server)[0], signal.SIGKILL)
        self._wait(lambda: self._restarts("camera") > before, "a restart after SIGKILL")
        self._wait_for_frames()

    def _wait_for_frames(self) -> None:
        self.mended += 1
        self._wait(lambda: len(self._server.lines_with("Frames are back")) >= self.mended, "frames")

    def _restarts(self, reason: str) -> float:
        return self._operator.metrics()[RESTARTS % reason]

    def _wait(self, true: Callable[[], bool], what: str) -> None:
        wait_until(true, what, timeout_s=RECOVERY_LIMIT_S, pause_s=0.05)


def wait_for_no_more_than(pid: int, before: Held) -> None:
    """Threads and descriptors that are on their way out may take a moment."""

    def has_no_more() -> bool:
        now = held(pid)
        return now.threads <= before.threads and now.descriptors <= before.descriptors + ON_THEIR_WAY

    wait_until(has_no_more, f"no more than {before}; there is {held(pid)}", pause_s=0.1)


def bring_about(tormentor: Tormentor, number: int) -> None:
    """Have the fault of that number within its round: mostly a stalled encoder."""
    if number == KILLED_AT:
        tormentor.kill()
    elif number in CAMERA_STALLS_AT:
        tormentor.stall("camera-timeout", "restarting_the_camera")
    else:
        tormentor.stall("encoder-stall", "restarting_the_encoder")


def test_many_faults_leave_nothing_behind(pi4: VirtualPi) -> None:
    operator = Operator()
    with serving(pi4, *FAST, operator=operator) as server, watching(server) as watchers:
        tormentor = Tormentor(pi4, server, operator)
        before: dict[int, Held] = {}
        for number in range(FAULTS):
            bring_about(tormentor, number % A_ROUND)
            processes = [server.process.pid, *children(server)]
            if number % A_ROUND == WARM_AT:
                before = {pid: before.get(pid) or held(pid) for pid in processes}
            elif number % A_ROUND == A_ROUND - 1:
                for pid in processes:
                    wait_for_no_more_than(pid, before[pid])
                    print(f"{number + 1} faults: before {before[pid]}, now {held(pid)}")
                    assert held(pid).memory_kib <= before[pid].memory_kib + MEMORY_LIMIT_KIB
        assert [watcher.error for watcher in watchers] == [None, None]
        assert [watcher.leave() for watcher in watchers] == [200, 200]
