"""Which programs have a camera's device nodes open, as far as permissions show."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CAMERA_NODES = re.compile(r"/dev/(media|video|v4l-subdev)\d+")


class Holder(NamedTuple):
    """A program that has nodes open, by its name and process id."""

    name: str
    pid: int
    nodes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def holders(nodes: re.Pattern[str] = CAMERA_NODES, proc: Path = Path("/proc")) -> list[Holder]:
    """Every other process with an open node, by process id; those of other users and containers may stay unseen."""
    found = []
    for process in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        opened = _open_nodes(process, nodes) if int(process.name) != os.getpid() else ()
        if opened:
            found.append(Holder(_name(process), int(process.name), opened))
    return found


def locking(found: list[Holder], locks: Path = Path("/proc/locks")) -> list[Holder]:
    """Those of them that have a node locked, as libcamera does with the media device of a camera that it uses.

    Others, such as a sound server that lists cameras, merely have it open.
    """
    try:
        lines = [line.split() for line in locks.read_text().splitlines()]
    except OSError:
        return []
    # number: POSIX ADVISORY WRITE pid major:minor:inode start end; a waiting one has `->` behind the number
    held = {(int(words[4]), int(words[5].rpartition(":")[2])) for words in lines if words[1] == "POSIX"}
    return [holder for holder in found if any((holder.pid, inode) in held for inode in _inodes(holder))]


def _inodes(holder: Holder) -> Iterator[int]:
    for node in holder.nodes:
        with contextlib.suppress(OSError):
            yield Path(node).stat().st_ino


def _open_nodes(process: Path, nodes: re.Pattern[str]) -> tuple[str, ...]:
    opened = set()
    try:
        for descriptor in (process / "fd").iterdir():
            target = _target(descriptor)
            if nodes.fullmatch(target):
                opened.add(target)
    except OSError:  # it ended, or belongs to somebody else
        return ()
    return tuple(sorted(opened))


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _name(process: Path) -> str:
    try:
        # The kernel cuts a name after 15 bytes, be it within a character.
        return (process / "comm").read_text("utf-8", "replace").strip() or "a program"
    except OSError:
        return "a program"
