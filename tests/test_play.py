"""Access units that are there before their time: sent when due, in order, and taken back where they are late."""

import itertools
import threading

import pytest

from tests.access_units import PAYLOAD_TYPE, PPS, SPS, Trains, annexb, keyframe, number_in, picture
from tests.datagrams import UdpViewer, sending
from tests.depacketizer import Depacketizer
from tests.interleaved import Line
from tests.streams import stream
from vstream._fastpath import Fanout, Pacer, Train
from vstream.clock import monotonic_us
from vstream.sources.base import AccessUnit, DueUnit
from vstream.stream import Stream

TIMEOUT_S = 10
LAG_LIMIT_US = 20_000_000
"""Longer than any machine keeps these tests from running."""
STEP_US = 20_000
FAR_US = 3_600_000_000
OTHER_SPS = SPS[:-1] + b"\x84"


def pacer() -> Pacer:
    return Pacer(lag_limit_us=LAG_LIMIT_US)


def due(units: list[bytes], begin_us: int, step_us: int = STEP_US) -> list[DueUnit]:
    times_us = itertools.count(begin_us, step_us)
    return [DueUnit(due_us, AccessUnit(unit, due_us)) for due_us, unit in zip(times_us, units, strict=False)]


def pictures(count: int) -> list[bytes]:
    return [picture(number) if number else keyframe(number) for number in range(count)]


def joined(fed: Stream, viewer: UdpViewer) -> UdpViewer:
    fed.join_udp(viewer.writer)
    return viewer


def numbers_in(fed: Stream, packets: list[bytes]) -> list[int]:
    """The access units in them, with no sequence number missing in them or between them."""
    receiver = Depacketizer(ssrc=fed.ssrc, payload_type=PAYLOAD_TYPE, max_packet_bytes=1400)
    came = [receiver.push(packet) for packet in packets]
    return [number_in(unit.units) for unit in came if unit is not None]


def test_each_train_leaves_when_it_is_due() -> None:
    with sending() as sender:
        viewer = sender.joined()
        line = Line()
        sender.fanout.join_tcp(line.writer, channel=2, cached=False)
        trains = [sender.trains.keyframe(), *[sender.trains.picture() for _ in range(4)]]
        begin_us = monotonic_us() + STEP_US
        due_us = [begin_us + at * STEP_US for at in range(5)]
        sent, moved_us, backlog = sender.fanout.play(trains, due_us, pacer(), 0)
        assert (len(sent), moved_us, backlog) == (5, 0, False)
        assert all(late_us >= 0 and writing_us >= 0 for late_us, writing_us in sent)
        assert viewer.rest() == [packet for train in trains for packet in train.packets()]
        line.drain()
        assert line.received.frames[2] == [packet for train in trains for packet in train.packets()]
        assert sender.fanout.newest_us == due_us[-1] + sum(sent[-1])
        line.close()


def test_playing_begins_at_any_train() -> None:
    with sending() as sender:
        viewer = sender.joined()
        trains = [sender.trains.keyframe() for _ in range(3)]
        sent, _, _ = sender.fanout.play(trains, [monotonic_us()] * 3, pacer(), 2)
        assert len(sent) == 1
        assert viewer.rest() == trains[2].packets()


@pytest.mark.parametrize(
    ("times", "begin", "problem"),
    [(2, 0, "2 times for 3 trains"), (3, 3, "from number 3 on"), (4, 0, "4 times for 3 trains")],
)
def test_a_plan_that_does_not_fit_is_refused(times: int, begin: int, problem: str) -> None:
    trains = Trains()
    with pytest.raises(ValueError, match=problem):
        Fanout(gop_limit_bytes=1 << 20).play([trains.keyframe() for _ in range(3)], [0] * times, pacer(), begin)


def test_what_is_no_train_is_refused() -> None:
    fanout = Fanout(gop_limit_bytes=1 << 20)
    not_a_train: list[Train] = [None]  # type: ignore[list-item]
    with pytest.raises(TypeError):
        fanout.play(not_a_train, [0], pacer(), 0)
    assert fanout.units == 0


def test_a_wait_ends_when_it_is_to_stop() -> None:
    fed, pace = stream(), pacer()
    first = threading.Event()
    units = [*due(pictures(2), monotonic_us(), 0), *due([picture(2)], monotonic_us() + FAR_US)]

    def play() -> None:
        first.set()
        fed.play(units, pace)

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    assert first.wait(TIMEOUT_S)
    pace.stop()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert pace.stopped
    assert fed.fanout.units < 3
    assert fed.play(units, pace) == 0


def test_what_is_late_moves_and_all_behind_it() -> None:
    """The machine was suspended behind the second picture: the others keep their distance, in RTP's time too."""
    with sending() as sender:
        fed, now_us = stream(), monotonic_us()
        viewer, line = joined(fed, sender.viewer()), Line()
        fed.join_tcp(line.writer, 0)
        times_us = [now_us, now_us, now_us - LAG_LIMIT_US - STEP_US, now_us - LAG_LIMIT_US]
        units = [DueUnit(due_us, AccessUnit(data, due_us)) for due_us, data in zip(times_us, pictures(4), strict=True)]
        moved_us = fed.play(units, pacer())
        assert moved_us > LAG_LIMIT_US
        packets = viewer.rest()
        assert numbers_in(fed, packets) == [0, 1, 2, 3]
        line.drain()
        assert line.received.frames[0] == packets
        begin, *stamps = dict.fromkeys(int.from_bytes(packet[4:8]) for packet in packets)
        late, later = [(stamp - begin) % 2**32 * 100 // 9 for stamp in stamps]
        assert late == pytest.approx(moved_us - LAG_LIMIT_US - STEP_US, abs=50)
        assert later - late == pytest.approx(STEP_US, abs=50)
        assert monotonic_us() - now_us >= STEP_US
        line.close()


def test_what_is_late_moves_once_whatever_is_described_behind_it() -> None:
    """New parameter sets are waited for, and what was planned behind them knows of no delay."""
    with sending() as sender:
        fed = stream()
        viewer = joined(fed, sender.viewer())
        other = [annexb(OTHER_SPS, PPS) + keyframe(2), picture(3)]
        units = due([*pictures(2), *other], monotonic_us() - 2 * LAG_LIMIT_US)
        moved_us = fed.play(units, pacer())
        assert 2 * LAG_LIMIT_US <= moved_us < 3 * LAG_LIMIT_US
        stamps = [int.from_bytes(packet[4:8]) for packet in viewer.rest() if packet[1] & 0x80]
        steps_us = [(later - one) % 2**32 * 100 // 9 for one, later in itertools.pairwise(stamps)]
        assert steps_us == pytest.approx([STEP_US] * 3, abs=50)


def test_late_within_the_limit_does_not_move() -> None:
    fed = stream()
    assert fed.play(due(pictures(3), monotonic_us() - LAG_LIMIT_US // 2, 0), pacer()) == 0
    assert fed.fanout.units == 3


def test_what_holds_nothing_to_send_takes_no_time() -> None:
    with sending() as sender:
        fed = stream()
        viewer = joined(fed, sender.viewer())
        delimiter = annexb(b"\x09\x10")
        fed.play(due([delimiter, keyframe(0), delimiter, picture(1), delimiter], monotonic_us(), 0), pacer())
        assert numbers_in(fed, viewer.rest()) == [0, 1]


def test_a_new_sps_is_not_described_before_it_is_due() -> None:
    fed = stream()
    fed.play(due(pictures(2), monotonic_us(), 0), pacer())
    before = fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP")
    described = []
    # Only this thread waits for the picture before the new SPS, so the source is what can look meanwhile.
    fed.on_backlog = lambda: described.append(fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP"))
    with sending() as sender:
        fed.publish(AccessUnit(keyframe(2, 400_000), monotonic_us()))
        joined(fed, sender.viewer())
        fed.play(due([picture(3), annexb(OTHER_SPS, PPS)], monotonic_us(), 0), pacer())
    assert described[0] == before
    assert fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP") != before


def test_a_backlog_is_told_before_the_next_is_due() -> None:
    """What a newcomer begins with leaves in bursts, and somebody else sends the next of them in between."""
    with sending() as sender:
        fed = stream()
        fed.publish(AccessUnit(keyframe(0, 400_000), monotonic_us()))
        told_at_us: list[int] = []
        joined(fed, sender.viewer())
        pace = pacer()

        def tell() -> None:
            told_at_us.append(monotonic_us())
            pace.stop()

        fed.on_backlog = tell
        units = due([picture(1), picture(2)], monotonic_us(), LAG_LIMIT_US)
        fed.play(units, pace)
        assert told_at_us
        assert told_at_us[0] < units[1].due_us


def test_each_stage_is_counted_once_a_picture() -> None:
    fed = stream()
    begin_us = monotonic_us()
    fed.play(due(pictures(4), begin_us, 1000), pacer())
    for name, histogram in fed.stages.by_name().items():
        assert sum(histogram.counts) == 4, name
        assert 0 <= histogram.sum_s < (monotonic_us() - begin_us) / 1e6 * 4
