"""Stands in for the display that picamera2 imports for its preview window, which vstream never opens."""


class _AnyName(type):
    def __getattr__(cls, name: str) -> str:
        return name


class PixelFormat(metaclass=_AnyName):
    """Any pixel format's name."""
