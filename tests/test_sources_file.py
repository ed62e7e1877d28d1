"""Files: what plays is bit for bit what is in them, at the times that ffprobe names, over and over."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

import av
import pytest

from tests import media
from tests.pictures import picture_hashes
from tests.playing import FakeTime, collect
from vstream._fastpath import Pacer
from vstream.errors import NoVideoError, SourceError
from vstream.sources import pace
from vstream.sources.base import AccessUnit, DueUnit, Player
from vstream.sources.file import open_file
from vstream.sources.pace import FrameClock

CONTAINERS = ["mp4", "mkv", "ts", "avi", "flv", "mov"]


def remux(source: Path, target: Path, *options: str) -> Path:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), "-c", "copy", *options, str(target)]
    subprocess.run(command, check=True)
    return target


def with_times(source: Path, target: Path, at_s: Callable[[int], float]) -> Path:
    """The same pictures, each decoded when `at_s` says, by its number; how much later it is shown stays."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        track = old.streams.video[0]
        copy = new.add_stream_from_template(track)
        for number, packet in enumerate(packet for packet in old.demux(track) if packet.size):
            assert packet.pts is not None
            assert packet.dts is not None
            later = packet.pts - packet.dts
            packet.dts = round(at_s(number) / float(packet.time_base))
            packet.pts = packet.dts + later
            packet.stream = copy
            new.mux(packet)
    return target


def from_second_keyframe(stream: bytes) -> bytes:
    """A stream of which the beginning was missed: parameter sets, then on from its first recovery point."""
    nals = media.nal_units(stream)
    second_sei = [at for at, nal in enumerate(nals) if nal[0] & 31 == 6][1]
    return media.join([nal for nal in nals if nal[0] & 31 in {7, 8}][:2] + nals[second_sei:])


def assert_times(shown_us: list[int], shown_s: list[float], loops: int) -> None:
    """Every loop has the times of the file, and takes up where the one before ended."""
    length_s = max(shown_s) - min(shown_s) + 1 / media.FPS
    expected = [at_s + loop * length_s for loop in range(loops) for at_s in shown_s]
    assert len(shown_us) == len(expected)
    for at_us, at_s in zip(shown_us, expected, strict=True):
        assert (at_us - shown_us[0]) / 1e6 == pytest.approx(at_s - expected[0], abs=3e-6 * loops)


@pytest.mark.parametrize("kind", sorted(media.KINDS))
def test_a_byte_stream_plays_at_its_own_rate(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    mp4 = media.make_mp4(tmp_path / "clip.mp4", kind)
    clip = media.to_annexb(mp4, tmp_path / "clip.anything")
    units = collect(open_file(str(clip), 60, False), 3 * media.FRAMES)
    assert b"".join(bytes(unit.data) for unit in units) == clip.read_bytes() * 3
    assert_times([unit.pts_us for unit in units], [timing.pts_s for timing in media.timings(mp4)], 3)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", ["main", "b-frames", "slices-b-frames", "interlaced"])
def test_a_container_plays_as_it_is(kind: str, container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    mp4 = media.make_mp4(tmp_path / "clip.mp4", kind)
    clip = mp4 if container == "mp4" else remux(mp4, tmp_path / f"clip.{container}")
    units = collect(open_file(str(clip), 60, True), 2 * media.FRAMES)
    assert_times([unit.pts_us for unit in units], [timing.pts_s for timing in media.timings(mp4)], 2)
    played = tmp_path / "played.h264"
    played.write_bytes(b"".join(bytes(unit.data) for unit in units[: media.FRAMES]))
    assert picture_hashes(played) == picture_hashes(mp4)


def test_an_edit_list_and_a_beginning_within_a_gop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    mp4 = media.make_mp4(tmp_path / "whole.mp4", "b-frames")
    cut = tmp_path / "cut.mp4"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-ss", "0.6", "-i", str(mp4), "-c", "copy", str(cut)]
    subprocess.run(command, check=True)
    units = collect(open_file(str(cut), 60, False), 2 * len(media.timings(cut)))
    shown_us = sorted(unit.pts_us for unit in units)
    assert {round((b - a) / 1e6 * media.FPS, 2) for a, b in itertools.pairwise(shown_us)} == {1.0}


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_recording_that_was_cut_at_a_recovery_point(
    container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeTime().install(monkeypatch)
    mp4 = media.make_mp4(tmp_path / "whole.mp4", "open-gop")
    cut = remux(mp4, tmp_path / f"cut.{container}", "-ss", "0.6")
    whole = media.nal_units(media.to_annexb(mp4, tmp_path / "whole.h264").read_bytes())
    headers = [nal for nal in whole if nal[0] & 31 in {7, 8}][:2]
    pictures = media.nal_units(media.to_annexb(cut, tmp_path / "cut.h264").read_bytes())
    assert {nal[0] & 31 for nal in pictures} == {1, 6}, "the cut has parameter sets or an IDR picture after all"
    units = collect(open_file(str(cut), 60, False), 2 * len(media.packet_sizes(cut)))
    assert media.nal_units(b"".join(bytes(unit.data) for unit in units)) == (headers + pictures) * 2


def test_a_variable_frame_rate_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    mkv = tmp_path / "clip.mkv"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25"]
    command += ["-vf", "select='not(between(n,5,11))*not(eq(n,14))'", "-fps_mode", "vfr", "-frames:v", "20"]
    subprocess.run([*command, "-c:v", "libx264", "-bf", "0", str(mkv)], check=True)
    units = collect(open_file(str(mkv), 60, False), 20)
    steps = [round((b.pts_us - a.pts_us) / 40_000) for a, b in itertools.pairwise(units)]
    assert sorted(set(steps)) == [1, 2, 8]


def test_the_users_rate_goes_before_the_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    clip = tmp_path / "clip.h264"
    clip.write_bytes(media.annexb("main"))
    units = collect(open_file(str(clip), 50, True), 3 * media.FRAMES)
    assert {b.pts_us - a.pts_us for a, b in itertools.pairwise(units)} == {20_000}


def test_it_is_due_when_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime().install(monkeypatch)
    clip = tmp_path / "clip.h264"
    clip.write_bytes(media.annexb("main"))
    source = open_file(str(clip), 30, False)
    late_us: list[int] = []

    def sink(unit: AccessUnit) -> None:
        late_us.append(clock.at_us - unit.pts_us)
        if len(late_us) == 100:
            source.stop()

    source.run(sink)
    assert set(late_us) == {0}


@pytest.mark.parametrize("suffix", ["h264", "mp4"])
def test_a_suspended_machine_does_not_hurry_afterwards(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeTime().install(monkeypatch)
    mp4 = media.make_mp4(tmp_path / "clip.mp4", "main")
    clip = mp4 if suffix == "mp4" else media.to_annexb(mp4, tmp_path / "clip.h264")
    source = open_file(str(clip), 30, False)
    given_at_us: list[int] = []

    def sink(_unit: AccessUnit) -> None:
        given_at_us.append(clock.at_us)
        if len(given_at_us) == 10:
            clock.at_us += 5_000_000
        if len(given_at_us) == 30:
            source.stop()

    source.run(sink)
    steps_us = [b - a for a, b in itertools.pairwise(given_at_us)]
    assert [step_us for step_us in steps_us if step_us != 40_000] == [5_000_000]


def test_a_new_sps_brings_its_own_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    clip = tmp_path / "clip.h264"
    clip.write_bytes(media.annexb("main") + media.annexb("main", size="320x192", fps="50"))
    units = collect(open_file(str(clip), 30, False), 4 * media.FRAMES)
    steps = [b.pts_us - a.pts_us for a, b in itertools.pairwise(units)]
    loop = [40_000] * media.FRAMES + [20_000] * media.FRAMES
    assert steps == (loop + loop)[:-1]


def test_what_no_decoder_could_begin_with_is_skipped_in_every_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeTime().install(monkeypatch)
    clip = tmp_path / "clip.h264"
    clip.write_bytes(media.without_first_keyframe(media.annexb("main")))
    units = collect(open_file(str(clip), 25, True), 60)
    assert [bytes(unit.data) for unit in units[:30]] == [bytes(unit.data) for unit in units[30:]]
    assert {b.pts_us - a.pts_us for a, b in itertools.pairwise(units)} == {40_000}


def test_stop_before_run_and_twice(tmp_path: Path) -> None:
    clip = tmp_path / "clip.h264"
    clip.write_bytes(media.annexb("main"))
    source = open_file(str(clip), 25, True)
    source.stop()
    source.stop()
    assert collect(source, 1) == []
    assert not source.request_keyframe()
    assert not source.set_bitrate(1_000_000)


def test_what_cannot_be_played_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.h264").write_text("no video at all\n" * 1000)
    (tmp_path / "empty.mp4").write_bytes(b"")
    cases = {
        "absent.h264": (SourceError, "cannot be read: No such file or directory; give a readable file with H.264"),
        ".": (SourceError, "is a directory"),
        "/dev/null": (SourceError, "is no regular file"),
        "text.h264": (NoVideoError, "holds no H.264"),
        "empty.mp4": (NoVideoError, "holds no H.264"),
    }
    for name, (error, text) in cases.items():
        with pytest.raises(error, match=text) as caught:
            open_file(str(tmp_path / name), 30, False)
        assert type(caught.value) is error
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "mpeg4"), ("mkv", "mjpeg"), ("m2v", "mpeg2video"), ("mpg", "mpeg1video"), ("ts", "libx265")],
)
def test_other_video_is_named(suffix: str, codec: str, tmp_path: Path) -> None:
    clip = tmp_path / f"clip.{suffix}"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25", "-t", "1"]
    command += ["-x265-params", "log-level=none"] if codec == "libx265" else []
    subprocess.run([*command, "-c:v", codec, str(clip)], check=True)
    with pytest.raises(NoVideoError, match=r"clip\.\w+ holds \w+, not H.264"):
        open_file(str(clip), 30, False)


def test_h265_with_the_same_start_codes_is_told_apart(tmp_path: Path) -> None:
    clip = tmp_path / "clip.h264"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25", "-t", "1"]
    command += ["-c:v", "libx265", "-x265-params", "log-level=none", "-f", "hevc", str(clip)]
    subprocess.run(command, check=True)
    with pytest.raises(NoVideoError, match=r"holds hevc, not H\.264"):
        open_file(str(clip), 30, False)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine", "-t", "1", str(clip)]
    subprocess.run(command, check=True)
    with pytest.raises(NoVideoError, match=r"holds no video, not H\.264"):
        open_file(str(clip), 30, False)


def test_a_stream_cut_inside_a_nal_unit_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    clip = tmp_path / "clip.bin"
    clip.write_bytes(media.annexb("main", size="320x192")[900:])
    units = collect(open_file(str(clip), 30, False), 20)
    assert bytes(units[0].data)[4] & 31 in {6, 7}


def test_a_file_that_goes_away_is_one_line(tmp_path: Path) -> None:
    for suffix in ("h264", "mp4"):
        clip = media.make_mp4(tmp_path / "clip.mp4", "main")
        clip = clip if suffix == "mp4" else media.to_annexb(clip, tmp_path / "clip.h264")
        source = open_file(str(clip), 30, False)
        clip.unlink()
        with pytest.raises(SourceError, match=r"cannot be read: .*No such file"):
            collect(source, 1)


def test_a_file_that_is_emptied_while_it_plays_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    clip = tmp_path / "clip.h264"
    clip.write_bytes(media.annexb("main"))
    source = open_file(str(clip), 30, False)
    with pytest.raises(NoVideoError, match="has no keyframe with SPS and PPS"):
        source.run(lambda _unit: os.truncate(clip, 0))


def test_a_track_of_an_unknown_codec_is_one_line(tmp_path: Path) -> None:
    mkv = remux(media.make_mp4(tmp_path / "clip.mp4", "main"), tmp_path / "clip.mkv")
    mkv.write_bytes(mkv.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_XXXXX/ISO/AVC"))
    with pytest.raises(NoVideoError, match=r"holds an unknown codec, not H\.264"):
        open_file(str(mkv), 30, False)


def test_parameter_sets_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    mp4 = media.make_mp4(tmp_path / "clip.mp4", "main")
    head, mark, rest = mp4.read_bytes().partition(b"avcC")
    one_sps_of_64_kb = b"\x01\x4d\x40\x1e\xff\xe1\xff\xff"
    mp4.write_bytes(head + mark + one_sps_of_64_kb + rest[len(one_sps_of_64_kb) :])
    with pytest.raises(SourceError, match=r"clip.mp4 cannot be read: .*; give a readable file with H.264$"):
        collect(open_file(str(mp4), 30, False), 1)


@pytest.mark.parametrize("container", ["mkv", "ts", "flv"])
def test_a_container_whose_pictures_have_all_the_same_time(
    container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeTime().install(monkeypatch)
    clip = with_times(media.make_mp4(tmp_path / "clip.mp4", "main"), tmp_path / f"same.{container}", lambda _: 0.0)
    units = collect(open_file(str(clip), 25, False), 2 * media.FRAMES)
    steps_us = [b.pts_us - a.pts_us for a, b in itertools.pairwise(units)]
    assert steps_us.count(40_000) >= len(steps_us) - 20
    assert not sum(step_us > 40_000 for step_us in steps_us)


@pytest.mark.parametrize("container", [name for name in CONTAINERS if name != "avi"])
@pytest.mark.parametrize("kind", ["main", "b-frames"])
def test_a_break_in_the_recording_is_no_break_in_the_stream(
    kind: str, container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeTime().install(monkeypatch)
    whole = media.make_mp4(tmp_path / "whole.mp4", kind)
    clip = with_times(whole, tmp_path / f"clip.{container}", lambda number: number / 25 + (3600 if number >= 20 else 0))
    units = collect(open_file(str(clip), 25, False), 2 * media.FRAMES)
    shown_us = [unit.pts_us - units[0].pts_us for unit in units]
    assert max(shown_us) < 2 * media.FRAMES * 40_000 + 400_000


@pytest.mark.parametrize("suffix", ["h264", "mp4"])
def test_what_is_handed_over_ahead_is_bounded(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pictures belong to one second: a file may say anything of its times."""

    class Greedy(Player):
        batches: ClassVar[list[int]] = []

        def __call__(self, unit: AccessUnit) -> None:
            raise NotImplementedError

        def play(self, units: Iterable[DueUnit], pacer: Pacer) -> int:
            self.batches.append(sum(len(unit.data) for _, unit in units))
            if len(self.batches) == 20:
                source.stop()
            return 0

    FakeTime().install(monkeypatch)
    monkeypatch.setattr(pace, "AHEAD_LIMIT_BYTES", 5000)
    mp4 = media.make_mp4(tmp_path / "clip.mp4", "main")
    largest_bytes = max(media.packet_sizes(mp4))
    source = open_file(str(mp4 if suffix == "mp4" else media.to_annexb(mp4, tmp_path / "clip.h264")), 25, False)
    source.run(Greedy())
    assert 5000 <= max(Greedy.batches) < 5000 + largest_bytes + 100


@pytest.mark.parametrize("kind", ["open-gop", "open-gop-short-order-count"])
def test_a_stream_that_begins_with_a_recovery_point_loops_without_a_jump(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No IDR picture begins the picture order count anew there."""
    FakeTime().install(monkeypatch)
    clip = tmp_path / "clip.h264"
    clip.write_bytes(from_second_keyframe(media.annexb(kind)))
    count = sum(nal[0] & 31 == 1 for nal in media.nal_units(clip.read_bytes()))
    units = collect(open_file(str(clip), 25, True), 6 * count)
    firsts = [units[loop * count].pts_us - loop * count * 40_000 for loop in range(6)]
    assert set(firsts) == {firsts[0]}


def test_a_byte_stream_needs_no_av(tmp_path: Path) -> None:
    clip = tmp_path / "clip.h264"
    clip.write_bytes(media.annexb("main"))
    code = "import sys; from vstream.sources.file import open_file; open_file(sys.argv[1], 30, False)\n"
    code += "sys.exit(bool({'av', 'numpy', 'fractions'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code, str(clip)], check=True)


def test_the_frame_clock_does_not_drift() -> None:
    clock = FrameClock(30000 / 1001, True)
    due_us = [clock.next_us(2, 0) for _ in range(30 * 3600)]
    assert due_us[-1] == pytest.approx((30 * 3600 - 1) * 1001 / 30000 * 1e6, abs=1)
