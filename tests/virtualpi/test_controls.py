"""Controls by libcamera's own names and enumerations, from its real binding."""

import json

import pytest

from tests.virtualpi.pi import VirtualPi

RATE = [33333, 33333]


def wanted(pi: VirtualPi, **given: object) -> object:
    """What a camera with autofocus would start with, or the complaint."""
    with pi.start("python", "/project/tests/virtualpi/controls.py", json.dumps(given)) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def test_the_rate_is_fixed_and_autofocus_is_continuous(pi4: VirtualPi) -> None:
    assert wanted(pi4) == {"FrameDurationLimits": RATE, "AfMode": 2}


def test_a_lens_position_is_kept(pi4: VirtualPi) -> None:
    assert wanted(pi4, lens_position=0.0) == {"FrameDurationLimits": RATE, "AfMode": 0, "LensPosition": 0.0}
    assert wanted(pi4, lens_position=20.0) == "LENS_POSITION cannot be 20: this lens goes from 0 to 15"
    assert wanted(pi4, autofocus=False, lens_position=0.0) == {"FrameDurationLimits": RATE}


def test_the_operators_own_come_last(pi4: VirtualPi) -> None:
    controls = {"AfMode": "Manual", "AeExposureMode": "Short", "AwbMode": "Daylight", "Brightness": "0.1"}
    assert wanted(pi4, controls=controls, denoise="cdn_hq") == {
        "FrameDurationLimits": RATE,
        "NoiseReductionMode": 2,
        "AfMode": 0,
        "AeExposureMode": 1,
        "AwbMode": 5,
        "Brightness": 0.1,
    }


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("NoiseReductionMode", "Fast", None),
        ("ExposureMode", "Short", "the camera has no ExposureMode, but AeExposureMode, NoiseReductionMode"),
        ("AeExposureMode", "Fast", "AeExposureMode cannot be Fast: it is one of Normal, Short, Long, Custom"),
    ],
)
def test_wrong_ones_are_told(pi4: VirtualPi, name: str, text: str, told: str | None) -> None:
    answer = wanted(pi4, controls={name: text})
    if told is None:
        assert isinstance(answer, dict)
        assert answer[name] == 1
    else:
        assert answer == f"CAMERA_CONTROLS: {told}"
