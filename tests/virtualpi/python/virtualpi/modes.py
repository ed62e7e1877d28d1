"""Picamera2 asks a camera for its raw modes, and the virtual pipeline has none."""

from types import ModuleType


def give_it_some(picamera2: ModuleType) -> None:
    """Answer picamera2 with the one size that every mode of the virtual camera could come from."""
    picamera2.Picamera2._get_raw_modes = lambda camera: [{"format": "NV12", "size": (1920, 1080)}]
