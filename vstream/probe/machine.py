"""The machine under a root directory: its files and programs, and who we are to them."""

import os
import platform
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_READ_LIMIT_BYTES = 1 << 20


class Identity(NamedTuple):
    """The user that a process runs as, with all groups it is in."""

    uid: int
    gids: frozenset[int]


def own_identity() -> Identity:
    return Identity(os.geteuid(), frozenset({os.getegid(), *os.getgroups()}))


@dataclass(frozen=True)
class Machine:
    """What is read of a system goes through here, so that another root stands for another machine."""

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    identity: Identity = field(default_factory=own_identity)

    def path(self, name: str) -> Path:
        """Where the file of an absolute name lies."""
        return self.root / name.lstrip("/")

    def text(self, *names: str) -> str | None:
        """The stripped text of the first of these files that can be read and is not empty."""
        for name in names:
            try:
                with self.path(name).open("rb") as file:
                    content = file.read(_READ_LIMIT_BYTES).decode(errors="replace").strip("\0 \t\r\n")
            except OSError:
                continue
            if content:
                return content
        return None

    def number(self, name: str) -> int | None:
        """The whole number in a file."""
        try:
            return int(self.text(name) or "")
        except ValueError:
            return None

    def find(self, pattern: str) -> list[Path]:
        """The files that match an absolute pattern, in the order of their names, 2 before 10; no link to nowhere."""
        try:
            found = [path for path in self.root.glob(pattern.lstrip("/")) if path.exists()]
            return sorted(found, key=lambda path: (len(path.name), path.name))
        except OSError:
            return []

    def name_of(self, path: Path) -> str:
        """The absolute name of a path, as the machine itself would say it."""
        return f"/{path.relative_to(self.root)}"

    def run(self, program: str, *arguments: str, limit_s: float = 1.0) -> str | None:
        """What a program prints; None where it is not there, fails, or takes longer than `limit_s`."""
        found = shutil.which(program, path=self._search_path())
        if found is None:
            return None
        try:
            done = subprocess.run(
                [found, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limit_s,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.decode(errors="replace").strip()

    def _search_path(self) -> str:
        places = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
        return os.pathsep.join(str(self.path(place)) for place in places)

    def refusal(self, path: Path) -> str | None:
        """Why we may not read and write a device file; None where we may.

        Its permissions are looked at first. A device that they allow is opened, as a container's device cgroup refuses
        in spite of them.
        """
        try:
            status = path.stat()
        except OSError as error:
            return error.strerror or str(error)
        if not self._allows(status):
            return "permission denied"
        return _opening_refusal(path) if stat.S_ISCHR(status.st_mode) else None

    def _allows(self, status: os.stat_result) -> bool:
        uid, gids = self.identity
        if uid == 0:
            return True
        shift = 6 if status.st_uid == uid else 3 if status.st_gid in gids else 0
        return (status.st_mode >> shift) & 0o6 == 0o6

    def user_name(self, uid: int) -> str:
        return self._name_in("/etc/passwd", uid)

    def group_name(self, gid: int) -> str:
        return self._name_in("/etc/group", gid)

    def _name_in(self, table: str, number: int) -> str:
        for line in (self.text(table) or "").splitlines():
            name, _, rest = line.partition(":")
            if rest.split(":")[1:2] == [str(number)]:
                return name
        return str(number)

    @property
    def container(self) -> str | None:
        """The kind of container that this is, as far as it shows; None outside of one."""
        if "KUBERNETES_SERVICE_HOST" in self.environment:
            return "Kubernetes"
        if self.path("/run/.containerenv").exists():
            return "Podman"
        if self.path("/.dockerenv").exists():
            return "Docker"
        return self.environment.get("container") or None

    @property
    def model(self) -> str | None:
        """The board's name; containers hide the device tree, but not the processor's own account of it."""
        told = self.text("/proc/device-tree/model", "/sys/firmware/devicetree/base/model")
        if told is not None:
            return told
        lines = (self.text("/proc/cpuinfo") or "").splitlines()
        of_pi = next((line.partition(":")[2].strip() for line in lines if line.startswith("Model\t")), None)
        return of_pi or self.text("/sys/class/dmi/id/product_name")

    @property
    def is_raspberry_pi(self) -> bool:
        return "Raspberry Pi" in (self.model or "")

    @property
    def architecture(self) -> str:
        return platform.machine()


def _opening_refusal(path: Path) -> str | None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
    except PermissionError:
        return "refused though its permissions allow it, as by a container's device cgroup"
    except OSError:
        return None  # busy, or not for opening: not a matter of permission
    return None
