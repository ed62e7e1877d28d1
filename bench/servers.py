"""The servers under measurement: vstream, and gst-rtsp-server as its peer."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.certificate import certificate_and_key
from bench.clip import FPS, clip
from bench.errors import BenchError
from bench.processes import Pinned

HOST = "127.0.0.1"
START_TIMEOUT_S = 20.0
POLL_S = 0.0005
SYSTEM_PYTHON = "/usr/bin/python3"
DIST = Path(os.environ.get("DIST", Path(__file__).parents[1] / "dist"))
# What `make binary` builds.
FROZEN = {"one file": DIST / "vstream", "one folder": DIST / "vstream-folder/vstream"}


class Server(Pinned):
    """A server that accepts connections; `started_ms` is what it took from its exec to there."""

    def __init__(self, command: list[str], port: int) -> None:
        began_ns = time.monotonic_ns()
        super().__init__(command)
        self.url = f"rtsp://{HOST}:{port}/video"
        self.encrypted_url = ""
        self._port = port
        try:
            self._wait_for_port()
        except BaseException:
            self.stop()
            raise
        self.started_ms = (time.monotonic_ns() - began_ns) / 1e6

    def _wait_for_port(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._accepts():
            if self.ended():
                raise BenchError(f"the server ended at its start: {self.tail()}")
            if time.monotonic() > deadline_s:
                raise BenchError(f"the server did not open its port in {START_TIMEOUT_S} s")
            time.sleep(POLL_S)

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self._port), 1.0):
            return True
        return False


@contextlib.contextmanager
def running_encrypted() -> Iterator[Server]:
    """Run vstream with the clip and an RTSPS port beside the plain one; it is stopped at the end of the block."""
    port, encrypted_port = free_port(), free_port()
    certificate, key = certificate_and_key()
    flags = ["--rtsps-port", str(encrypted_port), "--rtsp-tls-cert", str(certificate), "--rtsp-tls-key", str(key)]
    # The encrypted port is the one that opens last.
    with Server([*_command("vstream", port), *flags], encrypted_port) as server:
        server.url, server.encrypted_url = f"rtsp://{HOST}:{port}/video", f"rtsps://{HOST}:{encrypted_port}/video"
        yield server


@contextlib.contextmanager
def running_server(name: str, *flags: str) -> Iterator[Server]:
    """Run a server (vstream, with these flags, gst, or one in FROZEN) with the clip until the end of the block.

    Raises:
        BenchError: it is not installed, does not open its port, or breaks a connection within the block.
    """
    port = free_port()
    with Server([*_command(name, port), *flags], port) as server:
        try:
            yield server
        except OSError as error:
            raise BenchError(f"{name}: {error}; it printed: {server.tail()}") from error


def _command(name: str, port: int) -> list[str]:
    if name == "gst":
        peer = Path(__file__).with_name("gst_server.py")
        return [SYSTEM_PYTHON, str(peer), str(clip()), str(port), str(FPS)]
    ports = ["--rtsp-host", HOST, "--rtsp-port", str(port), "--rtp-port", "0"]
    program = [str(FROZEN[name])] if name in FROZEN else [sys.executable, "-m", "vstream"]
    return [*program, "serve", "--source", f"file:{clip()}", *ports]


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])
