"""`vstream serve` on the virtual Raspberry Pi, with viewers over UDP and TCP that miss nothing."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.depacketizer import ReceivedUnit
from tests.e2e.operating import Operator
from tests.e2e.server import Server
from tests.e2e.viewer import Viewer
from tests.network import wait_until
from tests.virtualpi.pi import VirtualPi

SPS, PPS, IDR = 7, 8, 5
CLOCK_HZ = 90_000
RECOVERY_LIMIT_S = 60
"""Generous: how fast it is on a quiet machine is for `python -m bench.camera_faults` to say."""

SMALL = ("--width", "640", "--height", "480")


@contextmanager
def serving(
    pi: VirtualPi,
    *flags: str,
    operator: Operator | None = None,
    before: Sequence[str] = (),
    source: str = "camera",
    size: Sequence[str] = SMALL,
    **environment: str,
) -> Iterator[Server]:
    """Serve the camera of `pi` on loopback until the block ends, whatever it came to; `before` runs the command."""
    command = [*before, "vstream", "serve", "--source", source, *size]
    command += ["--rtsp-host", "127.0.0.1", "--rtsp-port", "0", "--rtp-port", "0"]
    command += operator.flags if operator else ("--metrics-port", "0")
    server = Server(pi.start(*command, *flags, **environment))
    try:
        server.wait_for("Serving rtsp://")
        yield server
    finally:
        server.process.kill()
        server.wait_for_end()


class Seen(NamedTuple):
    """An access unit, and when its last packet came; CLOCK_MONOTONIC."""

    unit: ReceivedUnit
    arrived_s: float

    @property
    def is_decodable(self) -> bool:
        """Whether a decoder can begin here: SPS, PPS, IDR."""
        kinds = [nal[0] & 0x1F for nal in self.unit.units]
        return IDR in kinds and SPS in kinds and PPS in kinds and kinds.index(PPS) < kinds.index(IDR)


class Gap(NamedTuple):
    """A time without frames: the last one before and the first one after."""

    before: Seen
    after: Seen

    @property
    def rtp_s(self) -> float:
        return (self.after.unit.timestamp - self.before.unit.timestamp) % (1 << 32) / CLOCK_HZ

    @property
    def arrival_s(self) -> float:
        return self.after.arrived_s - self.before.arrived_s


class Watcher:
    """Plays on a thread of its own. Another SSRC, a lost packet or the end of the session ends it with an error."""

    def __init__(self, url: str, transport: str) -> None:
        self.seen: list[Seen] = []
        self.error: Exception | None = None
        self._stopping = False
        self._viewer = Viewer(url).play(transport)
        self._thread = threading.Thread(target=self._watch, name=f"{transport} viewer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stopping = True
        self._thread.join(RECOVERY_LIMIT_S)
        self._viewer.close()

    def wait_for_more(self, count: int = 5) -> None:
        """Wait until so many more access units came."""
        wanted = len(self.seen) + count
        wait_until(lambda: len(self.seen) >= wanted or self.error is not None, "frames", timeout_s=RECOVERY_LIMIT_S)
        if self.error is not None:
            raise AssertionError("the viewer could not go on") from self.error

    def longest_gap(self) -> Gap:
        return max((Gap(*pair) for pair in pairwise(self.seen)), key=lambda gap: gap.rtp_s)

    def leave(self) -> int:
        """Stop watching while frames come; gives the status of the answer to a request within the session."""
        self._stopping = True
        self._thread.join(RECOVERY_LIMIT_S)
        return self._viewer.ask("GET_PARAMETER").status

    def _watch(self) -> None:
        try:
            for unit in self._viewer.units():
                self.seen.append(Seen(unit, time.monotonic()))
                if self._stopping:
                    return
        except Exception as error:
            self.error = error


@contextmanager
def watching(server: Server) -> Iterator[list[Watcher]]:
    """Two viewers, over UDP and over TCP, who have seen some frames."""
    server.wait_for("Video is")
    with ExitStack() as held:
        watchers = [held.enter_context(Watcher(server.url, transport)) for transport in ("udp", "tcp")]
        for watcher in watchers:
            watcher.wait_for_more()
        yield watchers


def children(server: Server) -> list[int]:
    """The processes that the server started, whichever of its threads did."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]
