"""Runs on the virtual Raspberry Pi: has the camera as another program would, while it runs the command it is given."""

import ctypes
import os
import signal
import sys
from pathlib import Path

MEDIA_DEVICE = "/dev/media0"
NAME = "rpicam-hello"
_PR_SET_PDEATHSIG = 1


def hold(locked_fd: int) -> None:
    """Lock the camera's media device, as libcamera does, until killed; ends with its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    Path("/proc/self/comm").write_text(NAME)
    media = os.open(MEDIA_DEVICE, os.O_RDWR)
    os.lockf(media, os.F_TLOCK, 0)
    os.close(locked_fd)
    signal.pause()


locked, locked_fd = os.pipe()
if os.fork() == 0:
    os.close(locked)
    hold(locked_fd)
else:
    os.close(locked_fd)
    os.read(locked, 1)  # the end of the pipe: it is locked
    os.execvp(sys.argv[1], sys.argv[1:])
