"""rpicam-vid as a source: the command line it gets, and what becomes of what it says and gives."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.encoding import decode, video_format, write_clip
from tests.network import wait_until
from tests.playing import collect
from vstream.errors import CameraError, CameraMissingError, CameraSetupError
from vstream.sources import stderr
from vstream.sources.base import AccessUnit
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.rpicam import RpicamSource, arguments


def setup(**given: object) -> CameraSetup:
    return CameraSetup(video=video_format(), **given)  # type: ignore[arg-type]


def words(binary: str = "rpicam-vid", **given: object) -> str:
    return " ".join(arguments(binary, setup(**given)))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory with a camera program; put some there with `program`."""
    place = tmp_path / "programs"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(stderr, "_READ_LIMIT_S", 30.0)  # all that it said, however long a busy machine takes to read it
    return place


def program(programs: Path, script: str, name: str = "rpicam-vid") -> None:
    path = programs / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.h264")


def test_the_settings_are_on_its_command_line() -> None:
    line = words(hflip=True, index=1, rotation=180, denoise="cdn_off", buffer_count=4)
    assert line.startswith("rpicam-vid --timeout 0 --nopreview --codec h264 --camera 1 --width 320 --height 240")
    for part in (
        "--framerate 30",
        "--bitrate 1000000",
        "--intra 30",
        "--profile main",
        "--level 4.1",
        "--denoise cdn_off",
        "--buffer-count 4",
        "--rotation 180",
        "--hflip",
        "--inline",
        "--low-latency",
    ):
        assert f" {part} " in line
    assert "--vflip" not in line
    assert line.endswith("--output -")


def test_the_old_program_is_not_given_what_it_does_not_know() -> None:
    assert "--low-latency" not in words("libcamera-vid")


def test_controls_become_flags_in_its_own_words() -> None:
    controls = {"AwbMode": "Daylight", "AeMeteringMode": "CentreWeighted", "NoiseReductionMode": "HighQuality"}
    assert "--awb daylight --metering centre" in words(controls=controls)
    assert "--denoise cdn_hq" in words(controls=controls)
    assert "--autofocus-mode manual --lens-position 0 " in words(lens_position=0.0)


def test_a_control_without_a_flag_is_told_with_those_like_it() -> None:
    with pytest.raises(CameraSetupError, match=r"no flag for Brightnes, but for Brightness$"):
        words(controls={"Brightnes": "1"})


def test_what_it_cannot_do_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    words(encoder="x264")
    assert "rpicam-vid chooses its encoder by itself: H264_ENCODER has no effect" in caplog.text
    arguments("rpicam-vid", CameraSetup(video=video_format(level="5.1")))
    assert "rpicam-vid knows the levels 4, 4.1, 4.2 only, so it chooses one" in caplog.text


@pytest.mark.parametrize("name", ["rpicam-vid", "libcamera-vid"])
def test_its_frames_are_handed_over(programs: Path, clip: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    program(programs, f"cat {clip}; exec sleep 60", name)
    units = collect(RpicamSource(setup()), 20)
    assert len(decode(units)) == 20
    assert f"Using camera binary: {name}" in caplog.text


def test_an_end_of_its_own_is_a_failure_that_a_restart_may_mend(programs: Path, clip: Path) -> None:
    program(programs, f"cat {clip}; exit 3")
    with pytest.raises(CameraError, match="rpicam-vid ended with exit code 3"):
        RpicamSource(setup()).run(lambda unit: None)


def test_its_complaints_become_log_lines(programs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    program(
        programs, "echo 'WARN RPI: warm' >&2; echo 'ERROR: *** on fire ***' >&2; echo 'Mode selection' >&2; exit 255"
    )
    with pytest.raises(CameraError):
        RpicamSource(setup()).run(lambda unit: None)
    said = {record.getMessage(): record.levelname for record in caplog.records}
    assert said["rpicam-vid: WARN RPI: warm"] == "WARNING"
    assert said["rpicam-vid: ERROR: *** on fire ***"] == "ERROR"
    assert said["rpicam-vid: Mode selection"] == "DEBUG"


def test_without_a_camera_it_is_started_until_there_is_one(
    programs: Path, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = programs / "camera"
    program(
        programs,
        f"test -e {there} || {{ echo 'ERROR: *** no cameras available ***' >&2; exit 255; }}\n"
        f"cat {clip}; exec sleep 60",
    )
    source = RpicamSource(setup())
    came = threading.Event()
    running = threading.Thread(target=source.run, args=(lambda unit: came.set(),), daemon=True)
    running.start()
    wait_until(lambda: source.is_waiting, "a first attempt")
    there.touch()
    assert came.wait(30)
    source.stop()
    running.join(30)
    assert not running.is_alive()
    assert "Camera failed to open: ERROR: *** no cameras available ***" in caplog.text


def test_that_it_is_not_installed_is_told(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(CameraMissingError, match="neither rpicam-vid nor libcamera-vid is installed"):
        RpicamSource(setup()).run(lambda unit: None)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv here")
def test_a_server_that_is_killed_leaves_no_camera_program_behind(programs: Path, clip: Path) -> None:
    program(programs, f"cat {clip}; exec sleep 60")
    statements = """
import os, signal
from tests.test_rpicam import setup
from vstream.sources.rpicam import RpicamSource
source = RpicamSource(setup())
def end(unit):
    print(source._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
source.run(end)
"""
    ended = subprocess.run([sys.executable, "-c", statements], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    said = Path(f"/proc/{int(ended.stdout)}/cmdline")
    wait_until(lambda: not said.exists() or not said.read_bytes(), "its end")  # until it is reaped it has none


def test_the_last_remedy_ends_it(programs: Path, clip: Path) -> None:
    program(programs, f"cat {clip}; exec sleep 60")
    source = RpicamSource(setup())
    (remedy,) = source.remedies

    def end(unit: AccessUnit) -> None:
        remedy.apply()

    with pytest.raises(CameraError, match="rpicam-vid ended with exit code -9"):
        source.run(end)
