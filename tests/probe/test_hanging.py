"""Libraries that hang, crash or are not there, and a camera program in their place: the report comes in time, whole."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.media import make_mp4

ROOT = Path(__file__).parents[2]
PROMISED_S = 30
PLAYED = {"ok", "warning"}
"""It says so where joining took long, as it may on a busy machine."""
PORTS = ("--rtsp-host", "127.0.0.1", "--rtsp-port", "0", "--rtp-port", "0", "--metrics-port", "0")


def probe(*flags: str, modules: Path, programs: Path) -> dict[str, dict[str, str]]:
    """Probe with modules and programs of the test's own in front of this machine's; gives the checks by name."""
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": f"{modules}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "vstream", "probe", "--json", "--width", "320", "--height", "240", *PORTS, *flags],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PROMISED_S,
        check=False,
    )
    assert done.stderr == ""
    return {one["check"]: one for one in json.loads(done.stdout)["checks"]}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import time; time.sleep(600)", "no answer while importing libcamera"),
        ("import os; os.kill(os.getpid(), 11)", "the process died while importing libcamera (signal 11)"),
        ("import os; os._exit(3)", "the process died while importing libcamera (exit code 3)"),
        ("raise ImportError('undefined symbol: nothing')", "undefined symbol: nothing"),
        ("raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
        ("print('noise on standard output'); raise ImportError('quiet')", "quiet"),
    ],
)
def test_a_library_that_does_not_load_costs_its_check_alone(code: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "libcamera.py").write_text(code)
    checks = probe("--source", "camera", modules=tmp_path, programs=tmp_path)
    assert (checks["camera_software"]["status"], checks["camera_software"]["seen"]) == ("failure", told)
    assert told in checks["cameras"]["seen"]
    assert (checks["encoder"]["status"], checks["playback"]["status"]) == ("skipped", "skipped")


def test_auto_goes_on_without_a_library_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "libcamera.py").write_text("import time; time.sleep(600)")
    checks = probe("--source", "auto", modules=tmp_path, programs=tmp_path)
    assert checks["cameras"]["status"] == "warning"
    assert checks["playback"]["status"] in PLAYED
    assert "test pattern" in checks["playback"]["seen"]


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg")
def test_the_camera_program_in_place_of_picamera2(tmp_path: Path) -> None:
    clip = make_mp4(tmp_path / "clip.mp4", "main", size="320x240")
    program = tmp_path / "rpicam-vid"
    program.write_text(f"#!/bin/sh\nexec ffmpeg -nostdin -v error -re -stream_loop -1 -i {clip} -c copy -f h264 -\n")
    program.chmod(0o755)
    checks = probe("--source", "rpicam", "--fps", "25", modules=tmp_path, programs=tmp_path)
    assert [checks[name]["status"] for name in ("camera_software", "capture")] == ["ok", "skipped"]
    assert checks["playback"]["status"] in PLAYED
    assert checks["encoder"]["seen"].startswith("rpicam-vid's: 320x240, main")


def test_a_camera_program_that_finds_no_camera_is_quoted(tmp_path: Path) -> None:
    program = tmp_path / "rpicam-vid"
    program.write_text("#!/bin/sh\necho 'ERROR: *** no cameras available ***' >&2\nexit 255\n")
    program.chmod(0o755)
    checks = probe("--source", "rpicam", modules=tmp_path, programs=tmp_path)
    assert checks["encoder"]["status"] == "failure"
    assert "no cameras available" in checks["encoder"]["seen"]
