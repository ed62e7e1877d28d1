"""How many connections a limit of open files leaves room for, seen by a process that has such a limit."""

import subprocess
import sys

import pytest

COUNT = "from vstream.server.descriptors import make_room_for_descriptors; print(make_room_for_descriptors(1000))"


@pytest.mark.parametrize(
    ("soft", "hard", "fitting"), [(256, 4096, 1000), (256, 512, 384), (64, 64, 1), (64, 4096, 1000)]
)
def test_connections_that_fit(soft: int, hard: int, fitting: int) -> None:
    command = ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-c", COUNT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == fitting
