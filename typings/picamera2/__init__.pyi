"""What vstream uses of picamera2, whose own types are not complete."""

from collections.abc import Callable, Mapping
from typing import Required, TypedDict

import libcamera
from picamera2.encoders.encoder import Encoder
from picamera2.outputs import Output
from picamera2.request import CompletedRequest
from picamera2.request import MappedArray as MappedArray

class GlobalCameraInfo(TypedDict):
    Model: str
    Id: str

class StreamConfiguration(TypedDict, total=False):
    size: tuple[int, int]
    format: str
    stride: int

class SensorConfiguration(TypedDict, total=False):
    output_size: tuple[int, int] | None
    bit_depth: int | None

class CameraConfiguration(TypedDict, total=False):
    main: Required[StreamConfiguration]
    raw: StreamConfiguration | None
    sensor: SensorConfiguration | None

class SensorMode(TypedDict, total=False):
    format: Required[object]
    size: tuple[int, int]
    bit_depth: int
    fps: float

class Picamera2:
    def __init__(self, camera_num: int = 0) -> None: ...
    @staticmethod
    def global_camera_info() -> list[GlobalCameraInfo]: ...
    pre_callback: Callable[[CompletedRequest], None] | None
    @property
    def sensor_modes(self) -> list[SensorMode]: ...
    @property
    def camera(self) -> libcamera.Camera: ...
    @property
    def camera_controls(self) -> Mapping[str, tuple[object, object, object]]: ...
    def create_video_configuration(
        self,
        main: StreamConfiguration = ...,
        *,
        transform: libcamera.Transform = ...,
        buffer_count: int = ...,
        controls: Mapping[str, object] = ...,
    ) -> CameraConfiguration: ...
    def configure(self, camera_config: CameraConfiguration) -> None: ...
    def camera_configuration(self) -> CameraConfiguration: ...
    def start(self) -> None: ...
    def start_recording(self, encoder: Encoder, output: Output) -> None: ...
    def start_encoder(self, encoder: Encoder, output: Output) -> None: ...
    def stop_encoder(self) -> None: ...
    def cancel_all_and_flush(self) -> None: ...
    def stop_preview(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
