"""Standard input: a file at its pace, a camera at once, and anything else refused in one line."""

import fcntl
import itertools
import logging
import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from queue import Queue

import pytest

from tests import media
from tests.playing import FakeTime, collect
from vstream.errors import NoVideoError, SourceError
from vstream.sources.annexb import AccessUnitAssembler
from vstream.sources.arrival import ArrivalClock
from vstream.sources.base import AccessUnit
from vstream.sources.pace import FrameClock
from vstream.sources.stdin import StdinSource

PATIENCE_S = 20.0


class Pipe:
    """Both ends of a pipe, each closed once."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.reader, self.writer = FileIO(reader), FileIO(writer, "w")

    @property
    def fd(self) -> int:
        return self.reader.fileno()

    def write_all(self, data: bytes) -> threading.Thread:
        """Write everything and close, in a thread of its own."""

        def write() -> None:
            view = memoryview(data)
            while view:
                view = view[self.writer.write(view) :]
            self.writer.close()

        thread = threading.Thread(target=write)
        thread.start()
        return thread


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    with made.reader, made.writer:
        yield made


def pictures(kind: str) -> list[bytes]:
    assembler = AccessUnitAssembler()
    stream = media.annexb(kind)
    return [picture.data for picture in assembler.feed(stream) + assembler.flush()]


class Camera:
    """A source that runs in a thread and is fed picture by picture; each one given can be waited for."""

    def __init__(self, source: StdinSource, pipe: Pipe) -> None:
        self.source = source
        self._pipe = pipe
        self.given: Queue[AccessUnit] = Queue()
        self._thread = threading.Thread(target=source.run, args=(self.given.put,))
        self._thread.start()

    def write(self, data: bytes) -> None:
        self._pipe.writer.write(data)

    def take(self) -> AccessUnit:
        return self.given.get(timeout=PATIENCE_S)

    def go_live(self, units: list[bytes]) -> None:
        """Feed the first six pictures, each after the one before was taken as far as it can be."""
        self.write(units[0])
        for before, unit in itertools.pairwise(units):
            self.write(unit)
            assert bytes(self.take().data) == before
        # The last one comes without a successor: by now the source has seen that the producer is live.
        assert bytes(self.take().data) == units[-1]

    def end(self) -> None:
        self.source.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("kind", ["main", "b-frames", "slices", "delimiters"])
def test_a_piped_file_comes_whole_and_at_its_pace(
    kind: str, pipe: Pipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    FakeTime().install(monkeypatch)
    mp4 = media.make_mp4(tmp_path / "clip.mp4", kind)
    stream = media.to_annexb(mp4, tmp_path / "clip.h264").read_bytes()
    thread = pipe.write_all(stream)
    units = collect(StdinSource(60, fd=pipe.fd), 1000)
    thread.join(PATIENCE_S)
    assert b"".join(bytes(unit.data) for unit in units) == stream
    shown_s = [timing.pts_s for timing in media.timings(mp4)]
    assert [round((unit.pts_us - units[0].pts_us) / 40_000, 3) for unit in units] == [
        round((at_s - shown_s[0]) * media.FPS, 3) for at_s in shown_s
    ]


def test_a_regular_file_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime().install(monkeypatch)
    clip = tmp_path / "clip.h264"
    clip.write_bytes(media.annexb("main"))
    with clip.open("rb") as file:
        units = collect(StdinSource(50, True, file.fileno()), 1000)
    assert {b.pts_us - a.pts_us for a, b in itertools.pairwise(units)} == {20_000}
    assert len(units) == media.FRAMES


def test_a_camera_s_picture_is_given_before_the_next_one_comes(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Every look at the clock is 20 ms later than the one before, so every wait for input counts as a real one.
    FakeTime(step_us=20_000).install(monkeypatch)
    units = pictures("main")
    camera = Camera(StdinSource(25, fd=pipe.fd), pipe)
    with caplog.at_level(logging.INFO):
        camera.go_live(units[:7])
        times_us = []
        for unit in units[7:20]:
            camera.write(unit)
            given = camera.take()
            assert bytes(given.data) == unit
            times_us.append(given.pts_us)
    camera.end()
    assert times_us == sorted(set(times_us))
    assert caplog.messages == ["Standard input is live: pictures are sent as they come"]


def test_a_camera_that_pauses_inside_pictures(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    FakeTime(step_us=20_000).install(monkeypatch)
    units = pictures("main")
    camera = Camera(StdinSource(25, fd=pipe.fd), pipe)
    camera.go_live(units[:7])
    with caplog.at_level(logging.WARNING):
        camera.write(units[7][:40])
        assert bytes(camera.take().data) == units[7][:40]
        camera.write(units[7][40:] + units[8] + units[9])
        # The next keyframe is the tenth picture; from here on each is given once the next begins.
        camera.write(units[10])
        camera.write(units[11])
        assert bytes(camera.take().data) == units[10]
    camera.end()
    assert caplog.messages == ["Standard input pauses inside pictures: each is sent when the next one begins"]


def test_the_last_picture_is_given_at_the_end(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTime(step_us=20_000).install(monkeypatch)
    units = pictures("main")[:3]
    pipe.write_all(b"".join(units)).join(PATIENCE_S)
    assert [bytes(unit.data) for unit in collect(StdinSource(25, fd=pipe.fd), 99)] == units


def test_the_pipe_holds_a_whole_picture(pipe: Pipe) -> None:
    camera = Camera(StdinSource(25, fd=pipe.fd), pipe)
    camera.write(b"".join(pictures("main")[:2]))
    camera.take()
    whole = pipe.writer.write(bytes(900_000))
    camera.end()
    assert whole == 900_000


@pytest.mark.parametrize("data", [b"", b"text\n" * 300_000, bytes(2_000_000), media.annexb("main")[:100]])
def test_what_is_no_h264_is_one_line(data: bytes, pipe: Pipe) -> None:
    thread = pipe.write_all(data[: 1 << 20])
    with pytest.raises(NoVideoError, match="standard input") as caught:
        collect(StdinSource(25, fd=pipe.fd), 1)
    thread.join(PATIENCE_S)
    assert "\n" not in str(caught.value)


def test_a_container_on_standard_input_is_refused(tmp_path: Path) -> None:
    mkv = tmp_path / "clip.mkv"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=25", "-t", "4"]
    subprocess.run([*command, "-b:v", "8M", "-minrate", "8M", "-c:v", "libx264", "-qp", "4", str(mkv)], check=True)
    assert mkv.stat().st_size > 1 << 20
    with mkv.open("rb") as file, pytest.raises(NoVideoError, match="pipe in an Annex-B stream"):
        collect(StdinSource(25, fd=file.fileno()), 1)


def test_a_closed_or_foreign_descriptor_is_one_line(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(SourceError, match="standard input cannot be read: Bad file descriptor"):
        collect(StdinSource(25, fd=reader), 1)
    master, terminal = os.openpty()
    with pytest.raises(SourceError, match="is a terminal"):
        collect(StdinSource(25, fd=terminal), 1)
    os.close(master)
    os.close(terminal)


def test_a_server_with_many_viewers_has_high_descriptors(pipe: Pipe) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1400), hard))
    high = fcntl.fcntl(pipe.fd, fcntl.F_DUPFD_CLOEXEC, 1300)
    with FileIO(high):
        pipe.write_all(media.annexb("main"))
        assert len(collect(StdinSource(25, fd=high, live=True), 1)) == 1


def test_stop_ends_a_silent_input(pipe: Pipe) -> None:
    Camera(StdinSource(25, fd=pipe.fd), pipe).end()


class Producer:
    """Lets pictures arrive at an ArrivalClock for 25 frames/s."""

    def __init__(self, *, live: bool = False) -> None:
        self.clock = ArrivalClock(FrameClock(25, True), live=live)
        self._at_us = 0

    def send(self, count: int, step_us: int, waited_us: int) -> list[int]:
        """Let `count` pictures arrive, `step_us` apart; gives their times."""
        times_us = []
        for _ in range(count):
            times_us.append(self.clock.time_us(self._at_us, waited_us, 2))
            self._at_us += step_us
        return times_us

    def pause(self, pause_us: int) -> None:
        """Let nothing arrive for a while."""
        self._at_us += pause_us


def test_five_waits_make_it_live_and_times_are_arrivals() -> None:
    producer = Producer()
    producer.send(4, 40_000, 39_000)
    assert not producer.clock.live
    assert producer.send(3, 40_000, 39_000) == [160_000, 200_000, 240_000]
    assert producer.clock.live


@pytest.mark.parametrize("step_us", [10_000, 16_667, 33_333, 50_000])
def test_a_live_rate_that_is_not_the_set_one_is_followed(step_us: int) -> None:
    producer = Producer()
    producer.send(50, step_us, step_us)
    first, *_, last = producer.send(50, step_us, step_us)
    assert producer.clock.live
    assert last - first == pytest.approx(49 * step_us, abs=step_us)


def test_a_rushing_producer_is_paced_and_time_never_goes_back() -> None:
    producer = Producer()
    times_us = producer.send(4, 100, 50) + producer.send(10, 40_000, 40_000)
    assert producer.clock.live
    times_us += producer.send(59, 100, 0)
    assert producer.clock.live
    times_us += producer.send(30, 100, 0)
    assert not producer.clock.live
    assert times_us == sorted(set(times_us))
    assert {b - a for a, b in zip(times_us[-29:], times_us[-28:], strict=False)} == {40_000}


def test_a_camera_is_on_time_again_after_it_was_not_read_for_seconds() -> None:
    producer = Producer(live=True)
    producer.send(10, 40_000, 39_000)
    producer.send(100, 100, 0)
    producer.send(50, 40_000, 39_000)
    assert producer.clock.live
    first, last = producer.send(2, 40_000, 39_000)
    assert (first, last) == (10 * 40_000 + 100 * 100 + 50 * 40_000, 10 * 40_000 + 100 * 100 + 51 * 40_000)


def test_what_waited_while_nobody_read_is_no_rush_but_what_comes_behind_is() -> None:
    producer = Producer()
    producer.send(10, 40_000, 39_000)
    producer.pause(4_000_000)
    producer.send(100, 100, 0)
    assert producer.clock.live
    producer.send(10, 100, 0)
    assert not producer.clock.live


def test_now_and_then_a_wait_is_not_live() -> None:
    producer = Producer()
    for _ in range(50):
        producer.send(3, 40_000, 20_000)
        producer.send(1, 100, 0)
    assert not producer.clock.live
