"""What vstream uses of libcamera's Python binding, which has no types of its own."""

from collections.abc import Mapping

class ControlType:
    @property
    def name(self) -> str: ...

class ControlId:
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> ControlType: ...

class ControlInfo:
    @property
    def min(self) -> object: ...
    @property
    def max(self) -> object: ...
    @property
    def values(self) -> list[object]: ...

class Camera:
    @property
    def id(self) -> str: ...
    @property
    def controls(self) -> Mapping[ControlId, ControlInfo]: ...

class CameraManager:
    @staticmethod
    def singleton() -> CameraManager: ...
    @property
    def cameras(self) -> list[Camera]: ...

class Request:
    @property
    def metadata(self) -> Mapping[ControlId, int]: ...

class Transform:
    def __init__(self, *, hflip: bool = ..., vflip: bool = ...) -> None: ...
