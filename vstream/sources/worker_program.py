"""How the camera's process is started, by a plain interpreter and by the frozen program."""

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
