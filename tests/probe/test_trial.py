"""The stream as the probe serves and watches it."""

import shutil
import threading
from pathlib import Path

import av
import pytest

from tests.media import annexb
from tests.probe.machines import laptop, subject
from vstream.probe.checks import encoder, playback, snapshot
from vstream.probe.subject import Subject
from vstream.probe.trial import run_trial

LIMIT_S = 20.0

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg")


def tried(tmp_path: Path, source: str, **settings: str) -> Subject:
    made = subject(tmp_path, laptop, source, given=settings)
    made.trial = run_trial(made.settings, None, LIMIT_S)
    return made


def small_test_pattern(tmp_path: Path, **settings: str) -> Subject:
    return tried(tmp_path, "test", **{"stream_width": "320", "stream_height": "240"} | settings)


def test_the_encoder_is_held_against_the_settings(tmp_path: Path) -> None:
    made = small_test_pattern(tmp_path, h264_profile="high", h264_level="4", stream_fps="10")
    found = encoder.check(made)
    facts = found.facts
    assert (facts["encoder"], facts["profile"], facts["level"]) == ("libx264", "high", "4")
    assert (facts["width"], facts["height"]) == (320, 240)
    assert isinstance(facts["fps"], float)
    assert 0 < facts["fps"] < 11


def test_its_viewer_with_a_password_sees_it_whole(tmp_path: Path) -> None:
    group = "239.255.42.1/5004/1"
    made = small_test_pattern(tmp_path, rtsp_auth_read_networks="192.0.2.0/24", rtsp_multicast=group)
    found = playback.check(made)
    assert found.status in {"ok", "warning"}, "of a busy machine it may say that joining took long"
    assert found.facts["lost_packets"] == 0
    assert isinstance(found.facts["pictures"], int)
    assert found.facts["pictures"] > 5
    assert made.trial is not None
    assert all(0 < delay_us < LIMIT_S * 1e6 for delay_us in made.trial.delays_us)


@needs_ffmpeg
def test_a_file_is_played_and_not_blamed_for_its_encoding(tmp_path: Path) -> None:
    clip = tmp_path / "clip.h264"
    clip.write_bytes(annexb("main"))
    made = tried(tmp_path, f"file:{clip}", h264_profile="baseline")
    found = encoder.check(made)
    assert (found.status, found.facts["profile"], found.facts["width"]) == ("ok", "main", 160)
    assert playback.check(made).status in {"ok", "warning"}
    assert playback.check(made).facts["pictures"]


@pytest.mark.parametrize(("content", "told"), [(None, "No such file"), (b"no video" * 1000, "holds no H.264")])
def test_a_file_that_cannot_be_played_says_why(content: bytes | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "clip"
    if content is not None:
        file.write_bytes(content)
    made = tried(tmp_path, f"file:{file}")
    found = encoder.check(made)
    assert found.status == "failure"
    assert told in found.seen
    assert playback.check(made).status == "skipped"


def test_a_source_without_frames_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        name = "silent"

        def __init__(self, *_: object) -> None:
            self._stopped = threading.Event()

        def run(self, _sink: object) -> None:
            self._stopped.wait()

        def stop(self) -> None:
            self._stopped.set()

        def request_keyframe(self) -> bool:
            return False

    monkeypatch.setattr("vstream.probe.trial.open_source", Silent)
    made = subject(tmp_path, laptop, "test")
    made.trial = run_trial(made.settings, None, 4.0)
    found = encoder.check(made)
    assert (found.status, found.seen) == ("failure", "no encoded frame within 1 s")


@pytest.mark.parametrize("inline", ["true", "false"])
def test_a_snapshot_is_a_picture_of_the_stream(inline: str, tmp_path: Path) -> None:
    made = small_test_pattern(tmp_path, h264_inline_headers=inline)
    made.snapshot = tmp_path / "picture.jpg"
    found = snapshot.check(made)
    assert found.status == "ok"
    assert "TEST PATTERN" in found.seen
    content = made.snapshot.read_bytes()
    assert (content[:3], content[-2:]) == (b"\xff\xd8\xff", b"\xff\xd9")
    with av.open(made.snapshot) as opened:
        picture = next(opened.decode(video=0))
    assert (picture.width, picture.height) == (320, 240)
    luma = picture.reformat(format="gray").to_ndarray()
    assert luma.min() < 60 < 200 < luma.max()
    assert [file.name for file in tmp_path.iterdir() if "picture" in file.name] == ["picture.jpg"]


def test_a_snapshot_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    made = small_test_pattern(tmp_path)
    made.snapshot = tmp_path / "absent" / "picture.jpg"
    found = snapshot.check(made)
    assert (found.status, str(made.snapshot) in found.seen) == ("failure", True)


def test_no_stream_no_snapshot(tmp_path: Path) -> None:
    made = subject(tmp_path, laptop, "-")
    made.snapshot = tmp_path / "picture.jpg"
    assert snapshot.check(made).status == "failure"
    assert not made.snapshot.exists()


@needs_ffmpeg
def test_a_snapshot_of_a_stream_without_keyframes(tmp_path: Path) -> None:
    clip = tmp_path / "clip.h264"
    clip.write_bytes(annexb("intra-refresh"))
    made = tried(tmp_path, f"file:{clip}")
    made.snapshot = tmp_path / "picture.jpg"
    assert snapshot.check(made).status == "ok"


def test_a_snapshot_of_what_cannot_be_decoded(tmp_path: Path) -> None:
    made = small_test_pattern(tmp_path)
    assert made.trial is not None
    made.trial.units = [unit._replace(data=b"\0\0\0\1\x65" + bytes(20)) for unit in made.trial.units]
    made.snapshot = tmp_path / "picture.jpg"
    found = snapshot.check(made)
    assert (found.status, made.snapshot.exists()) == ("failure", False)
