"""Where what is costly to make is kept between runs: the clip and the C programs."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.errors import BenchError


def cache_dir() -> Path:
    """Give the cache directory of the benches, made where it is missing."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(base) / "vstream-bench"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to, which takes the place of `target` in one step when the block ends well."""
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        draft = Path(directory) / target.name
        yield draft
        draft.replace(target)


def run_tool(command: Sequence[str | Path]) -> str:
    """Run a tool to its end and give what it printed.

    Raises:
        BenchError: the tool is not installed, or it failed.
    """
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise BenchError(f"{command[0]} is not installed, and the bench needs it") from None
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{command[0]} failed: {error.stderr.strip()[-500:]}") from None
    return done.stdout
