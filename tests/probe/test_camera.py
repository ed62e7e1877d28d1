"""What the checks make of a camera, whatever the process that looks at it writes, and does."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import cast

import pytest

from tests.probe import workers
from tests.probe.machines import laptop, pi4, subject, write
from vstream.probe.checks import camera_controls, camera_software, cameras, capture, encoder
from vstream.probe.examination import Examination, examine
from vstream.probe.finding import Finding
from vstream.probe.notes import Notes
from vstream.probe.run import OF_THE_CAMERA, within
from vstream.probe.subject import Subject
from vstream.sources.select import camera_setup

LIMIT_S = 30.0


def probed(tmp_path: Path, notes: Notes, source: str = "camera", **settings: str) -> Subject:
    made = subject(tmp_path, pi4, source, given=settings)
    made.examination = Examination(notes)
    return made


def test_all_that_is_noted_is_taken(tmp_path: Path) -> None:
    notes = workers.notes_of_a_good_camera()
    setup = camera_setup(subject(tmp_path, pi4).settings)
    found = examine(setup, LIMIT_S, workers.program(*(cast(Notes, {key: value}) for key, value in notes.items())))
    assert (found.notes, found.trouble, found.why_no_camera) == (notes, "", None)


def test_the_setup_reaches_the_process(tmp_path: Path) -> None:
    setup = camera_setup(subject(tmp_path, pi4, camera_index="1").settings)
    code = "import json, sys; print(json.dumps({'opened': json.loads(sys.stdin.readline())['setup']['index']}))"
    assert examine(setup, LIMIT_S, lambda _word: [sys.executable, "-c", code]).notes["opened"] == 1


def test_a_library_that_hangs_costs_no_more_than_the_limit(tmp_path: Path) -> None:
    setup = camera_setup(subject(tmp_path, pi4).settings)
    begun_s = time.monotonic()
    found = examine(setup, 2.0, workers.program(Notes(doing="opening the camera"), then="time.sleep(600)"))
    assert found.trouble == "no answer while opening the camera"
    assert time.monotonic() - begun_s < 20


def test_a_library_that_crashes_is_told_with_what_it_did(tmp_path: Path) -> None:
    setup = camera_setup(subject(tmp_path, pi4).settings)
    found = examine(setup, LIMIT_S, workers.program(Notes(doing="listing cameras"), then="os.kill(os.getpid(), 11)"))
    assert found.trouble == "the process died while listing cameras (signal 11)"
    assert found.why_no_camera is not None


def test_what_is_no_note_is_passed_over(tmp_path: Path) -> None:
    setup = camera_setup(subject(tmp_path, pi4).settings)
    program = workers.program(Notes(cameras=[]), then="print('no JSON'); print('{\"libcam')")
    assert examine(setup, LIMIT_S, program).notes == {"cameras": []}


def test_a_good_camera(tmp_path: Path) -> None:
    made = probed(tmp_path, workers.notes_of_a_good_camera())
    found = {name: check(made) for name, check in OF_THE_CAMERA.items()}
    assert [finding.status for finding in found.values()] == ["ok"] * 4
    assert "libcamera v0.5.2, picamera2 0.3.30" in found["camera_software"].seen
    assert "0: imx708; 1920x1080 YUV420 from the sensor's 2304x1296, 10 bits" in found["cameras"].seen
    assert "it has 2304x1296 at 56.03" in found["cameras"].seen
    assert found["cameras"].facts["modes"] == [workers.MODE]
    assert found["controls"].seen == "AfMode (Manual Auto Continuous)"
    assert found["controls"].facts["controls"] == [workers.CONTROL]
    assert (found["capture"].facts["fps"], found["capture"].facts["lost"]) == (30.0, 0)


@pytest.mark.parametrize(("source", "status"), [("camera", "failure"), ("auto", "warning")])
def test_no_camera(source: str, status: str, tmp_path: Path) -> None:
    made = probed(tmp_path, Notes(libcamera="v0.5.2", picamera2="0.3.30", cameras=[]), source)
    found = cameras.check(made)
    assert found.status == status
    assert "libcamera lists none" in found.seen
    assert capture.check(made).status == "skipped"


def test_a_number_beyond_the_list(tmp_path: Path) -> None:
    made = probed(tmp_path, workers.notes_of_a_good_camera(), camera_index="1")
    assert (cameras.check(made).status, "CAMERA_INDEX is 1" in cameras.check(made).seen) == ("failure", True)


def test_a_mode_that_is_too_slow_or_another_size_is_warned_of(tmp_path: Path) -> None:
    notes = workers.notes_of_a_good_camera()
    assert cameras.check(probed(tmp_path / "fast", notes, stream_fps="60")).status == "warning"
    assert cameras.check(probed(tmp_path, notes, stream_width="1280", stream_height="720")).status == "warning"


def test_a_camera_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    notes = Notes(cameras=[workers.CAMERA], failed="imx708 cannot be used (busy): held by rpicam-vid (pid 7)")
    found = capture.check(probed(tmp_path, notes))
    assert (found.status, found.seen) == ("failure", notes["failed"])


def check_of_frames(tmp_path: Path, steps_us: list[int]) -> Finding:
    notes = workers.notes_of_a_good_camera() | Notes(frames=workers.frames(steps_us))
    return capture.check(probed(tmp_path, notes))


def test_lost_frames_are_counted(tmp_path: Path) -> None:
    found = check_of_frames(tmp_path, [33_333] * 10 + [100_000] + [33_333] * 10)
    assert (found.status, found.facts["lost"], found.facts["jitter_us"]) == ("warning", 2, 0)


def test_a_rate_that_is_too_low_is_warned_of(tmp_path: Path) -> None:
    found = check_of_frames(tmp_path, [50_000] * 10)
    assert (found.status, found.facts["fps"]) == ("warning", 20.0)


def test_jitter_is_the_farthest_from_the_interval(tmp_path: Path) -> None:
    assert check_of_frames(tmp_path, [33_000, 33_333, 33_333, 33_333, 34_000]).facts["jitter_us"] == 667


@pytest.mark.parametrize("steps_us", [[], [0, 0, 0]])
def test_no_frames_are_a_failure_or_a_warning_and_never_an_error(steps_us: list[int], tmp_path: Path) -> None:
    assert check_of_frames(tmp_path, steps_us).status in {"warning", "failure"}


def test_frames_that_stay_away_are_a_failure(tmp_path: Path) -> None:
    found = capture.check(probed(tmp_path, workers.notes_of_a_good_camera() | Notes(frames=[])))
    assert (found.status, "gives no frames" in found.seen) == ("failure", True)


def test_a_camera_without_exposure_or_modes_to_tell_is_no_error(tmp_path: Path) -> None:
    notes = workers.notes_of_a_good_camera()
    notes["frames"] = [frame | {"exposure_us": None, "gain": None} for frame in notes["frames"]]
    notes["chosen"] = workers.CHOSEN | {"sensor_width": None, "fps_limit": None}
    made = probed(tmp_path, notes)
    assert [check(made).status for check in (cameras.check, capture.check)] == ["ok", "ok"]


BINDINGS = "/usr/lib/python3/dist-packages/libcamera"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([], "binding is missing"),
        (["_libcamera.cpython-399-aarch64-linux-gnu.so"], "for Python 3.99"),
        ([f"_libcamera.cpython-3{sys.version_info.minor}-aarch64-linux-gnu.so"], "--system-site-packages"),
    ],
)
def test_a_binding_that_does_not_load_is_explained(files: list[str], told: str, tmp_path: Path) -> None:
    made = probed(tmp_path, Notes(doing="importing libcamera", failed="No module named 'libcamera'"))
    write(tmp_path, {f"{BINDINGS}/{name}": "" for name in files})
    found = camera_software.check(made)
    assert (found.status, found.seen) == ("failure", "No module named 'libcamera'")
    assert told in found.advice


def test_a_laptop_without_libcamera_is_not_blamed_for_it(tmp_path: Path) -> None:
    made = subject(tmp_path, laptop, "auto")
    made.examination = Examination(Notes(failed="No module named 'libcamera'"))
    assert camera_software.check(made).status == "skipped"


def test_the_camera_is_left_alone_where_none_is_needed(tmp_path: Path) -> None:
    made = subject(tmp_path, laptop, "test")
    assert {check(made).status for check in OF_THE_CAMERA.values()} == {"skipped"}
    assert encoder.check(made).status == "skipped"
    assert camera_controls.check(made).facts == {}


def test_findings_hold_what_json_can(tmp_path: Path) -> None:
    made = probed(tmp_path, workers.notes_of_a_good_camera())
    for check in OF_THE_CAMERA.values():
        assert json.loads(json.dumps(check(made).facts)) == check(made).facts


def test_a_call_that_takes_too_long_is_left_to_itself() -> None:
    enough = threading.Event()
    assert within(0.05, enough.wait) is None
    enough.set()
    assert within(LIMIT_S, lambda: 7) == 7
