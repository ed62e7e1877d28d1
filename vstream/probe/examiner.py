"""The process that looks at the camera for the probe: whatever libcamera does in it, the probe can end it.

Started by `vstream.probe.examination`. It reads the camera's setup as a line on standard input and writes notes to what
was its standard output, as soon as it has them.
"""

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from vstream.errors import SourceError
from vstream.probe.camera_notes import chosen_by, controls_of, frame_of, modes_of
from vstream.probe.notes import CameraNote, FrameNote, Notes
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.channel import setup_of

if TYPE_CHECKING:
    from picamera2 import Picamera2
    from picamera2.request import CompletedRequest

CAPTURE_S = 1.5
"""How long frames are captured for, but for at least 3 of them and at most 30."""

_FEWEST, _MOST = 3, 30
_WARM_UP_FRAMES = 3
_FIRST_FRAME_LIMIT_S = 2.5

Note = Callable[[Notes], None]


def main() -> int:
    """Look at the camera; gives the exit code, which is 0 as soon as the notes say how far it came."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries must not write between the notes

        def note(notes: Notes) -> None:
            print(json.dumps(notes), file=out, flush=True)

        setup = setup_of(json.loads(sys.stdin.readline()))
        logging.getLogger("picamera2").setLevel(logging.WARNING)
        try:
            _examine(setup, note)
            note({"done": True})
        except (SourceError, ImportError) as error:
            note({"failed": str(error)})
        except Exception as error:
            note({"failed": f"{type(error).__name__}: {error}"})
    return 0


def _examine(setup: CameraSetup, note: Note) -> None:
    note({"doing": "importing libcamera"})
    from libcamera import CameraManager

    note({"libcamera": CameraManager.singleton().version, "doing": "importing picamera2"})
    from picamera2 import Picamera2

    note({"picamera2": _version_of("picamera2"), "doing": "listing cameras"})
    listed = Picamera2.global_camera_info()
    note({"cameras": [CameraNote(number=n, model=one["Model"], id=one["Id"]) for n, one in enumerate(listed)]})
    note({"doing": "looking for an encoder"})
    from vstream.sources.v4l2 import find_h264_encoder

    node = find_h264_encoder()
    note({"encoder_node": None if node is None else str(node)})
    if listed:
        _open(setup, note)


def _version_of(package: str) -> str:
    """The version of a package; a frozen program has no metadata to tell it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _open(setup: CameraSetup, note: Note) -> None:
    from vstream.sources.recording import open_camera

    note({"doing": "opening the camera"})
    camera = open_camera(setup.index)
    try:
        note({"opened": setup.index, "doing": "asking for its controls"})
        note({"controls": controls_of(camera)})
        note({"doing": "asking for its modes"})
        note({"modes": modes_of(camera)})
        _capture(camera, setup, note)
    finally:
        note({"doing": "closing the camera"})
        for step in (camera.cancel_all_and_flush, camera.stop_preview, camera.stop, camera.close):
            with contextlib.suppress(Exception):
                step()


def _capture(camera: "Picamera2", setup: CameraSetup, note: Note) -> None:
    from vstream.sources.camera_controls import FRAME_DURATION
    from vstream.sources.recording import video_configuration

    note({"doing": "configuring the camera"})
    camera.configure(video_configuration(camera, setup))
    shortest_us = camera.camera_controls[FRAME_DURATION][0]
    note({"chosen": chosen_by(camera, shortest_us), "doing": "capturing"})
    wanted = min(max(round(setup.video.fps * CAPTURE_S), _FEWEST), _MOST)
    frames: list[FrameNote] = []
    enough = threading.Event()

    def take(request: "CompletedRequest") -> None:
        frames.append(frame_of(request))
        if len(frames) >= wanted + _WARM_UP_FRAMES:
            enough.set()

    camera.pre_callback = take
    camera.start()
    enough.wait((wanted + _WARM_UP_FRAMES) / setup.video.fps + _FIRST_FRAME_LIMIT_S)
    note({"frames": frames[_WARM_UP_FRAMES:][:wanted]})
