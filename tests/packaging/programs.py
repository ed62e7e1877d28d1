"""A built program at work, watched as the end-to-end tests watch a server from a checkout."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.server import Server, ending_well

# A program that is shipped must do with this: no PATH, no HOME, nothing of the one who starts it.
BARE: dict[str, str] = {}


def start(
    command: Sequence[str | Path],
    source: str,
    *flags: str,
    stdin: Path = Path("/dev/null"),
    environment: Mapping[str, str] = BARE,
) -> Server:
    """Start serving by `command`, in an empty environment unless another is given."""
    arguments = ["serve", "--source", source, "--rtsp-host", "127.0.0.1", "--rtsp-port", "0", "--rtp-port", "0"]
    with stdin.open("rb") as given:
        process = subprocess.Popen(
            [*command, *arguments, *flags],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
    return Server(process)


@contextmanager
def serving(
    command: Sequence[str | Path],
    source: str,
    *flags: str,
    stdin: Path = Path("/dev/null"),
    environment: Mapping[str, str] = BARE,
) -> Iterator[Server]:
    """Serve until the block ends, and end well."""
    with ending_well(start(command, source, *flags, stdin=stdin, environment=environment)) as server:
        yield server


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env=BARE, timeout=60, check=False)
