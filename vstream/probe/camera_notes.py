"""What a camera that picamera2 has opened tells of itself and of its frames."""

import logging
from typing import TYPE_CHECKING

from vstream.probe.notes import ChosenNote, ControlNote, FrameNote, ModeNote

if TYPE_CHECKING:
    from picamera2 import Picamera2
    from picamera2.request import CompletedRequest

log = logging.getLogger(__name__)


def controls_of(camera: "Picamera2") -> list[ControlNote]:
    """What CAMERA_CONTROLS may set."""
    from vstream.sources.camera_controls import RESERVED, offers_of

    return [
        ControlNote(
            name=name,
            type=offer.type,
            is_array=offer.is_array,
            lowest=offer.lowest,
            highest=offer.highest,
            words=[word for word, number in offer.words.items() if not offer.allowed or number in offer.allowed],
        )
        for name, offer in sorted(offers_of(camera).items())
        if name not in RESERVED
    ]


def modes_of(camera: "Picamera2") -> list[ModeNote]:
    """The sensor's modes; none of a camera that does not list them."""
    try:
        modes = camera.sensor_modes
    except Exception as error:
        log.info("The camera does not list its modes: %s", error)
        return []
    found = []
    for mode in modes:
        width, height = mode.get("size", (None, None))
        found.append(
            ModeNote(
                format=str(mode["format"]),
                width=width,
                height=height,
                bit_depth=mode.get("bit_depth"),
                fps=mode.get("fps"),
            )
        )
    return found


def chosen_by(camera: "Picamera2", shortest_us: object) -> ChosenNote:
    """What the camera was configured to; `shortest_us` is the least frame duration that this allows."""
    configured = camera.camera_configuration()
    sensor, raw, main = configured.get("sensor"), configured.get("raw"), configured["main"]
    width, height = (sensor and sensor.get("output_size")) or (raw and raw.get("size")) or (None, None)
    return ChosenNote(
        sensor_width=width,
        sensor_height=height,
        sensor_bit_depth=sensor.get("bit_depth") if sensor else None,
        width=main["size"][0],
        height=main["size"][1],
        format=main["format"],
        fps_limit=1_000_000 / shortest_us if isinstance(shortest_us, int) and shortest_us > 0 else None,
    )


def frame_of(request: "CompletedRequest") -> FrameNote:
    """When and how a frame was captured."""
    from vstream.sources.sensortime import capture_us

    told = request.get_metadata()
    return FrameNote(
        sensor_us=capture_us(request),
        duration_us=_whole(told.get("FrameDuration")),
        exposure_us=_whole(told.get("ExposureTime")),
        gain=_gain(told.get("AnalogueGain")),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _gain(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
