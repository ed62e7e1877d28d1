"""How the camera's process is started, by a plain interpreter and by the frozen program."""

import os
import sys

WORKER_COMMAND = "camera-worker"
LIST_CAMERAS = "list"
EXAMINE_CAMERA = "examine"


def worker_program(argument: str) -> list[str]:
    """The command line; `argument` is the descriptor of its socket, LIST_CAMERAS or EXAMINE_CAMERA."""
    if getattr(sys, "frozen", False):
        return [sys.executable, WORKER_COMMAND, argument]
    # The module alone: the command line's imports would only cost time here.
    return [sys.executable, "-m", "vstream.sources.camera_worker", argument]


def worker_environment() -> dict[str, str]:
    """Its environment: a frozen program finds its libraries by the loader's path, which it keeps from all others."""
    libraries = getattr(sys, "_MEIPASS", None)
    return {**os.environ, "LD_LIBRARY_PATH": libraries} if libraries else dict(os.environ)
