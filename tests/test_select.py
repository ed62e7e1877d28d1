"""Which source the settings open, and at what cost."""

import logging
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.encoding import stream_facts, write_clip
from tests.playing import collect
from vstream.config import Settings, load_settings
from vstream.errors import SourceError
from vstream.sources.base import Source
from vstream.sources.camera_process import CameraProcess
from vstream.sources.rpicam import RpicamSource
from vstream.sources.select import open_source

SMALL = {"stream_width": "320", "stream_height": "240", "stream_fps": "60"}


def settings(**flags: str) -> Settings:
    return load_settings(SMALL | flags, environment={}).settings


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that this process and those it starts import from; put modules there."""
    place = tmp_path / "modules"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", str(place))
    return place


def cameras(modules: Path, *listed: str) -> None:
    """A binding that lists these cameras."""
    (modules / "libcamera.py").write_text(f"""
class CameraManager:
    cameras = {list(listed)}

    @staticmethod
    def singleton():
        return CameraManager
""")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.h264")


def test_test_pattern_has_the_settings() -> None:
    source = open_source(settings(stream_source="test", h264_profile="high", h264_level="3.2", stream_fps="50"))
    facts = stream_facts(collect(source, 5))
    assert source.name == "test pattern"
    assert (facts["width"], facts["height"], facts["r_frame_rate"]) == (320, 240, "50/1")
    assert (facts["profile"], facts["level"]) == ("High", 32)


def test_auto_takes_the_camera_that_libcamera_lists(modules: Path) -> None:
    cameras(modules, "imx708")
    (modules / "picamera2.py").touch()
    assert isinstance(open_source(settings(stream_source="auto")), CameraProcess)


def test_auto_without_a_camera_shows_the_test_pattern_and_warns(
    modules: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cameras(modules)
    source = open_source(settings(stream_source="auto"))
    assert source.name == "test pattern"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "No camera: libcamera lists none; streaming the test pattern instead"


def test_auto_with_a_broken_binding_says_why(modules: Path, caplog: pytest.LogCaptureFixture) -> None:
    (modules / "libcamera.py").touch()
    assert open_source(settings(stream_source="auto")).name == "test pattern"
    assert "libcamera cannot be used (" in caplog.text


def test_auto_survives_a_binding_that_ends_the_process(modules: Path, caplog: pytest.LogCaptureFixture) -> None:
    (modules / "libcamera.py").write_text("import os\nos.abort()")
    assert open_source(settings(stream_source="auto")).name == "test pattern"
    assert "libcamera cannot be used (" in caplog.text


@pytest.mark.skipif(find_spec("picamera2") is not None, reason="picamera2 is installed here")
def test_auto_with_a_camera_but_no_picamera2_says_so(modules: Path, caplog: pytest.LogCaptureFixture) -> None:
    cameras(modules, "imx708")
    assert open_source(settings(stream_source="auto")).name == "test pattern"
    assert "picamera2 is not installed" in caplog.text


def camera_program(modules: Path, monkeypatch: pytest.MonkeyPatch, lists: str) -> None:
    """An rpicam-vid that lists these cameras."""
    program = modules / "rpicam-vid"
    program.write_text(f"#!/bin/sh\necho '{lists}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(modules), prepend=os.pathsep)


def test_auto_with_a_binding_that_cannot_be_used_takes_the_camera_program(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "libcamera.py").touch()
    camera_program(modules, monkeypatch, lists="0 : imx708")
    assert isinstance(open_source(settings(stream_source="auto")), RpicamSource)


@pytest.mark.parametrize(
    "binding", ["", "class CameraManager:\n    singleton = lambda: CameraManager\n    cameras = []"]
)
def test_auto_without_a_camera_does_not_wait_for_the_camera_program(
    modules: Path, monkeypatch: pytest.MonkeyPatch, binding: str
) -> None:
    (modules / "libcamera.py").write_text(binding)
    camera_program(modules, monkeypatch, lists="No cameras available!")
    assert open_source(settings(stream_source="auto")).name == "test pattern"


def test_camera_is_not_looked_for_before_it_runs() -> None:
    assert open_source(settings(stream_source="camera")).name == "camera"


def test_file_plays(clip: Path) -> None:
    source = open_source(settings(stream_source=f"file:{clip}"))
    facts = stream_facts(collect(source, 5))
    assert (facts["width"], facts["height"]) == (320, 240)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing\.h264"):
        open_source(settings(stream_source=f"file:{tmp_path}/missing.h264"))


def test_dash_is_standard_input() -> None:
    source: Source = open_source(settings(stream_source="-"))
    assert source.name == "stdin"


def test_a_file_costs_no_import_of_what_only_others_need(clip: Path) -> None:
    program = f"""
import sys
from vstream.config import load_settings
from vstream.sources.select import open_source
open_source(load_settings({{"stream_source": "file:{clip}"}}, environment={{}}).settings)
print(sorted({{"av", "numpy", "picamera2", "libcamera"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
