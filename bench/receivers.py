"""The plain receivers (receivers.c) as a child process on the viewers' core."""

import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from bench.errors import BenchError
from bench.programs import program
from bench.rtsp_client import Viewer

START_TIMEOUT_S = 30.0


class Counters(NamedTuple):
    """What reached all receivers together so far; `playing` viewers had a packet, `closed` were cut off."""

    packets: int
    lost: int
    received_bytes: int
    playing: int
    closed: int


class Playing(ABC):
    """Receivers of `count` viewers that are asked to PLAY."""

    count: int

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @abstractmethod
    def counters(self) -> Counters:
        """Give the counters as they stand now."""

    def wait_until_playing(self) -> None:
        """Wait until every viewer had a packet.

        Raises:
            BenchError: some had none in time.
        """
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while (playing := self.counters().playing) < self.count:
            if time.monotonic() > deadline_s:
                raise BenchError(f"only {playing} of {self.count} viewers received anything in {START_TIMEOUT_S} s")
            time.sleep(0.05)


class Receivers(Playing):
    """Plays and drains for every viewer given; `at_us` is when each of them asks to PLAY, counted from the start."""

    def __init__(self, viewers: Sequence[Viewer], at_us: Sequence[int] | None = None) -> None:
        self.count = len(viewers)
        fds = [fd for viewer in viewers for fd in _fds(viewer) if fd >= 0]
        self._process = subprocess.Popen(
            [program("receivers")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=fds
        )
        times = at_us or [0] * self.count
        lines = [
            "{} {} {} {}".format(*_fds(viewer), at, viewer.play.hex() or "-")
            for viewer, at in zip(viewers, times, strict=True)
        ]
        self._write("\n".join([*lines, "go", ""]))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def counters(self) -> Counters:
        """Give the counters as they stand now."""
        return Counters(*map(int, self._ask("c").split()))

    def joins_ms(self) -> list[float | None]:
        """Give for each viewer the time from PLAY sent to the last packet of its first whole IDR; None: not yet."""
        return [int(value) / 1000 if int(value) >= 0 else None for value in self._ask("j").split()]

    def gaps_ms(self) -> list[float]:
        """Give for each viewer the longest time without a packet since this was last asked."""
        return [int(value) / 1000 for value in self._ask("g").split()]

    def _ask(self, letter: str) -> str:
        self._write(letter)
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise BenchError("the receivers ended; what they said stands above")
        return answer

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()


def _fds(viewer: Viewer) -> tuple[int, int]:
    """Give the descriptors of the connection and of the RTP socket, -1 where there is none."""
    rtsp, rtp = (-1 if held is None else held.fileno() for held in (viewer.connection, viewer.rtp))
    return rtsp, rtp
