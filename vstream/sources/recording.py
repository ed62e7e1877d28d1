"""A camera that picamera2 has opened, encoding until it is closed."""

import errno
import gc
import logging
from collections.abc import Callable
from pathlib import Path

import libcamera
from picamera2 import CameraConfiguration, Picamera2
from picamera2.outputs import Output

from vstream.errors import CameraError, CameraSetupError, CameraUnavailableError
from vstream.sources.base import AccessUnit, Sink
from vstream.sources.camera_controls import FRAME_DURATION, wanted_controls
from vstream.sources.camera_refusals import who_has_it
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.hardware_encoder import HardwareEncoder
from vstream.sources.software_encoder import SoftwareEncoder
from vstream.sources.v4l2 import find_h264_encoder
from vstream.sources.videoformat import VideoFormat

Failed = Callable[[Exception], None]

log = logging.getLogger(__name__)


class _AccessUnitOutput(Output):
    """Where picamera2 hands encoded frames to, on its encoder's thread: an error must not reach it."""

    def __init__(self, sink: Sink, failed: Failed) -> None:
        super().__init__()
        self._sink, self._failed = sink, failed

    def outputframe(
        self,
        frame: bytes,
        keyframe: bool = True,
        timestamp: int | None = None,
        packet: object = None,
        audio: bool = False,
    ) -> None:
        try:
            self._sink(AccessUnit(frame, timestamp or 0))
        except Exception as error:
            self._failed(error)


class Recording:
    """One camera and its encoder at work. Opened by its constructor, ended by `close`."""

    def __init__(self, setup: CameraSetup, sink: Sink, failed: Failed) -> None:
        """Open the camera and start it.

        `sink` gets the access units, on a thread of picamera2's. `failed` is told of what ends the recording.

        Raises:
            CameraUnavailableError: the camera or its encoder is absent or busy.
            CameraSetupError: the camera or this board does not offer what the settings ask for.
            CameraError: camera or encoder broke at the start.
        """
        self._failed = failed
        self._node = _encoder_node(setup.encoder)
        self._output = _AccessUnitOutput(sink, failed)
        self.encoder = self._new_encoder(setup.video)
        self._camera = open_camera(setup.index)
        try:
            self._camera.configure(video_configuration(self._camera, setup))
            self._camera.start_recording(self.encoder, self._output)
        except Exception as error:
            self.close()
            raise _explained(error, setup.index) from error
        self._report(setup)

    def _new_encoder(self, video: VideoFormat) -> "HardwareEncoder | SoftwareEncoder":
        if self._node is not None:
            return HardwareEncoder(video, self._failed, self._node)
        return SoftwareEncoder(video, self._failed)

    def restart_encoder(self, video: VideoFormat) -> None:
        """Replace the encoder while the camera goes on.

        Raises:
            Exception: whatever picamera2 raises where one will not start.
        """
        self._camera.stop_encoder()
        self.encoder = self._new_encoder(video)
        self._camera.start_encoder(self.encoder, self._output)

    def close(self) -> None:
        """Stop and give everything back, whatever has failed before.

        The event loop is joined first: `stop` would wait for it, and it may be dead.
        """
        for step in (
            self._camera.cancel_all_and_flush,
            self._camera.stop_preview,
            self._camera.stop,
            self.encoder.stop,
            self._camera.close,
        ):
            try:
                step()
            except Exception as error:
                log.debug("While closing the camera, %s failed: %s", step.__name__, error)
        gc.collect()  # reference cycles hold descriptors of the camera's

    def _report(self, setup: CameraSetup) -> None:
        video, (width, height) = setup.video, self._camera.camera_configuration()["main"]["size"]
        log.info(
            "Camera %d: %dx%d at %g frames/s, %s encoder", setup.index, width, height, video.fps, self.encoder.label
        )
        shortest_us = self._camera.camera_controls[FRAME_DURATION][0]
        if isinstance(shortest_us, int) and shortest_us > video.frame_interval_us:
            log.warning("At this size the camera gives at most %.4g frames/s", 1_000_000 / shortest_us)


def _encoder_node(wanted: str) -> Path | None:
    """The node of the encoder to use; None for libx264."""
    node = find_h264_encoder() if wanted != "x264" else None
    if node is None and wanted == "v4l2":
        raise CameraSetupError("H264_ENCODER is v4l2, but no /dev/video node is an H.264 encoder; set auto or x264")
    return node


def open_camera(index: int) -> Picamera2:
    """Open the camera of that number in libcamera's list.

    Raises:
        CameraUnavailableError: it is absent or busy.
    """
    cameras = Picamera2.global_camera_info()
    if index >= len(cameras):
        raise CameraUnavailableError(
            f"libcamera sees {len(cameras)} camera(s), number {index} is asked for; check the cable and config.txt"
        )
    try:
        return Picamera2(index)
    except Exception as error:
        raise CameraUnavailableError(f"{cameras[index]['Model']} cannot be used ({error}): {who_has_it()}") from error


def _explained(error: Exception, index: int) -> Exception:
    if isinstance(error, CameraSetupError):
        return error
    if isinstance(error, OSError) and error.errno == errno.EBUSY:
        return CameraUnavailableError(f"the encoder is busy: {who_has_it()}")
    return CameraError(f"camera {index} or its encoder refused to start: {error}")


def video_configuration(camera: Picamera2, setup: CameraSetup) -> CameraConfiguration:
    """What picamera2 is to configure for the stream.

    Raises:
        CameraSetupError: the camera does not offer what the settings ask for.
    """
    turned = setup.rotation == 180
    return camera.create_video_configuration(
        {"size": (setup.video.width, setup.video.height), "format": "YUV420"},
        transform=libcamera.Transform(hflip=setup.hflip != turned, vflip=setup.vflip != turned),
        buffer_count=setup.buffer_count,
        controls=wanted_controls(camera, setup),
    )
