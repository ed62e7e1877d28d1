"""libcamera controls as text, against what a camera offers."""

from collections.abc import Mapping

import pytest

from vstream.errors import CameraSetupError
from vstream.sources.control_values import Offer, Value, values_of

OFFERS = {
    "AeEnable": Offer("bool"),
    "AfMode": Offer("integer", words={"Manual": 0, "Auto": 1, "Continuous": 2}, allowed=[0, 1, 2]),
    "AwbMode": Offer("integer", words={"Auto": 0, "Tungsten": 2, "Daylight": 5}, allowed=[0, 5]),
    "Brightness": Offer("float", lowest=-1.0, highest=1.0),
    "ColourGains": Offer("float", is_array=True, lowest=0.0, highest=32.0),
    "ExposureTime": Offer("integer", lowest=1, highest=66666),
    "FrameDurationLimits": Offer("integer", is_array=True),
    "ScalerCrop": Offer("rectangle"),
    "AfWindows": Offer("rectangle", is_array=True),
    "LensPosition": Offer("float", lowest=0.0, highest=32.0),
}
RESERVED = {"FrameDurationLimits": "STREAM_FPS"}


def values(texts: Mapping[str, str]) -> dict[str, Value]:
    return values_of(texts, OFFERS, RESERVED)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("AeEnable", "false", False),
        ("AeEnable", "1", True),
        ("AfMode", "Continuous", 2),
        ("AfMode", "continuous", 2),
        ("AfMode", "2", 2),
        ("Brightness", "-0.5", -0.5),
        ("ColourGains", "(1.5, 2)", (1.5, 2.0)),
        ("ExposureTime", "10000", 10000),
        ("ScalerCrop", "(0, 0, 640, 480)", (0, 0, 640, 480)),
        ("AfWindows", "(10,20,30,40)", ((10, 20, 30, 40),)),
    ],
)
def test_text_becomes_the_value(name: str, text: str, value: Value) -> None:
    assert values({name: text}) == {name: value}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("Brightnes", "0.1", "the camera has no Brightnes, but Brightness"),
        ("awbmode", "Auto", "the camera has no awbmode, but AwbMode, AfMode"),
        ("FrameDurationLimits", "(1, 1)", "FrameDurationLimits follows from STREAM_FPS: set that"),
        ("AfMode", "Always", "AfMode cannot be Always: it is one of Manual, Auto, Continuous"),
        ("AwbMode", "Tungsten", "AwbMode cannot be Tungsten: it is one of Auto, Daylight"),
        ("Brightness", "2", "Brightness cannot be 2: it goes from -1 to 1"),
        ("Brightness", "nan", "Brightness cannot be nan: it goes from -1 to 1"),
        ("ExposureTime", "10.5", "ExposureTime cannot be 10.5: give a whole number"),
        ("AeEnable", "perhaps", "AeEnable cannot be perhaps: give true or false"),
        ("ScalerCrop", "(0,0)", "ScalerCrop cannot be (0,0): give (x,y,width,height)"),
    ],
)
def test_what_is_not_offered_is_told(name: str, text: str, told: str) -> None:
    with pytest.raises(CameraSetupError) as refused:
        values({name: text})
    assert str(refused.value) == f"CAMERA_CONTROLS: {told}"


def test_a_name_like_none_is_told_all_there_are() -> None:
    with pytest.raises(CameraSetupError, match=r"has no Xyzzy, but AeEnable, AfMode, .*ScalerCrop$"):
        values({"Xyzzy": "1"})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(CameraSetupError, match=r"Brightness cannot be 2.*; AfMode cannot be x"):
        values({"Brightness": "2", "AfMode": "x"})
