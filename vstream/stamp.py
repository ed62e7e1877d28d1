"""What tells one state of a file from another."""

from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """Differs too where a link is pointed at another file, and where only owner or mode changed (inode(7))."""

    mtime_ns: int
    ctime_ns: int
    inode: int
    size_bytes: int


def stamp_of(path: Path) -> Stamp:
    """Look at a file.

    Raises:
        OSError: it is not there.
    """
    found = path.stat()
    return Stamp(found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size)
