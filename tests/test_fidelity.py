"""What an encoder made against what it was asked for."""

import pytest

from tests.access_units import keyframe, picture
from tests.encoding import video_format
from tests.playing import collect
from vstream.sources.base import AccessUnit
from vstream.sources.fidelity import checked
from vstream.sources.testpattern import TestPatternSource
from vstream.sources.videoformat import VideoFormat


def complaints(video: VideoFormat, units: list[AccessUnit], caplog: pytest.LogCaptureFixture) -> list[str]:
    passed: list[AccessUnit] = []
    sink = checked(passed.append, video)
    for unit in units:
        sink(unit)
    assert passed == units
    # Of a busy machine the source may have something to say as well.
    return [record.getMessage() for record in caplog.records if record.name == checked.__module__]


def test_nothing_is_said_of_a_stream_as_asked(caplog: pytest.LogCaptureFixture) -> None:
    video = video_format(profile="high", level="3.1")
    assert complaints(video, collect(TestPatternSource(video), 3), caplog) == []


def test_each_difference_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    made = collect(TestPatternSource(video_format(profile="baseline", level="3.1")), 65)
    asked = video_format(640, 480, profile="main", level="4.1")
    assert complaints(asked, made, caplog) == [
        "The encoder does not do as it was told: profile baseline instead of main",
        "The encoder does not do as it was told: level 3.1 instead of 4.1",
        "The encoder does not do as it was told: size 320x240 instead of 640x480",
    ]


def test_parameter_sets_may_come_late(caplog: pytest.LogCaptureFixture) -> None:
    units = [AccessUnit(picture(0), 0), AccessUnit(keyframe(1), 33_333)]
    assert "profile baseline instead of main" in complaints(video_format(level="1.3"), units, caplog)[0]
