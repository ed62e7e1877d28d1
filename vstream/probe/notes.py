"""What the process that looks at the camera writes down: one JSON object a line, each with some of these."""

from collections.abc import Sequence
from typing import TypedDict


class CameraNote(TypedDict):
    """A camera in libcamera's list."""

    number: int
    model: str
    id: str


class ModeNote(TypedDict):
    """One of the sensor's modes; what the camera does not tell of it is None."""

    format: str
    width: int | None
    height: int | None
    bit_depth: int | None
    fps: float | None


class ChosenNote(TypedDict):
    """What the settings come to: the sensor's output, and the picture that the encoder gets."""

    sensor_width: int | None
    sensor_height: int | None
    sensor_bit_depth: int | None
    width: int
    height: int
    format: str
    fps_limit: float | None


class ControlNote(TypedDict):
    """A control that CAMERA_CONTROLS may set."""

    name: str
    type: str
    is_array: bool
    lowest: float | None
    highest: float | None
    words: list[str]


class FrameNote(TypedDict):
    """One captured frame: when the sensor began it (CLOCK_MONOTONIC), for how long, and how it was exposed."""

    sensor_us: int
    duration_us: int | None
    exposure_us: int | None
    gain: float | None


class Notes(TypedDict, total=False):
    """All that was noted; `doing` is the newest step, `failed` why there was no further one."""

    doing: str
    failed: str
    libcamera: str
    picamera2: str
    cameras: Sequence[CameraNote]
    encoder_node: str | None
    opened: int
    modes: Sequence[ModeNote]
    controls: Sequence[ControlNote]
    chosen: ChosenNote
    frames: Sequence[FrameNote]
    done: bool
