"""Makes libcamera's virtual camera keep a sensor's pace, tell a sensor's time, have one user, and fail on demand."""

import os
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from virtualpi import faults
from virtualpi.sensor import Sensor

DEFAULT_DURATION_US = 33_333
MEDIA_DEVICE = "/dev/media0"
"""libcamera locks a camera's media device for as long as a program has the camera."""

# The binding has no types, and its classes are changed in place.
Binding = Any


def make_it_a_sensor(libcamera: ModuleType) -> None:
    """Change the binding: pace, times, one user, faults, buffer counts, and frames in one piece of memory."""
    durations_us: WeakKeyDictionary[Binding, int] = WeakKeyDictionary()
    times_ns: WeakKeyDictionary[Binding, tuple[int, int]] = WeakKeyDictionary()
    _pace(libcamera, durations_us, times_ns)
    _tell_times(libcamera, durations_us, times_ns)
    _give_it_one_user(libcamera)
    _fail_on_demand(libcamera)
    _keep_buffer_counts(libcamera)
    _take_whole_frames(libcamera)


def _pace(libcamera: Binding, durations_us: Binding, times_ns: Binding) -> None:
    camera, limits = libcamera.Camera, libcamera.controls.FrameDurationLimits
    start, stop, queue_request = camera.start, camera.stop, camera.queue_request
    sensors: WeakKeyDictionary[Binding, Sensor[Binding]] = WeakKeyDictionary()

    def start_sensor(self: Binding, controls: Binding = {}) -> None:  # noqa: B006
        def deliver(request: Binding, time_ns: int) -> None:
            sensor.duration_us = possible(durations_us.pop(request, sensor.duration_us))
            times_ns[request] = time_ns, sensor.duration_us
            queue_request(self, request)

        def possible(duration_us: int) -> int:
            return int(min(max(duration_us, self.controls[limits].min), self.controls[limits].max))

        start(self, controls)
        asked_us = controls[limits][0] if limits in controls else DEFAULT_DURATION_US
        sensor = sensors[self] = Sensor(deliver, possible(asked_us))

    def stop_sensor(self: Binding) -> None:
        if self in sensors:
            sensors.pop(self).stop()
        stop(self)

    def queue_for_sensor(self: Binding, request: Binding) -> None:
        if self in sensors:
            sensors[self].queue(request)
        else:
            queue_request(self, request)

    camera.start, camera.stop, camera.queue_request = start_sensor, stop_sensor, queue_for_sensor


def _tell_times(libcamera: Binding, durations_us: Binding, times_ns: Binding) -> None:
    request, controls = libcamera.Request, libcamera.controls
    set_control, metadata = request.set_control, request.metadata.fget

    def note_duration(self: Binding, control: Binding, value: Binding) -> None:
        set_control(self, control, value)
        if control == controls.FrameDurationLimits:
            durations_us[self] = value[0]

    def metadata_with_times(self: Binding) -> Binding:
        values = metadata(self)
        if self in times_ns:
            values[controls.SensorTimestamp], values[controls.FrameDuration] = times_ns[self]
        return values

    request.set_control, request.metadata = note_duration, property(metadata_with_times)


def _give_it_one_user(libcamera: Binding) -> None:
    """Lock the media device while the camera is acquired, as the pipelines of real ones do."""
    acquire, release = libcamera.Camera.acquire, libcamera.Camera.release
    locks: WeakKeyDictionary[Binding, int] = WeakKeyDictionary()

    def acquire_and_lock(self: Binding) -> None:
        media = os.open(MEDIA_DEVICE, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.lockf(media, os.F_TLOCK, 0)
            acquire(self)
        except OSError as error:
            os.close(media)
            raise RuntimeError("Failed to acquire camera: Device or resource busy") from error
        locks[self] = media

    def release_and_unlock(self: Binding) -> None:
        release(self)
        if self in locks:
            os.close(locks.pop(self))

    libcamera.Camera.acquire, libcamera.Camera.release = acquire_and_lock, release_and_unlock


def _fail_on_demand(libcamera: Binding) -> None:
    acquire, cameras = libcamera.Camera.acquire, libcamera.CameraManager.cameras.fget

    def acquire_unless_busy(self: Binding) -> None:
        if faults.is_on("camera-busy"):
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        acquire(self)

    libcamera.Camera.acquire = acquire_unless_busy
    libcamera.CameraManager.cameras = property(lambda self: [] if faults.is_on("camera-absent") else cameras(self))


def _keep_buffer_counts(libcamera: Binding) -> None:
    """Give back the counts asked for: the virtual pipeline sets every one of them to its own."""
    configure, validate = libcamera.Camera.configure, libcamera.CameraConfiguration.validate

    def restore(configuration: Binding, counts: list[int]) -> None:
        for stream, count in zip(configuration, counts, strict=True):
            stream.buffer_count = count

    def configure_with_counts(self: Binding, configuration: Binding) -> None:
        counts = [stream.buffer_count for stream in configuration]
        configure(self, configuration)
        restore(configuration, counts)

    def validate_with_counts(self: Binding) -> Binding:
        counts = [stream.buffer_count for stream in self]
        status = validate(self)
        restore(self, counts)
        return status

    libcamera.Camera.configure, libcamera.CameraConfiguration.validate = configure_with_counts, validate_with_counts


def _take_whole_frames(libcamera: Binding) -> None:
    """Split an NV12 frame in one piece, as picamera2 allocates it, into the two planes that the pipeline maps."""
    one_plane = libcamera.FrameBuffer.Plane

    class WholeFrameBuffer(libcamera.FrameBuffer):  # type: ignore[misc]
        def __init__(self, planes: list[Binding], cookie: int = 0) -> None:
            super().__init__(_luma_and_chroma(planes[0]) if len(planes) == 1 else planes, cookie)

    def _luma_and_chroma(frame: Binding) -> list[Binding]:
        # The luma is the very plane that was given: picamera2 knows a frame by the number of its first descriptor.
        chroma = one_plane()
        chroma.fd, chroma.offset = frame.fd, frame.offset + frame.length * 2 // 3
        chroma.length, frame.length = frame.length // 3, frame.length * 2 // 3
        return [frame, chroma]

    libcamera.FrameBuffer = WholeFrameBuffer
