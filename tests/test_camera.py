"""The camera source where there is no camera. With one it is tested on the virtual Raspberry Pi."""

import errno
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType

import pytest

from tests.encoding import video_format
from vstream.errors import CameraError, CameraMissingError, SourceError
from vstream.sources.base import Sink
from vstream.sources.camera import CameraSource, why_no_camera, why_no_camera_elsewhere
from vstream.sources.camerasetup import CameraSetup

without_picamera2 = pytest.mark.skipif(find_spec("picamera2") is not None, reason="picamera2 is installed here")


def camera() -> CameraSource:
    return CameraSource(CameraSetup(video=video_format()))


@without_picamera2
def test_without_picamera2_it_says_what_to_install() -> None:
    with pytest.raises(
        CameraMissingError, match=r"picamera2 cannot be imported \(.*\); .*apt install python3-picamera2"
    ):
        camera().run(lambda unit: None)


@without_picamera2
def test_it_can_be_run_again_after_a_failure() -> None:
    source = camera()
    for _ in range(2):
        with pytest.raises(CameraMissingError):
            source.run(lambda unit: None)


def with_recording(recording: type, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("vstream.sources.recording")
    vars(module)["Recording"] = recording
    monkeypatch.setitem(sys.modules, module.__name__, module)


class Broken:
    """A recording whose encoder breaks."""

    def __init__(self, setup: CameraSetup, sink: Sink, failed: Callable[[Exception], None]) -> None:
        failed(SourceError("libx264 failed: Generic error"))

    def close(self) -> None:
        """Nothing is open."""


def test_an_encoder_that_breaks_is_a_failure_of_the_camera_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera's process reports such failures alone; by any other it would die without a word to the operator."""
    with_recording(Broken, monkeypatch)
    with pytest.raises(CameraError, match="libx264 failed: Generic error"):
        camera().run(lambda unit: None)


class Unready:
    """What becomes of opening where libcamera itself cannot start."""

    def __init__(self, setup: CameraSetup, sink: Sink, failed: Callable[[Exception], None]) -> None:
        raise RuntimeError("Failed to start camera manager")


def test_a_library_that_fails_is_told_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with_recording(Unready, monkeypatch)
    with pytest.raises(CameraError, match="Failed to start camera manager"):
        camera().run(lambda unit: None)


class Deaf:
    """A recording whose driver takes no controls: what it says must not end the thread that obeys commands."""

    def __init__(self, setup: CameraSetup, sink: Sink, failed: Callable[[Exception], None]) -> None:
        self.encoder = self

    def request_keyframe(self) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def close(self) -> None:
        """Nothing is open."""


def test_a_driver_that_refuses_a_keyframe_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with_recording(Deaf, monkeypatch)
    source, answers = camera(), list[bool]()

    def ask() -> None:
        answers.append(source.request_keyframe())
        source.stop()

    source.run(lambda unit: None, opened=ask)
    assert answers == [False]


def test_stopped_before_it_runs_it_does_not_touch_the_camera() -> None:
    source = camera()
    source.stop()
    source.run(lambda unit: pytest.fail("a frame came after stop"))
    assert "picamera2" not in sys.modules


def test_a_camera_that_does_not_run_cannot_be_asked() -> None:
    assert not camera().request_keyframe()
    assert not camera().set_bitrate(1_000_000)


def test_a_binding_that_its_finder_refuses_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frozen program's finder raises where the system's libcamera is for another Python."""

    class Refusing:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            if name == "libcamera":
                raise ImportError("libcamera is for another Python")

    monkeypatch.delitem(sys.modules, "libcamera", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refusing, *sys.meta_path])
    assert why_no_camera_elsewhere() == "libcamera cannot be used (libcamera is for another Python)"


@pytest.mark.skipif(find_spec("libcamera") is not None, reason="libcamera is installed here")
def test_without_libcamera_there_is_no_camera() -> None:
    assert why_no_camera() == "libcamera cannot be used (No module named 'libcamera')"
