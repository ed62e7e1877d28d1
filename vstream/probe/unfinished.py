"""Files that are there only once they are whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(file: Path) -> Iterator[Path]:
    """Give the place to write to; behind the block that becomes `file`, and of one that failed nothing stays.

    Raises:
        OSError: the file cannot be written.
    """
    unfinished = file.parent / f".{file.name}.{os.getpid()}"
    try:
        yield unfinished
        unfinished.replace(file)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
