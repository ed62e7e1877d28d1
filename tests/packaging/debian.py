"""A Debian of this machine's release to install packages in, made once: each test has a layer of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vstream/packaging"
_PACKAGES = "adduser,init-system-helpers,zlib1g"

needs_debian = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mmdebstrap") is None,
    reason="a Debian to install in is made by root, with mmdebstrap",
)


def _release() -> str:
    told = Path("/etc/os-release").read_text(encoding="utf-8")
    return next(line.split("=")[1].strip('"') for line in told.splitlines() if line.startswith("VERSION_CODENAME="))


def _made() -> Path:
    tree = _CACHE / f"debian-{_release()}"
    if not tree.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        unready = tree.with_name(f"{tree.name}.{os.getpid()}")
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", _release(), str(unready)]
        subprocess.run(command, check=True)
        unready.rename(tree)
    return tree


class Debian:
    """A tree to run commands in, as root."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree

    def run(self, *command: str) -> str:
        """Run a command that must succeed; gives what it printed."""
        done = subprocess.run(
            ["chroot", str(self.tree), "env", "-i", "PATH=/usr/sbin:/usr/bin", *command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done
        return done.stdout


@contextmanager
def debian(scratch: Path) -> Iterator[Debian]:
    """Give a fresh Debian, with /proc; what is done to it goes to `scratch`."""
    upper, work, tree = (scratch / name for name in ("changes", "work", "tree"))
    for folder in (upper, work, tree):
        folder.mkdir()
    layers = f"lowerdir={_made()},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", tree], check=True)
    try:
        subprocess.run(["mount", "-t", "proc", "proc", tree / "proc"], check=True)
        yield Debian(tree)
    finally:
        subprocess.run(["umount", "--recursive", tree], check=True)
