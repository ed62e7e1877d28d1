"""The controls that a camera starts with: those of the settings, and the operator's own."""

import logging
from collections.abc import Mapping

from libcamera import ControlId, ControlInfo
from libcamera import controls as known_controls
from picamera2 import Picamera2

from vstream.errors import CameraSetupError
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.control_values import Offer, Type, Value, values_of

FRAME_DURATION = "FrameDurationLimits"
RESERVED = {FRAME_DURATION: "STREAM_FPS", "FrameRate": "STREAM_FPS"}
"""Controls that a setting decides, each with that setting."""

_NOISE_REDUCTION = {"off": "Off", "cdn_off": "Minimal", "cdn_fast": "Fast", "cdn_hq": "HighQuality"}
_TYPES: dict[str, Type] = {
    "Bool": "bool",
    "Byte": "integer",
    "Unsigned16": "integer",
    "Unsigned32": "integer",
    "Integer32": "integer",
    "Integer64": "integer",
    "Float": "float",
    "String": "text",
    "Rectangle": "rectangle",
    "Size": "size",
}

log = logging.getLogger(__name__)


def wanted_controls(camera: Picamera2, setup: CameraSetup) -> dict[str, Value]:
    """Every control with its value, by libcamera's names.

    Raises:
        CameraSetupError: the camera does not offer what CAMERA_CONTROLS or LENS_POSITION ask for.
    """
    offers = offers_of(camera)
    interval_us = setup.video.frame_interval_us
    controls: dict[str, Value] = {FRAME_DURATION: (interval_us, interval_us)}
    noise_reduction = offers.get("NoiseReductionMode")
    if noise_reduction is not None and setup.denoise in _NOISE_REDUCTION:
        controls["NoiseReductionMode"] = noise_reduction.words[_NOISE_REDUCTION[setup.denoise]]
    return controls | _focus(offers, setup.lens_position) | values_of(setup.controls, offers, RESERVED)


def offers_of(camera: Picamera2) -> dict[str, Offer]:
    """What the camera offers, by the names of its controls."""
    return {control.name: _offer(control, info) for control, info in camera.camera.controls.items()}


def _focus(offers: Mapping[str, Offer], lens_position: float | None) -> dict[str, Value]:
    modes = offers.get("AfMode")
    if modes is None:
        if lens_position is not None:
            log.warning("This camera's focus is fixed: LENS_POSITION has no effect")
        return {}
    if lens_position is None:
        return {"AfMode": modes.words["Continuous"]}
    lens = offers.get("LensPosition", Offer("float"))
    if lens.highest is not None and lens_position > lens.highest:
        raise CameraSetupError(f"LENS_POSITION cannot be {lens_position:g}: this lens goes from 0 to {lens.highest:g}")
    return {"AfMode": modes.words["Manual"], "LensPosition": lens_position}


def _offer(control: ControlId, info: ControlInfo) -> Offer:
    words = _words(control.name)
    known = info.values if words else []
    return Offer(
        type=_TYPES.get(control.type.name, "text"),
        is_array=getattr(control, "isArray", False),
        lowest=_number(info.min),
        highest=_number(info.max),
        words=words,
        allowed=[value for value in known if isinstance(value, int)],
    )


def _words(name: str) -> dict[str, int]:
    """The names of an enumeration's values; those of draft controls are kept apart."""
    for place in (known_controls, known_controls.draft):
        enumeration = getattr(place, f"{name}Enum", None)
        if enumeration is not None:
            return {word: int(value) for word, value in enumeration.__members__.items()}
    return {}


def _number(bound: object) -> float | None:
    return bound if isinstance(bound, int | float) and not isinstance(bound, bool) else None
