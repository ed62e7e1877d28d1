"""Something to look at that takes as many bits as there are: the virtual camera's own lines take hardly any."""

import random
from types import ModuleType
from typing import Any

from virtualpi import faults

NOISE_BYTES = 1 << 22
FAINT = bytes(96 + value % 64 for value in range(256))
"""Faint enough for an encoder to have a choice."""


def give_it_noise(picamera2: ModuleType) -> None:
    """Paint noise over every frame while the file `scene-noise` is there."""
    opened = picamera2.Picamera2.__init__

    def open_with_noise(camera: Any, *arguments: Any, **named: Any) -> None:
        opened(camera, *arguments, **named)
        camera.pre_callback = paint

    def paint(request: Any) -> None:
        if not faults.is_on("scene-noise"):
            return
        with picamera2.MappedArray(request, "main") as mapped:
            samples = mapped.array.reshape(-1)
            begin = random.randrange(NOISE_BYTES - len(samples))
            samples[:] = memoryview(noise)[begin : begin + len(samples)]

    noise = random.randbytes(NOISE_BYTES).translate(FAINT)
    picamera2.Picamera2.__init__ = open_with_noise
