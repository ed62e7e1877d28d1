"""Tells systemd how the service stands (sd_notify(3), sd_watchdog_enabled(3)); without systemd it says nothing."""

import os
import socket
from collections.abc import Mapping

from vstream.clock import monotonic_us


class Systemd:
    """The service manager's socket, as the environment names it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.watchdog_s = _watchdog_s(environment)
        """Within which time it wants a sign of life, in seconds; None where it wants none."""

    @property
    def listens(self) -> bool:
        return self._address[:1] in {"/", "@"}

    def ready(self, status: str) -> None:
        """Started, or done with a reload."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        self._tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_us()}")

    def stopping(self, limit_s: float) -> None:
        """Ending, which may take `limit_s`, even where the manager would kill the process before."""
        self._tell("STOPPING=1", "STATUS=Stopping", f"EXTEND_TIMEOUT_USEC={round(limit_s * 1e6)}")

    def status(self, text: str, *, alive: bool) -> None:
        """One line for `systemctl status`, and a sign of life where it is one."""
        self._tell(f"STATUS={text}", *(["WATCHDOG=1"] if alive else []))

    def _tell(self, *lines: str) -> None:
        if not self.listens:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as datagrams:
                datagrams.sendto("\n".join(lines).encode(), address)
        except OSError:
            return  # a manager that does not listen any more must not end the service


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    try:
        limit_us = int(environment.get("WATCHDOG_USEC", ""))
        is_meant = int(environment.get("WATCHDOG_PID", str(os.getpid()))) == os.getpid()
    except ValueError:
        return None
    return limit_us / 1e6 if limit_us > 0 and is_meant else None
