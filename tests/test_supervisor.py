"""A source that breaks: when it is started again, after which pause, when that ends, and what viewers get meanwhile."""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from tests.access_units import PAYLOAD_TYPE, PPS, SPS, annexb, keyframe, number_in, picture
from tests.depacketizer import Depacketizer
from tests.interleaved import Line
from tests.network import wait_until
from tests.streams import stream
from vstream import supervisor as supervisor_module
from vstream.clock import monotonic_us
from vstream.errors import CameraError, NoVideoError, RetriesExceededError, VstreamError
from vstream.restarts import RestartBudget, pause_s
from vstream.sources.base import AccessUnit, Remedy, Sink
from vstream.stream import Stream
from vstream.supervisor import Supervisor

LONG_S = 60.0
OTHER_SPS = SPS[:3] + b"\x0c" + SPS[4:]
"""Another level: 1.2."""
IDR_SLICE = b"\x65" + bytes(range(1, 200))


class Script:
    """A source that does one of `acts` each time it is run, and its last one ever after."""

    name = "script"
    is_waiting = False

    def __init__(self, *acts: Callable[[Sink], None], remedies: Sequence[Remedy] = ()) -> None:
        self.remedies = remedies
        self.runs = 0
        self.stopped = threading.Event()
        self._acts = acts

    def run(self, sink: Sink) -> None:
        act = self._acts[min(self.runs, len(self._acts) - 1)]
        self.runs += 1
        act(sink)

    def stop(self) -> None:
        self.stopped.set()

    def request_keyframe(self) -> bool:
        return False

    def set_bitrate(self, bitrate_bps: int) -> bool:
        return False

    def set_keyframe_interval(self, frames: int) -> bool:
        return False


def breaks(sink: Sink) -> None:
    raise CameraError("the cable fell out")


def give(*pictures: bytes) -> Callable[[Sink], None]:
    def act(sink: Sink) -> None:
        for data in pictures:
            sink(AccessUnit(data, monotonic_us()))

    return act


def give_and_break(*pictures: bytes) -> Callable[[Sink], None]:
    def act(sink: Sink) -> None:
        give(*pictures)(sink)
        breaks(sink)

    return act


def supervise(
    source: Script, fed: Stream | None = None, *, limit: int = 5, waits: bool = False, timeout_s: float = LONG_S
) -> tuple[Supervisor, VstreamError | None]:
    """Run a source until it is over; gives its supervisor and how it ended."""
    over = threading.Event()
    supervisor = Supervisor(
        source, fed or stream(), over.set, frame_timeout_s=timeout_s, restarts_limit=limit, waits=waits
    )
    supervisor.start()
    assert over.wait(LONG_S)
    supervisor.stop(LONG_S)
    return supervisor, supervisor.outcome


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses have a test of their own."""
    monkeypatch.setattr(supervisor_module, "pause_s", lambda vain_runs: 0.0)


def test_a_source_that_ends_is_not_started_again() -> None:
    source = Script(give(keyframe(0)))
    assert supervise(source)[1] is None
    assert source.runs == 1


def test_a_source_that_can_never_work_is_not_started_again() -> None:
    def act(sink: Sink) -> None:
        raise NoVideoError("only music")

    source = Script(act)
    assert isinstance(supervise(source)[1], NoVideoError)
    assert source.runs == 1


@pytest.mark.usefixtures("without_pauses")
def test_a_source_that_breaks_is_started_again_so_often(caplog: pytest.LogCaptureFixture) -> None:
    source = Script(breaks)
    supervisor, outcome = supervise(source, limit=5)
    assert isinstance(outcome, RetriesExceededError)
    assert outcome.exit_code == 7
    assert (source.runs, supervisor.restarts["camera"]) == (6, 5)
    assert caplog.text.count("Pipeline crashed: the cable fell out") == 6
    assert "Max retries exceeded: 5 restarts within a minute did not help" in caplog.text


@pytest.mark.usefixtures("without_pauses")
def test_any_other_error_is_survived_as_well(caplog: pytest.LogCaptureFixture) -> None:
    def act(sink: Sink) -> None:
        raise ZeroDivisionError("one by nought")

    supervisor, outcome = supervise(Script(act, give(keyframe(0))))
    assert outcome is None
    assert supervisor.restarts["source"] == 1
    assert "Pipeline crashed: ZeroDivisionError: one by nought" in caplog.text


@pytest.mark.usefixtures("without_pauses")
def test_where_it_waits_it_goes_on_after_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "_WAIT_PAUSE_S", 0.001)
    monkeypatch.setattr("vstream.restarts.WINDOW_S", 0.2)
    source = Script(breaks, breaks, breaks, give(keyframe(0)))
    assert supervise(source, limit=1, waits=True)[1] is None
    assert source.runs == 4


@pytest.mark.usefixtures("without_pauses")
def test_viewers_go_on_with_the_next_keyframe_and_the_same_numbers() -> None:
    fed, line = stream(), Line()
    fed.join_tcp(line.writer, 0)
    source = Script(give_and_break(keyframe(0), picture(1)), give(picture(2), picture(3), keyframe(4), picture(5)))
    supervise(source, fed)
    line.drain()
    receiver = Depacketizer(ssrc=fed.ssrc, payload_type=PAYLOAD_TYPE, max_packet_bytes=1400)
    received = [unit for packet in line.received.frames[0] if (unit := receiver.push(packet))]
    assert [number_in(unit.units) for unit in received] == [0, 1, 4, 5]
    line.close()


@pytest.mark.usefixtures("without_pauses")
def test_changed_parameter_sets_are_in_the_description_for_newcomers() -> None:
    fed = stream()
    before: list[bytes | None] = []

    def first(sink: Sink) -> None:
        give(keyframe(0))(sink)
        before.append(fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP"))
        breaks(sink)

    supervise(Script(first, give(annexb(OTHER_SPS, PPS, IDR_SLICE))), fed)
    after = fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP")
    assert before[0] is not None
    assert after is not None
    assert b"profile-level-id=42c00d" in before[0].lower()
    assert b"profile-level-id=42c00c" in after.lower()


def test_a_silent_source_is_helped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    helped = threading.Event()

    def silent(sink: Sink) -> None:
        give(keyframe(0))(sink)
        assert helped.wait(LONG_S)

    source = Script(silent, remedies=[Remedy("shaking it", helped.set, 60_000_000)])
    supervisor, _ = supervise(source, timeout_s=0.2)
    assert supervisor.restarts["shaking it"] == 1
    assert "Pipeline crashed: no frames, shaking it" in caplog.text


def test_a_silent_source_that_had_its_restarts_ends_the_server() -> None:
    def silent(sink: Sink) -> None:
        give(keyframe(0))(sink)
        assert source.stopped.wait(LONG_S)

    source = Script(silent, remedies=[Remedy(name, lambda: None, 1000) for name in ("one", "two", "three")])
    supervisor, outcome = supervise(source, limit=2, timeout_s=0.2)
    assert isinstance(outcome, RetriesExceededError)
    assert supervisor.restarts == {"one": 1, "two": 1}


def test_frames_that_come_back_while_it_waits_are_not_interrupted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor_module, "_WAIT_PAUSE_S", 0.5)
    exhausted, applied = threading.Event(), list[str]()

    def silent(sink: Sink) -> None:
        give(keyframe(0))(sink)
        assert exhausted.wait(LONG_S)
        while not source.stopped.wait(0.02):
            give(keyframe(1))(sink)

    remedies = [Remedy(name, partial(applied.append, name), 1000) for name in ("one", "two")]
    source, over = Script(silent, remedies=remedies), threading.Event()
    supervisor = Supervisor(source, stream(), over.set, frame_timeout_s=0.2, restarts_limit=1, waits=True)
    supervisor.start()
    wait_until(lambda: "Max retries exceeded" in caplog.text, "the end of its restarts")
    caplog.set_level(logging.INFO)
    exhausted.set()
    wait_until(lambda: "Frames are back" in caplog.text, "frames")
    supervisor.stop(LONG_S)
    assert applied == ["one"]
    assert supervisor.restarts == {"one": 1}


def test_stopped_while_it_pauses_it_ends_at_once() -> None:
    source = Script(breaks)
    over = threading.Event()
    supervisor = Supervisor(source, stream(), over.set, frame_timeout_s=LONG_S, restarts_limit=1, waits=True)
    supervisor.start()
    wait_until(lambda: source.runs == 2, "its second run")
    supervisor.stop(LONG_S)
    assert over.wait(LONG_S)
    assert (supervisor.outcome, source.runs) == (None, 2)


def test_only_runs_in_vain_make_the_next_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    vain: list[int] = []

    def noting(vain_runs: int) -> float:
        vain.append(vain_runs)
        return 0.0

    monkeypatch.setattr(supervisor_module, "pause_s", noting)
    gives = give_and_break(keyframe(0))
    supervise(Script(gives, gives, breaks, breaks, gives, breaks, give(keyframe(0))), limit=10)
    assert vain == [0, 0, 1, 2, 0, 1]


def test_pauses_grow_up_to_four_seconds() -> None:
    assert [pause_s(vain) for vain in (0, 1, 2, 3, 4, 5, 6, 100_000)] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_a_budget_lasts_a_minute() -> None:
    budget = RestartBudget(limit=2)
    assert [budget.spend(at_s) for at_s in (0.0, 30.0, 59.0, 61.0, 80.0, 91.0)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
