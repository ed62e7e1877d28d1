"""When a camera's frame was captured."""

from libcamera import controls
from picamera2.request import CompletedRequest


def capture_us(request: CompletedRequest) -> int:
    """Give the time at which the sensor began the frame, in microseconds on CLOCK_MONOTONIC.

    libcamera calls its clock CLOCK_BOOTTIME; it runs apart from CLOCK_MONOTONIC only while a machine is suspended,
    which a Raspberry Pi cannot be.
    """
    return request.request.metadata[controls.SensorTimestamp] // 1000
