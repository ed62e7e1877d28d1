"""Who has a device open, as /proc tells."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vstream.holders import holders, locking

OPEN = "import os, sys; device = open(sys.argv[1], 'r+'); open('/proc/self/comm', 'w').write('spy')"
LOCK = "os.lockf(device.fileno(), os.F_TLOCK, 0)"


@contextmanager
def a_program(device: Path, *statements: str) -> Iterator[int]:
    """Another process that does something with a device and then waits; gives its number."""
    command = [sys.executable, "-c", "; ".join([*statements, "print(flush=True)", "input()"]), str(device)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_another_process_is_named_and_this_one_is_not(tmp_path: Path) -> None:
    device = tmp_path / "media0"
    device.touch()
    nodes = re.compile(re.escape(str(device)))
    with device.open(), a_program(device, OPEN) as pid:
        (holder,) = holders(nodes)
    assert (str(holder), holder.pid, holder.nodes) == (f"spy (pid {pid})", pid, (str(device),))
    assert holders(nodes) == []


def test_a_name_that_the_kernel_cuts_within_a_character_is_no_error(tmp_path: Path) -> None:
    device = tmp_path / "media0"
    device.touch()
    opens = OPEN.replace("spy", "fünf grosses Übel")
    with a_program(device, opens) as pid:
        (holder,) = holders(re.compile(re.escape(str(device))))
    assert (holder.name, holder.pid) == ("fünf grosses \N{REPLACEMENT CHARACTER}", pid)


def test_who_has_it_locked_is_told_from_who_merely_has_it_open(tmp_path: Path) -> None:
    device = tmp_path / "media0"
    device.touch()
    with a_program(device, OPEN), a_program(device, OPEN, LOCK) as pid:
        found = holders(re.compile(re.escape(str(device))))
        assert len(found) == 2
        assert [holder.pid for holder in locking(found)] == [pid]
    assert locking(found) == []
