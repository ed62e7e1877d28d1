"""`vstream probe` on the virtual Raspberry Pi: the right check fails, with the right words, within half a minute."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypedDict

import jsonschema
import pytest

from tests.virtualpi.pi import PROJECT, Board, VirtualPi

LIMIT_S = 30
ATTEMPTS = 5
SIZE = ("--width", "1280", "--height", "720")
PORTS = ("--rtsp-host", "127.0.0.1", "--rtsp-port", "0", "--rtp-port", "0", "--metrics-port", "0")
SCHEMA = json.loads((PROJECT / "docs/probe.schema.json").read_text())


class Check(TypedDict):
    """One check of a report."""

    check: str
    status: str
    seen: str
    advice: str
    facts: dict[str, object]


class Probed(NamedTuple):
    """A report, by the names of its checks, and the exit code."""

    exit_code: int
    checks: dict[str, Check]

    def statuses(self, *names: str) -> tuple[str, ...]:
        return tuple(self.checks[name]["status"] for name in names)


def probe(pi: VirtualPi, *flags: str, source: str = "camera") -> Probed:
    """Probe there, in at most the time that was promised."""
    with pi.start("vstream", "probe", "--json", "--source", source, *SIZE, *PORTS, *flags) as process:
        try:
            out, err = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert out, err
    assert "Traceback" not in err, err
    document = json.loads(out)
    jsonschema.validate(document, SCHEMA)
    assert "the check itself failed" not in out
    return Probed(process.returncode, {one["check"]: one for one in document["checks"]})


@pytest.mark.parametrize(("name", "encoder"), [("pi4", "V4L2 /dev/video11"), ("pi5", "libx264")])
def test_a_good_camera(board: Callable[[Board], VirtualPi], name: Board, encoder: str) -> None:
    pi = board(name)
    for _ in range(ATTEMPTS):
        found = probe(pi, "--h264-profile", "main", "--h264-level", "4.1")
        if found.statuses("capture") != ("warning",):
            break  # else this machine was too busy for every frame, and the probe is right to say so
    assert found.statuses("camera_software", "cameras", "controls", "capture") == ("ok",) * 4
    capture, encoded, played = (found.checks[check]["facts"] for check in ("capture", "encoder", "playback"))
    assert (capture["frames"], capture["fps"]) == (30, pytest.approx(30, abs=0.3))
    assert (encoded["encoder"], encoded["profile"], encoded["level"]) == (encoder, "main", "4.1")
    assert (encoded["width"], encoded["height"]) == (1280, 720)
    assert (played["source"], played["lost_packets"]) == ("camera", 0)
    assert found.checks["cameras"]["seen"].startswith("0: imx708; 1280x720")


def test_auto_takes_the_camera(pi4: VirtualPi) -> None:
    found = probe(pi4, source="auto")
    assert found.checks["playback"]["facts"]["source"] == "camera"


@pytest.mark.parametrize(
    ("fault", "check", "told"),
    [
        ("camera-absent", "cameras", "libcamera lists none"),
        ("camera-busy", "capture", "imx708 cannot be used"),
        ("camera-stall", "capture", "gives no frames"),
        ("camera-timeout", "capture", "gives no frames"),
        ("encoder-error", "encoder", "Input/output error"),
        ("encoder-stall", "encoder", "no encoded frame"),
    ],
)
def test_the_check_of_what_is_broken_fails(pi4: VirtualPi, fault: str, check: str, told: str) -> None:
    (pi4.faults / fault).touch()
    found = probe(pi4)
    failed = [name for name, one in found.checks.items() if one["status"] == "failure"]
    assert (found.exit_code, failed) == (2, [check])
    assert told in found.checks[check]["seen"]
    assert found.checks[check]["advice"]
    assert found.statuses("playback") == ("skipped",)


def test_without_a_camera_auto_plays_the_test_pattern_and_warns(pi4: VirtualPi) -> None:
    (pi4.faults / "camera-absent").touch()
    found = probe(pi4, source="auto")
    assert (found.exit_code, found.statuses("cameras")) == (1, ("warning",))
    assert found.checks["playback"]["facts"]["source"] == "test pattern"


def test_controls_that_the_camera_lacks_are_named(pi4: VirtualPi) -> None:
    found = probe(pi4, "--camera-controls", "FaceDetectMod=Off")
    assert found.statuses("capture") == ("failure",)
    assert "FaceDetectMode" in found.checks["capture"]["seen"]


def test_a_camera_beyond_the_list_is_named(pi4: VirtualPi) -> None:
    found = probe(pi4, "--camera-index", "3")
    assert found.statuses("cameras") == ("failure",)
    assert "CAMERA_INDEX is 3" in found.checks["cameras"]["seen"]


def test_a_snapshot_is_the_cameras_picture(pi4: VirtualPi) -> None:
    found = probe(pi4, "--snapshot", "/faults/picture.jpg")
    facts = found.checks["snapshot"]["facts"]
    assert (facts["width"], facts["height"], facts["is_test_pattern"]) == (1280, 720, False)
    assert Path(pi4.faults, "picture.jpg").read_bytes().startswith(b"\xff\xd8\xff")
