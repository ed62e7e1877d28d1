"""The virtual Raspberry Pi from outside: where it is, and running programs on it."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vstream.sources.base import AccessUnit

HERE = Path(__file__).parent
DEFAULT_TREE = "~/.cache/vstream/virtualpi"
PROJECT = HERE.parent.parent
RUN_LIMIT_S = 120

Board = Literal["pi4", "pi5"]


@dataclass(frozen=True)
class Run:
    """One run of a source: its access units, when each was handed over, and the answers it gave."""

    units: list[AccessUnit]
    arrived_us: list[int]
    error: str | None
    keyframe_granted: bool | None
    bitrate_granted: bool | None
    descriptors: int


@dataclass(frozen=True)
class Record:
    """What the program `record.py` printed, and its log."""

    name: str
    runs: list[Run]
    log: str


class VirtualPi:
    """One board, with a directory of faults of its own; several may run from the same tree."""

    def __init__(self, tree: Path, board: Board, faults: Path) -> None:
        self.board, self.faults = board, faults
        self._tree = tree

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Have a fault for as long as the block lasts."""
        (self.faults / name).touch()
        try:
            yield
        finally:
            self.end_fault(name)

    def end_fault(self, name: str) -> None:
        (self.faults / name).unlink(missing_ok=True)

    def start(self, *command: str, **settings: str) -> subprocess.Popen[str]:
        """Start a program there, with settings as its environment."""
        environment = {name: value for name, value in os.environ.items() if name.isupper()} | settings
        environment |= {"VIRTUALPI_BOARD": self.board, "VIRTUALPI_FAULTS": str(self.faults)}
        environment |= {"VIRTUALPI_PROJECT": str(PROJECT)}
        pipe = subprocess.PIPE
        arguments = [str(HERE / "enter"), str(self._tree), *command]
        return subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment, text=True
        )

    def record(self, *wishes: str, **settings: str) -> Record:
        """Run the source once for each wish; the program must end by itself and with success."""
        with self.start("python", "/project/tests/virtualpi/record.py", *wishes, **settings) as process:
            try:
                out, err = process.communicate(timeout=RUN_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(process.communicate()[1]) from None
        assert process.returncode == 0, err
        printed = json.loads(out)
        return Record(printed["name"], [_run(run) for run in printed["runs"]], err)


@contextmanager
def prepared(announce: Callable[[str], None]) -> Iterator[Path]:
    """The tree of $VSTREAM_VIRTUAL_PI, built if need be, with the devices and the program to test as they are here.

    For as long as it is used here, no other run may change it. `announce` is told when it is built.

    Raises:
        MissingError: there can be none here.
    """
    tree = Path(os.environ.get("VSTREAM_VIRTUAL_PI", DEFAULT_TREE)).expanduser()
    reason = missing(tree)
    if reason is not None:
        raise MissingError(reason)
    if not is_built(tree):
        announce(f"Building a virtual Raspberry Pi in {tree}; once, some minutes")
    tree.mkdir(parents=True, exist_ok=True)
    with (tree / ".in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        for step in ("setup", "install"):
            _run_step([str(HERE / step), str(tree)], lock.fileno())
        yield tree


class MissingError(Exception):
    """Why there can be no virtual Raspberry Pi here."""


def _run_step(command: list[str], lock_fd: int) -> None:
    environment = os.environ | {"VIRTUALPI_LOCK_FD": str(lock_fd)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, pass_fds=[lock_fd])
    assert done.returncode == 0, done.stderr


def missing(tree: Path) -> str | None:
    """Say why there can be no virtual Raspberry Pi here; None where there is one, or one can be built."""
    if os.geteuid() != 0:
        return "the virtual Raspberry Pi needs root"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "the virtual Raspberry Pi needs mounts of its own, which this container may not make"
    if shutil.which("debootstrap") is None and not is_built(tree):
        return "the virtual Raspberry Pi needs debootstrap"
    return None


def is_built(tree: Path) -> bool:
    return (tree / ".bootstrapped").exists()


def _run(printed: dict[str, object]) -> Run:
    units = printed.pop("units")
    assert isinstance(units, list)
    return Run(
        units=[AccessUnit(base64.b64decode(unit["data"]), unit["pts_us"]) for unit in units],
        arrived_us=[unit["arrived_us"] for unit in units],
        **printed,  # type: ignore[arg-type]
    )
