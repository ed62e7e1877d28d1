"""The Raspberry Pi's camera, through picamera2."""

import gc
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vstream.errors import CameraError, CameraMissingError, SourceError
from vstream.sources.base import Remedy, Sink
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.worker_program import LIST_CAMERAS, worker_environment, worker_program

if TYPE_CHECKING:
    from vstream.sources.recording import Recording

NONE_LISTED = "libcamera lists none"

_LIST_LIMIT_S = 10


def _nothing() -> None:
    """Nobody asked to be told."""


class CameraSource:
    """Streams what the camera sees. picamera2 is imported when the source runs, not before."""

    is_waiting = False
    remedies: Sequence[Remedy] = ()

    def __init__(self, setup: CameraSetup) -> None:
        self.name = "camera"
        self._setup = setup
        self._recording: Recording | None = None
        self._stopped = False
        self._failure: Exception | None = None
        self._woken = threading.Event()

    def run(self, sink: Sink, opened: Callable[[], None] = _nothing) -> None:
        """Open the camera and hand over its access units until `stop`; `pts_us` is the sensor's time.

        `opened` is called whenever the camera has opened.

        Raises:
            CameraUnavailableError: the camera is absent or busy.
            CameraError: camera or encoder broke.
            CameraMissingError: picamera2 cannot be imported.
            CameraSetupError: the camera does not offer what the settings ask for.
        """
        self._failure = None
        while not self._stopped and self._failure is None:
            self._woken.clear()
            self._record(sink, opened)
        if self._failure is None:
            return
        if isinstance(self._failure, CameraError):
            raise self._failure
        raise CameraError(f"camera or encoder broke: {self._failure}") from self._failure

    def _record(self, sink: Sink, opened: Callable[[], None]) -> None:
        """Work the camera until it breaks, or someone wants it stopped or opened anew."""
        self._recording = _open(self._setup, sink, self._fail)
        try:
            opened()
            self._woken.wait()
        finally:
            self._close()

    def _close(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.close()
        del recording
        gc.collect()  # reference cycles of picamera2 hold descriptors and memory of the camera's

    def restart_camera(self) -> None:
        """Close the camera and open it again."""
        self._woken.set()

    def restart_encoder(self) -> None:
        """Give the running camera another encoder; where that fails the recording has failed."""
        recording = self._recording
        if recording is None:
            return
        try:
            recording.restart_encoder(self._setup.video)
        except Exception as error:
            self._fail(CameraError(f"another encoder would not start: {error}"))

    def stop(self) -> None:
        self._stopped = True
        self._woken.set()

    def request_keyframe(self) -> bool:
        recording = self._recording
        return recording is not None and _takes(recording.encoder.request_keyframe)

    def set_bitrate(self, bitrate_bps: int) -> bool:
        self._setup = replace(self._setup, video=replace(self._setup.video, bitrate_bps=bitrate_bps))
        recording = self._recording
        return recording is not None and _takes(recording.encoder.set_bitrate, bitrate_bps)

    def set_keyframe_interval(self, frames: int) -> bool:
        self._setup = replace(self._setup, video=replace(self._setup.video, keyframe_interval=frames))
        recording = self._recording
        return recording is not None and _takes(recording.encoder.set_keyframe_interval, frames)

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
        self._woken.set()


def _takes(change: Callable[..., None], *values: int) -> bool:
    try:
        change(*values)
    except (OSError, ValueError):
        return False
    return True


def _open(setup: CameraSetup, sink: Sink, failed: Callable[[Exception], None]) -> "Recording":
    try:
        from vstream.sources.recording import Recording
    except ImportError as error:
        raise CameraMissingError(
            f"picamera2 cannot be imported ({error}); on a Raspberry Pi: sudo apt install python3-picamera2"
        ) from error
    try:
        return Recording(setup, sink, failed)
    except SourceError:
        raise
    except Exception as error:
        raise CameraError(f"the camera cannot be worked: {error}") from error


def why_no_camera() -> str | None:
    """Say why there is no camera to use here; None where libcamera lists one."""
    try:
        from libcamera import CameraManager

        cameras = CameraManager.singleton().cameras
    except Exception as error:
        return f"libcamera cannot be used ({error})"
    if not cameras:
        return NONE_LISTED
    if find_spec("picamera2") is None:
        return "picamera2 is not installed"
    return None


def why_no_camera_elsewhere() -> str | None:
    """What `why_no_camera` says, asked in a process of its own; without libcamera's binding none is started."""
    try:
        if find_spec("libcamera") is None:
            return "libcamera's Python binding is not installed"
        asked = subprocess.run(
            worker_program(LIST_CAMERAS),
            env=worker_environment(),
            capture_output=True,
            text=True,
            timeout=_LIST_LIMIT_S,
            check=True,
        )
    except (ImportError, subprocess.SubprocessError) as error:
        # A frozen program, which looks for the system's binding, finds none by ImportError with the reason.
        return f"libcamera cannot be used ({error})"
    return asked.stdout.strip() or None
