"""A process under measurement, alone on the server's core."""

import subprocess
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from bench.cpu import SERVER_CORE

STOP_TIMEOUT_S = 10.0
TAIL_CHARACTERS = 500


class Pinned:
    """A child process on the server's core; it is stopped when its block ends."""

    def __init__(self, command: Sequence[str], pass_fds: Sequence[int] = ()) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
        self._process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *command],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=tuple(pass_fds),
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._log.close()

    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> str:
        """Ask the process to end and give all that it printed; it is killed when it does not end in time."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self.printed()

    def tail(self) -> str:
        """Give the end of what the process printed, enough to see what went wrong."""
        return self.printed().strip()[-TAIL_CHARACTERS:]

    def printed(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")
