"""`vstream probe` as a shell sees it, on this machine, which need not have a camera."""

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess

import jsonschema
import pytest

from tests.probe import workers
from tests.probe.machines import laptop, pi4, pi5, pod, subject
from tests.test_cli import run
from vstream.probe import report, view
from vstream.probe.examination import Examination
from vstream.probe.finding import Finding
from vstream.probe.notes import Notes
from vstream.probe.run import OF_THE_CAMERA, OF_THE_MACHINE, OF_THE_STREAM, SNAPSHOT, Checked
from vstream.probe.subject import Subject

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/probe.schema.json").read_text())
CHECKS = [*OF_THE_MACHINE, *OF_THE_CAMERA, *OF_THE_STREAM]
SMALL = ("--width", "320", "--height", "240", "--fps", "10")
PORTS = ("--rtsp-host", "127.0.0.1", "--rtsp-port", "0", "--rtp-port", "0", "--metrics-port", "0")
QUIET = (*SMALL, *PORTS)
LIMIT_S = 30
ATTEMPTS = 10

no_camera_here = pytest.mark.skipif(find_spec("libcamera") is not None, reason="libcamera is installed here")


def statuses(printed: str) -> dict[str, str]:
    document = json.loads(printed)
    jsonschema.validate(document, SCHEMA)
    return {one["check"]: one["status"] for one in document["checks"]}


def probe_in_time(
    *flags: str, is_in_time: Callable[[CompletedProcess[str]], bool] = lambda done: done.returncode != 1, **given: str
) -> CompletedProcess[str]:
    """Probe until this machine was not too busy to play in time: of that the probe warns, and it is right."""
    for _ in range(ATTEMPTS):
        done = run("probe", *flags, **given)
        if is_in_time(done):
            break
    return done


def test_a_table_for_people() -> None:
    done = probe_in_time("--source", "test", *QUIET)
    assert (done.returncode, done.stderr) == (0, "")
    for name in CHECKS:
        assert f"\n{name.replace('_', ' ')} " in f"\n{done.stdout}"
    assert "Nothing is in the way of a picture." in done.stdout


def test_json_is_as_its_schema_says() -> None:
    done = probe_in_time("--source", "test", "--json", *QUIET)
    found = statuses(done.stdout)
    assert list(found) == CHECKS
    assert (found["encoder"], found["playback"], found["capture"]) == ("ok", "ok", "skipped")
    assert done.returncode == 0


@no_camera_here
@pytest.mark.parametrize(("source", "code", "status"), [("auto", 1, "warning"), ("camera", 2, "failure")])
def test_exit_codes(source: str, code: int, status: str) -> None:
    flags = ("--source", source, "--json", *QUIET)
    done = probe_in_time(*flags, is_in_time=lambda done: statuses(done.stdout)["playback"] != "warning")
    found = statuses(done.stdout)
    assert (done.returncode, found["cameras"], json.loads(done.stdout)["verdict"]) == (code, status, status)
    assert found["playback"] == ("ok" if source == "auto" else "skipped")


def test_wrong_settings_are_the_same_as_of_serve() -> None:
    done = run("probe", "--width", "-1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vstream: --width cannot be")


def test_settings_come_from_everywhere(tmp_path: Path) -> None:
    file = tmp_path / "vstream.toml"
    file.write_text('stream_source = "test"\nstream_width = 160\nstream_height = 96\n')
    done = run("probe", "--config", str(file), "--json", "--fps", "10", *PORTS, H264_PROFILE="baseline")
    (encoder,) = [one for one in json.loads(done.stdout)["checks"] if one["check"] == "encoder"]
    assert encoder["facts"]["profile"] == "baseline"
    assert (encoder["facts"]["width"], encoder["facts"]["fps"] < 11) == (160, True)


def test_standard_input_is_left_alone() -> None:
    done = run("probe", "--source", "-", "--json", *QUIET)
    found = statuses(done.stdout)
    assert (done.returncode, found["encoder"], found["playback"]) == (0, "skipped", "skipped")


def test_snapshot_and_bundle(tmp_path: Path) -> None:
    picture, archive = tmp_path / "picture.jpg", tmp_path / "all.tar.gz"
    files = ("--snapshot", str(picture), "--bundle", str(archive))
    done = probe_in_time("--source", "test", *QUIET, *files, RTSP_USERNAME="me", RTSP_PASSWORD="correct-horse")
    assert done.returncode == 0
    assert "TEST PATTERN" in done.stdout
    assert picture.read_bytes().startswith(b"\xff\xd8\xff")
    with tarfile.open(archive) as opened:
        contents = {entry.name: opened.extractfile(entry) for entry in opened}
        texts = {name.partition("/")[2]: file.read().decode() for name, file in contents.items() if file}
    assert statuses(texts["report.json"])["snapshot"] == "ok"
    assert "Client connected" in texts["probe.log"]
    assert not [name for name, text in texts.items() if "correct-horse" in text]


def test_names_that_the_terminal_cannot_show_are_no_fault(tmp_path: Path) -> None:
    picture = tmp_path / "bild-ü.jpg"
    done = probe_in_time("--source", "test", *QUIET, "--snapshot", str(picture), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr, picture.exists()) == (0, "", True)
    assert "bild-?.jpg" in done.stdout


def test_a_bundle_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    done = run("probe", "--source", "test", "--json", *QUIET, "--bundle", str(tmp_path / "absent/all.tar.gz"))
    assert (done.returncode, statuses(done.stdout)["bundle"]) == (2, "failure")


def test_a_manifest_is_printed_alone() -> None:
    done = run("probe", "--manifest", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--manifest cannot be combined" in done.stderr


@pytest.mark.skipif(bool(list(Path("/dev").glob("media*"))), reason="there are media devices here")
def test_without_devices_there_is_no_manifest() -> None:
    done = run("probe", "--manifest")
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr.startswith("vstream: no /dev/media*")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare")
def test_without_a_network_it_says_so() -> None:
    command = ["unshare", "--net", "--map-root-user", sys.executable, "-m", "vstream", "probe", "--source", "test"]
    if subprocess.run([*command[:3], "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a network namespace")
    done = subprocess.run(
        [*command, "--json", "--width", "320", "--height", "240"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    found = statuses(done.stdout)
    assert (done.returncode, found["playback"]) == (2, "failure")
    assert "Traceback" not in done.stderr


def looked_at(made: Subject, notes: Notes) -> list[Checked]:
    made.examination = Examination(notes, died="" if "done" in notes else "exit code 1")
    return [Checked(name, check(made), 0.1) for name, check in (OF_THE_MACHINE | OF_THE_CAMERA).items()]


@pytest.mark.parametrize("make", [pi4, pi5, pod, laptop])
@pytest.mark.parametrize("source", ["camera", "rpicam", "auto"])
@pytest.mark.parametrize("notes", [workers.notes_of_a_good_camera(), Notes(failed="No module named 'x'"), Notes()])
def test_reports_of_other_machines_are_as_the_schema_says(
    make: Callable[[Path], None], source: str, notes: Notes, tmp_path: Path
) -> None:
    made = subject(tmp_path, make, source)
    checked = looked_at(made, notes)
    jsonschema.validate(report.document(made, checked), SCHEMA)
    assert "the check itself failed" not in view.text(checked)


def test_the_schema_knows_each_check_and_leaves_no_fact_open() -> None:
    items = SCHEMA["properties"]["checks"]["items"]
    assert items["properties"]["check"]["enum"] == [*CHECKS, SNAPSHOT, "bundle"]
    assert [rule["if"]["properties"]["check"]["const"] for rule in items["allOf"]] == [*CHECKS, SNAPSHOT, "bundle"]
    document = report.document(subject(Path("/nonexistent"), lambda root: None, "test"), [])
    document["checks"] = [
        {"check": name, "status": "ok", "seen": "x", "advice": "", "took_s": 0, "facts": {"no_such_fact": 1}}
        for name in items["properties"]["check"]["enum"]
    ]
    errors = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document))
    assert len(errors) == len(CHECKS) + 2


def test_the_guide_has_each_check() -> None:
    guide = (ROOT / "docs/probe.md").read_text()
    assert [name for name in (*CHECKS, SNAPSHOT) if f"| `{name}` |" not in guide] == []


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        (["ok", "skipped"], 0),
        (["ok", "warning", "skipped"], 1),
        (["warning", "failure", "ok"], 2),
    ],
)
def test_the_worst_finding_is_the_exit_code(found: list[str], code: int) -> None:
    checked = [Checked("board", Finding(status, "seen"), 0.0) for status in found]  # type: ignore[arg-type]
    assert report.exit_code(checked) == code
