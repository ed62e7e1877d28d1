"""Stands in for the display library that picamera2 imports for a preview; nothing is ever shown."""


class _AnyName(type):
    def __getattr__(cls, name: str) -> str:
        return name


class PixelFormat(metaclass=_AnyName):
    """Pixel formats, each as its own name."""
