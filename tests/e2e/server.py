"""A real `vstream serve` on ports of its own, watched through its log lines."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from bench.cpu import rss_bytes
from tests.network import PATIENCE, wait_until

STOP_LIMIT_S = 10 * PATIENCE
START_LIMIT_S = 60 * PATIENCE
"""For one that starts and finds that it cannot serve."""
COMPLAINTS = ("Traceback", " ERROR ", "Exception", "internal error")


class Server:
    """A running server. Its standard error is read to the end by a thread, so that it never blocks on us."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        line = self.wait_for("Serving rtsp://")
        return "rtsp://" + line.partition("rtsp://")[2].split()[0]

    @property
    def encrypted_url(self) -> str:
        """Where it is reached through TLS."""
        return "rtsps://" + self.wait_for("Serving rtsp://").partition("rtsps://")[2].split()[0]

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port
        return port

    def wait_for(self, text: str, *, times: int = 1, timeout_s: float = 30) -> str:
        """Wait until `text` was logged so many times; gives the line of the last of them."""

        def seen() -> bool:
            return len(self.lines_with(text)) >= times

        try:
            wait_until(lambda: seen() or not self._reader.is_alive(), repr(text), timeout_s=timeout_s)
            assert seen(), f"{text!r} is not in the whole log"
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.lines])) from None
        return self.lines_with(text)[times - 1]

    def lines_with(self, text: str) -> list[str]:
        return [line for line in self.lines if text in line]

    def wait_for_end(self, limit_s: float = STOP_LIMIT_S) -> int:
        """Wait until the server ended by itself or by a signal and its log is complete; gives the exit code."""
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError("\n".join([f"it has not ended after {limit_s:g} s", *self.lines])) from None
        self._reader.join(STOP_LIMIT_S)
        return code

    def complaints(self) -> list[str]:
        return [line for line in self.lines if any(complaint in line for complaint in COMPLAINTS)]

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def resident_kib(self) -> int:
        return rss_bytes(self.process.pid) // 1024

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))


def start(
    source: str | Path,
    *flags: str,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
) -> Server:
    """Start `vstream serve` on loopback and ports that it picks."""
    origin = f"file:{source}" if isinstance(source, Path) else source
    command = [sys.executable, "-m", "vstream", "serve", "--source", origin, "--rtsp-host", "127.0.0.1"]
    command += ["--rtsp-port", "0", "--rtp-port", "0", "--metrics-port", "0", *flags]
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True)
    return Server(process)


@contextmanager
def serving(source: str | Path, *flags: str, stdin: IO[bytes] | int = subprocess.DEVNULL) -> Iterator[Server]:
    """Serve until the block ends, and end well."""
    with ending_well(start(source, *flags, stdin=stdin)) as server:
        yield server


@contextmanager
def ending_well(server: Server) -> Iterator[Server]:
    """Wait until it serves; behind the block SIGTERM must end it with exit code 0 and without a word of complaint."""
    try:
        server.wait_for("Serving rtsp://")
        server.wait_for("Video is")
        yield server
        server.process.terminate()
        assert (server.wait_for_end(), server.complaints()) == (0, [])
    finally:
        server.process.kill()
        server.wait_for_end()
