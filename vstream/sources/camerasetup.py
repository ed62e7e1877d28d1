"""What a camera is asked for."""

from dataclasses import dataclass, field

from vstream.sources.videoformat import VideoFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSetup:
    """The stream wanted of a camera, which way up, and how it is worked.

    `denoise` is one of rpicam-vid's words (auto, off, cdn_off, cdn_fast, cdn_hq), `buffer_count` the number of frame
    buffers between camera and encoder, `index` the camera's number in libcamera's list, `rotation` 0 or 180 degrees.
    `encoder` is auto, v4l2 or x264. `controls` are libcamera's, by name, with their values as text; `lens_position` is
    in dioptres, None for continuous autofocus where the camera has it.
    """

    video: VideoFormat
    hflip: bool = False
    vflip: bool = False
    denoise: str = "auto"
    buffer_count: int = 6
    index: int = 0
    rotation: int = 0
    flush: bool = True
    encoder: str = "auto"
    controls: dict[str, str] = field(default_factory=dict)
    lens_position: float | None = None
