"""The camera source on the virtual Raspberry Pi: both encoders, seen by ffprobe and FFmpeg, and its faults."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.encoding import decode, nal_types, stream_facts
from tests.virtualpi.pi import Board, VirtualPi

SPS, PPS, IDR = 7, 8, 5
SMALL = {"STREAM_SOURCE": "camera", "STREAM_WIDTH": "640", "STREAM_HEIGHT": "480"}

boards = pytest.mark.parametrize("name", ["pi4", "pi5"])


@boards
@pytest.mark.parametrize(
    ("profile", "level", "expected"),
    [("baseline", "3.1", "Constrained Baseline"), ("main", "4.1", "Main"), ("high", "4.2", "High")],
)
def test_stream_is_what_was_asked(
    board: Callable[[Board], VirtualPi], name: Board, profile: str, level: str, expected: str
) -> None:
    size = {"STREAM_WIDTH": "1280", "STREAM_HEIGHT": "720"}
    (run,) = board(name).record("40", **SMALL | size, H264_PROFILE=profile, H264_LEVEL=level).runs
    facts = stream_facts(run.units)
    assert (facts["profile"], facts["level"]) == (expected, round(float(level) * 10))
    assert (facts["width"], facts["height"]) == (1280, 720)
    assert len(decode(run.units)) == len(run.units) >= 40


@boards
@pytest.mark.parametrize("fps", [25, 30])
def test_times_are_the_sensors(board: Callable[[Board], VirtualPi], name: Board, fps: int) -> None:
    (run,) = board(name).record("40", **SMALL, STREAM_FPS=str(fps)).runs
    steps_us = [after.pts_us - before.pts_us for before, after in pairwise(run.units)]
    interval_us = round(1_000_000 / fps)
    assert all(step_us > 0 and step_us % interval_us in {0, 1, interval_us - 1} for step_us in steps_us)
    ages_us = [arrived - unit.pts_us for arrived, unit in zip(run.arrived_us, run.units, strict=True)]
    assert 0 < min(ages_us) < 1_000_000


@boards
def test_keyframes_come_in_their_interval_and_on_demand(board: Callable[[Board], VirtualPi], name: Board) -> None:
    (run,) = board(name).record("60", **SMALL, KEYFRAME_INTERVAL="15").runs
    keyframes = [index for index, unit in enumerate(run.units) if IDR in nal_types(unit)]
    assert (run.keyframe_granted, run.bitrate_granted) == (True, True)
    on_demand = keyframes[2]
    assert keyframes[:2] == [0, 15]
    assert 20 <= on_demand <= 23
    assert keyframes[3:5] == [on_demand + 15, on_demand + 30]
    assert all(nal_types(run.units[index])[:2] == [SPS, PPS] for index in keyframes)


@boards
def test_the_bitrate_changes_while_it_runs(board: Callable[[Board], VirtualPi], name: Board) -> None:
    pi = board(name)
    with pi.fault("scene-noise"):
        (run,) = pi.record("150", **SMALL, H264_BITRATE="4000000", KEYFRAME_INTERVAL="1000").runs
    sizes = [len(unit.data) for unit in run.units]
    assert run.bitrate_granted
    before_bps, after_bps = (8 * 30 * sum(part) / len(part) for part in (sizes[10:20], sizes[-60:]))
    assert before_bps > 2_000_000
    assert 500_000 < after_bps < 1_500_000


def test_a_software_encoder_that_is_too_slow_takes_cheaper_presets(board: Callable[[Board], VirtualPi]) -> None:
    record = board("pi5").record("120", **SMALL, BUSY_SHARE="0.0001")
    said = [line for line in record.log.splitlines() if "Encoding takes" in line]
    assert [line.rpartition(" ")[2] for line in said[:-1]] == ["superfast", "ultrafast"][-len(said[:-1]) :]
    assert said[-1].endswith("too long for this processor; lower STREAM_FPS or the size")
    (run,) = record.runs
    assert len(decode(run.units)) == len(run.units)
    assert stream_facts(run.units)["profile"] == "Main"


def test_auto_finds_the_camera(pi4: VirtualPi) -> None:
    assert pi4.record("5", **SMALL | {"STREAM_SOURCE": "auto"}).name == "camera"


def test_auto_without_a_camera_shows_the_test_pattern(pi4: VirtualPi) -> None:
    (pi4.faults / "camera-absent").touch()
    record = pi4.record("5", **SMALL | {"STREAM_SOURCE": "auto"})
    assert record.name == "test pattern"
    assert "No camera: libcamera lists none" in record.log


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            "camera-absent",
            "CameraUnavailableError: libcamera sees 0 camera(s), number 0 is asked for; check the cable and config.txt",
        ),
        (
            "camera-busy",
            "CameraUnavailableError: imx708 cannot be used (Camera __init__ sequence did not complete.): "
            "another program may hold it, though none is to be seen from here",
        ),
        ("encoder-error", "CameraError: camera 0 or its encoder refused to start: [Errno 5]"),
    ],
)
def test_a_camera_that_cannot_be_opened_is_told_and_can_be_opened_later(pi4: VirtualPi, fault: str, told: str) -> None:
    (pi4.faults / fault).touch()
    failed, works = pi4.record(f"1:{fault}", "10", **SMALL).runs
    assert failed.error is not None
    assert failed.error.startswith(told)
    assert (works.error, len(decode(works.units))) == (None, len(works.units))


def test_an_encoder_that_breaks_ends_the_run_and_the_next_one_works(pi4: VirtualPi) -> None:
    faulty, works = pi4.record("25:encoder-error", "40", **SMALL).runs
    assert faulty.error == "CameraError: camera or encoder broke: [Errno 5] Input/output error"
    assert (works.error, len(decode(works.units))) == (None, len(works.units))


@pytest.mark.parametrize("fault", ["camera-stall", "encoder-stall"])
def test_a_passing_fault_holds_the_frames_for_as_long(pi4: VirtualPi, fault: str) -> None:
    (run,) = pi4.record(f"25+{fault}", **SMALL).runs
    gaps_us = [after - before for before, after in pairwise(run.arrived_us)]
    assert max(gaps_us[24:34]) > 400_000
    assert len(decode(run.units)) == len(run.units) >= 50


def test_many_failures_leave_nothing_open(pi4: VirtualPi) -> None:
    runs = pi4.record(*["5:encoder-error"] * 6, "5", **SMALL).runs
    assert [run.error is None for run in runs] == [False] * 6 + [True]
    assert runs[5].descriptors <= runs[1].descriptors
