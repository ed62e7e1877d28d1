"""Runs on the virtual Raspberry Pi: prints as JSON which controls a camera would start with.

The camera is told of as if it had autofocus and the rest, by the real binding's names and enumerations. The argument
is JSON with `controls` and `lens_position`.
"""

import json
import sys
from types import SimpleNamespace
from typing import Any

import libcamera

from vstream.errors import CameraSetupError
from vstream.sources.camera_controls import wanted_controls
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.videoformat import VideoFormat

VIDEO = VideoFormat(
    width=640, height=480, fps=30, profile="main", level="4.1", bitrate_bps=1_000_000, keyframe_interval=30
)


def info(lowest: float, highest: float, *values: int) -> SimpleNamespace:
    return SimpleNamespace(min=lowest, max=highest, values=list(values))


known: Any = libcamera.controls  # the stubs name those alone that vstream itself names
OFFERED = {
    known.AfMode: info(0, 2, 0, 1, 2),
    known.LensPosition: info(0.0, 15.0),
    known.AeExposureMode: info(0, 3, 0, 1, 2, 3),
    known.AwbMode: info(0, 7, 0, 1, 2, 3, 4, 5, 6, 7),
    known.Brightness: info(-1.0, 1.0),
    known.draft.NoiseReductionMode: info(0, 4, 0, 1, 2, 3, 4),
    known.FrameDurationLimits: info(1000, 1_000_000),
}


def main(given: dict[str, Any]) -> object:
    offered = OFFERED if given.pop("autofocus", True) else {known.Brightness: OFFERED[known.Brightness]}
    camera: Any = SimpleNamespace(camera=SimpleNamespace(controls=offered))
    try:
        return wanted_controls(camera, CameraSetup(video=VIDEO, **given))
    except CameraSetupError as error:
        return str(error)


json.dump(main(json.loads(sys.argv[1])), sys.stdout)
