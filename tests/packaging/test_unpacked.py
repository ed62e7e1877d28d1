"""What the one file unpacks into /tmp must be there for as long as it runs."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[2] / "packaging/frozen/kept_folder.py"
RUN = "import runpy, sys; sys._MEIPASS = sys.argv[1]; runpy.run_path(sys.argv[2]); print(flush=True); input()"


def test_who_clears_temporary_files_finds_it_locked_until_the_program_ends(tmp_path: Path) -> None:
    """The lock that systemd-tmpfiles takes before it looks into a folder, tmpfiles.d(5)."""
    folder = os.open(tmp_path, os.O_RDONLY)
    command = [sys.executable, "-c", RUN, str(tmp_path), str(HOOK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"\n"
        with pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        program.communicate(b"\n")
    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(folder)
