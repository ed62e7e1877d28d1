"""Loopback ports that are free, waiting until another process has bound or left one, and ends of connections."""

import contextlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
"""How many times longer than usual tests wait for a server: emulated programs take longer."""


def free_udp_pair() -> int:
    """Give an even UDP port that was free a moment ago together with the next one, as RTP and RTCP want."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1] & ~1
        if _free(port) and _free(port + 1):
            return port
    raise RuntimeError("no pair of UDP ports is free")


def udp_backlog(port: int) -> int | None:
    """Bytes that wait unread at an IPv4 UDP port of this machine; None where nobody has bound it."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        if int(local.rpartition(":")[2], 16) == port:
            return int(queues.rpartition(":")[2], 16)
    return None


def wait_until(true: Callable[[], bool], what: str, *, timeout_s: float = 30, pause_s: float = 0.005) -> None:
    """Return as soon as `true` holds; fail with `what` was waited for after `timeout_s`, PATIENCE times over."""
    timeout_s *= PATIENCE
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, f"waited {timeout_s:g} s for {what}"
        time.sleep(pause_s)


def wait_until_bound(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until `process`, which is to bind the UDP port, has done so; its end is a failure."""
    wait_until(lambda: udp_backlog(port) is not None or process.poll() is not None, f"UDP port {port} being bound")
    assert process.poll() is None, process.communicate()


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            data += part
    return data


def reset_on_close(connection: socket.socket) -> None:
    """Have it end with a RST, as the kernel does for a process that was killed with data unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
