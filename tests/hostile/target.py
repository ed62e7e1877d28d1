"""The server under attack, as attackers and good viewers see it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.authorization import basic_header
from tests.e2e.operating import Operator

USER, PASSWORD = "viewer", "a password that nobody guesses"

GOOD_ADDRESSES = ("127.0.0.2", "127.0.0.3")
"""Where the good viewers are: the first one watches over UDP, the second one over TCP."""

NEWCOMER_ADDRESS = "127.0.0.4"
ATTACKER_ADDRESSES = ("127.0.0.66", "127.0.0.67", "127.0.0.68")


@dataclass(frozen=True)
class Target:
    """A server on 127.0.0.1; `operator` knows its HTTP port."""

    url: str
    pid: int
    operator: Operator
    needs_login: bool = False

    @property
    def address(self) -> tuple[str, int]:
        host, port = re.findall(r"rtsp://([^:/]+):(\d+)", self.url)[0]
        return host, int(port)

    @property
    def login(self) -> tuple[str, ...]:
        """Header lines of those who may watch."""
        return (basic_header(USER, PASSWORD),) if self.needs_login else ()

    def status(self) -> Mapping[str, Any]:
        """What the server says of itself; that it answers at all is a part of every ordeal."""
        found: Mapping[str, Any] = self.operator.json("/status")
        return found

    def resident_bytes(self) -> int:
        return self._memory("VmRSS")

    def peak_bytes(self) -> int:
        """The most that was resident since `forget_peak`."""
        return self._memory("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def _memory(self, field: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(re.findall(rf"{field}:\s+(\d+) kB", status)[0])


def login_flags(directory: Path) -> list[str]:
    """Flags of a server that only lets `USER` in; its password is put into a file there."""
    path = directory / "password"
    path.write_text(PASSWORD)
    return ["--rtsp-auth", "--rtsp-auth-basic", "--rtsp-username", USER, "--rtsp-password-file", str(path)]
