"""One stream to interleaved viewers: framing, order, what a slow one loses, and that nobody else notices."""

import errno
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.cpu import rss_bytes
from tests.access_units import Trains
from tests.interleaved import SMALLEST_BUFFER_BYTES, Line
from vstream._fastpath import Fanout, Train

OpenLine = Callable[..., Line]
ANSWERS_BYTES = 65536
"""The room that answers have behind media."""


@pytest.fixture
def open_line() -> Iterator[OpenLine]:
    with ExitStack() as opened:
        yield lambda **options: opened.enter_context(closing(Line(**options)))


def publish(fanout: Fanout, *trains: Train) -> None:
    for train in trains:
        assert not fanout.publish(train, 0), "there are no UDP viewers"


def answer(text: str) -> bytes:
    return f"RTSP/1.0 200 OK\r\nCSeq: {text}\r\n\r\n".encode()


steps = st.one_of(
    st.tuples(st.just("keyframe"), st.integers(20, 9000)),
    st.tuples(st.just("picture"), st.integers(20, 6000)),
    st.tuples(st.just("answer"), st.integers(1, 3000)),
    st.tuples(st.just("read"), st.integers(1, 7000)),
    st.tuples(st.just("flush"), st.just(0)),
    st.tuples(st.just("rejoin"), st.integers(0, 1)),
)


@settings(max_examples=150)
@given(st.lists(steps, max_size=60), st.integers(SMALLEST_BUFFER_BYTES, 12000), st.integers(1, 40000))
def test_framing_order_and_counts_hold_however_the_socket_cuts(
    plan: list[tuple[str, int]], send_buffer_bytes: int, limit_bytes: int
) -> None:
    fanout, trains = Fanout(gop_limit_bytes=1 << 24), Trains()
    answers: list[bytes] = []
    line = Line(limit_bytes=limit_bytes, send_buffer_bytes=send_buffer_bytes)
    fanout.join_tcp(line.writer, channel=4, cached=False)
    for step, amount in plan:
        if step == "answer":
            text = answer(f"{len(answers)} {'x' * amount}")
            if line.writer.write(text):
                answers.append(text)
        elif step == "read":
            line.read(amount)
        elif step == "flush":
            line.writer.flush()
        elif step == "rejoin":
            fanout.leave_tcp(line.writer)
            fanout.join_tcp(line.writer, channel=4, cached=bool(amount))
        else:
            publish(fanout, trains.keyframe(amount) if step == "keyframe" else trains.picture(amount))
    line.drain()
    media = line.media(channel=4)
    line.close()
    assert line.received.answers == answers
    assert set(line.received.frames) <= {4}
    assert line.writer.units_sent == len(media.numbers)
    assert line.writer.packets_sent == fanout.packets_sent == media.packets
    assert line.writer.octets_sent == fanout.octets_sent == media.octets
    assert line.writer.units_dropped == fanout.units_dropped
    kinds = [step for step, _ in plan]
    if "rejoin" not in kinds:
        media.assert_decodable()
    if not {"rejoin", "answer"} & set(kinds):
        units = [kind for kind in kinds if kind in ("keyframe", "picture")]
        begun = units.index("keyframe") if "keyframe" in units else len(units)
        assert fanout.units_dropped == len(units) - begun - len(media.numbers)


def test_a_viewer_that_does_not_read_loses_whole_units_until_a_keyframe(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    limit_bytes = 100_000
    stalled = open_line(limit_bytes=limit_bytes, send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    steady = open_line(send_buffer_bytes=1 << 20)
    for line in (stalled, steady):
        fanout.join_tcp(line.writer, channel=0, cached=False)
    for number in range(200):
        publish(fanout, trains.picture(5000) if number % 50 else trains.keyframe(20000))
        assert stalled.writer.queued_bytes <= limit_bytes
        steady.drain()
    assert steady.numbers() == list(range(200))
    assert steady.writer.units_dropped == 0
    numbers = stalled.numbers()
    assert numbers[0] == 0
    assert stalled.writer.awaiting_keyframe
    assert stalled.writer.units_dropped == fanout.units_dropped == 200 - len(numbers) > 100
    publish(fanout, trains.picture())
    assert stalled.numbers() == numbers
    publish(fanout, trains.keyframe(), trains.picture())
    assert stalled.numbers() == [*numbers, 201, 202]
    assert not stalled.writer.awaiting_keyframe


def answer_until_full(line: Line) -> tuple[list[bytes], list[bytes]]:
    """More answers than there is room for, and those that were taken."""
    answers = [answer(str(number)) for number in range(10_000)]
    return answers, [text for text in answers if line.writer.write(text)]


def test_a_keyframe_larger_than_the_limit_reaches_an_idle_viewer(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    line = open_line(limit_bytes=10_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(300_000))
    assert line.numbers() == [0]


def test_what_follows_a_keyframe_larger_than_the_limit_waits_behind_it(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    line = open_line(limit_bytes=10_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(300_000), *[trains.picture() for _ in range(8)])
    assert line.numbers() == list(range(9))
    publish(fanout, trains.keyframe(300_000), *[trains.picture() for _ in range(20)])
    assert line.writer.awaiting_keyframe, "its limit still counts what waits"
    assert line.numbers() == list(range(10))
    assert line.writer.units_dropped == 20


def test_a_keyframe_larger_than_the_limit_reaches_a_viewer_who_is_late_by_a_picture(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    line = open_line(limit_bytes=30_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(9000), trains.picture(100), trains.picture(100))
    assert 9000 < line.writer.queued_bytes < 30_000
    publish(fanout, trains.keyframe(300_000), *[trains.picture() for _ in range(8)])
    assert line.numbers() == [0, *range(3, 12)], "what was being written, and all from the keyframe on"


def test_a_newcomer_waits_for_a_keyframe(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    line = open_line()
    publish(fanout, trains.keyframe(), trains.picture())
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.picture(), trains.picture(), trains.keyframe(), trains.picture())
    assert line.numbers() == [4, 5]
    assert line.writer.units_dropped == 0, "what it missed before it began is no loss"


def test_a_newcomer_begins_with_the_whole_kept_gop(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    publish(fanout, trains.keyframe(), trains.picture(), trains.keyframe(50_000))
    publish(fanout, *[trains.picture(10_000) for _ in range(20)])
    line = open_line(limit_bytes=20_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=True)
    assert line.writer.queued_bytes > 200_000, "the kept pictures do not count against its limit"
    assert line.numbers() == list(range(2, 23))
    for _ in range(10):
        publish(fanout, trains.picture(10_000))
        assert line.writer.queued_bytes <= 20_000, "but those to come do"


def test_a_cache_past_its_limit_is_given_up(trains: Trains, open_line: OpenLine) -> None:
    fanout = Fanout(gop_limit_bytes=10_000)
    publish(fanout, trains.keyframe())
    assert fanout.cached() is not None
    publish(fanout, trains.picture(8000), trains.picture(100))
    assert fanout.cached() is None
    line = open_line()
    fanout.join_tcp(line.writer, channel=0, cached=True)
    publish(fanout, trains.keyframe())
    assert line.numbers() == [3]


def test_what_was_kept_before_an_interruption_serves_nobody(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    publish(fanout, trains.keyframe())
    fanout.interrupt()
    line = open_line()
    fanout.join_tcp(line.writer, channel=0, cached=True)
    publish(fanout, trains.picture())
    assert (fanout.cached(), line.numbers()) == (None, [])


def test_a_viewer_that_leaves_within_a_unit_still_gets_the_rest_of_it(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    line = open_line(send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(50_000), trains.picture())
    line.read(1000)
    fanout.leave_tcp(line.writer)
    assert line.writer.write(answer("paused"))
    publish(fanout, trains.keyframe())
    assert line.numbers() == [0]
    assert line.received.answers == [answer("paused")]
    assert line.received.frames[0][-1][1] & 0x80, "the answer stands behind the marker"


def test_a_viewer_goes_on_from_a_keyframe(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    line = open_line()
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(), trains.picture())
    fanout.leave_tcp(line.writer)
    publish(fanout, trains.picture())
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.picture(), trains.keyframe())
    assert line.numbers() == [0, 1, 4]
    assert line.writer.units_dropped == 0


def test_pausing_and_playing_again_and_again_does_not_raise_the_limit(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    publish(fanout, trains.keyframe(50_000))
    line = open_line(limit_bytes=20_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    for _ in range(50):
        fanout.join_tcp(line.writer, channel=0, cached=True)
        fanout.leave_tcp(line.writer)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    for _ in range(50):
        publish(fanout, trains.keyframe(50_000))
        assert line.writer.queued_bytes < 200_000


def test_each_viewer_has_its_own_channel(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    lines = {channel: open_line() for channel in (0, 6, 254)}
    for channel, line in lines.items():
        fanout.join_tcp(line.writer, channel=channel, cached=False)
    published = [trains.keyframe(), trains.picture()]
    publish(fanout, *published)
    for channel, line in lines.items():
        line.drain()
        assert line.received.frames == {channel: [packet for train in published for packet in train.packets()]}


def test_answers_wait_their_turn_and_are_bounded(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    line = open_line(limit_bytes=30_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(25_000))
    answers, written = answer_until_full(line)
    assert 10 < len(written) < len(answers)
    assert line.writer.queued_bytes <= 30_000 + ANSWERS_BYTES
    assert line.numbers() == [0]
    assert line.received.answers == written


def test_answers_have_room_behind_a_picture_larger_than_the_limit(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    line = open_line(limit_bytes=30_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(100_000))
    room_bytes = line.writer.queued_bytes + ANSWERS_BYTES
    answers, written = answer_until_full(line)
    assert room_bytes - len(answers[-1]) < line.writer.queued_bytes <= room_bytes
    assert line.numbers() == [0]
    assert line.received.answers == written
    assert line.writer.write(answers[0]), "there is room again"


def test_the_event_loop_is_armed_only_while_the_socket_is_full(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    with select.epoll() as epoll:
        line = open_line(send_buffer_bytes=SMALLEST_BUFFER_BYTES, epoll_fd=epoll.fileno())
        epoll.register(line.ours.fileno(), select.EPOLLIN)
        fanout.join_tcp(line.writer, channel=0, cached=False)
        publish(fanout, trains.keyframe(100))
        assert epoll.poll(0) == []
        publish(fanout, trains.picture(100_000))
        assert epoll.poll(0) == [], "the socket is full"
        while line.writer.queued_bytes:
            while line.read():
                pass
            assert epoll.poll(0) == [(line.ours.fileno(), select.EPOLLOUT)]
            line.writer.flush()
        while line.read():
            pass
        assert epoll.poll(0) == []
        line.theirs.send(b"$")
        assert epoll.poll(0) == [(line.ours.fileno(), select.EPOLLIN)], "it still hears"


def test_a_broken_connection_hurts_nobody_else(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    lines = [open_line() for _ in range(3)]
    for line in lines:
        fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe())
    lines[1].theirs.close()
    publish(fanout, trains.picture(), trains.picture())
    assert [line.writer.error for line in lines] == [0, errno.EPIPE, 0]
    assert not lines[1].writer.write(answer("too late"))
    assert lines[0].numbers() == lines[2].numbers() == [0, 1, 2]


def test_nothing_is_written_once_closed(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    line = open_line(send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(20_000))
    line.writer.close()
    publish(fanout, trains.keyframe())
    line.writer.flush()
    assert (line.writer.queued_bytes, line.writer.stalled_us) == (0, 0)
    assert not line.writer.write(answer("too late"))


def test_a_writer_that_closed_within_a_picture_may_still_leave(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    line, other = open_line(send_buffer_bytes=SMALLEST_BUFFER_BYTES), open_line()
    for one in (line, other):
        fanout.join_tcp(one.writer, channel=0, cached=False)
    publish(fanout, trains.keyframe(100_000))
    assert line.writer.queued_bytes > 0
    line.writer.close()
    fanout.leave_tcp(line.writer)
    publish(fanout, trains.picture())
    assert line.writer.queued_bytes == 0
    assert other.numbers() == [0, 1]


def test_a_stall_is_the_time_without_progress(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    line = open_line(send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    assert line.writer.stalled_us == 0
    publish(fanout, trains.keyframe(50_000))
    first = line.writer.stalled_us
    while line.writer.stalled_us <= first:
        pass
    line.drain()
    assert line.writer.stalled_us == 0


def test_a_writer_joins_once(fanout: Fanout, open_line: OpenLine) -> None:
    line = open_line()
    fanout.join_tcp(line.writer, channel=0, cached=False)
    with pytest.raises(ValueError, match="has joined"):
        fanout.join_tcp(line.writer, channel=0, cached=False)
    with pytest.raises(ValueError, match="has joined"):
        Fanout(gop_limit_bytes=0).join_tcp(line.writer, channel=0, cached=False)


@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer holds back what is freed")
def test_channels_that_nobody_shares_cost_no_copy_of_what_is_kept() -> None:
    """The kept pictures are 4 MB: a copy for each of 40 channels would be 160.

    In a process of its own, as what tests before did to the allocator is tens of megabytes.
    """
    statements = f"from {__name__} import grown_by_channels; print(grown_by_channels())"
    command = [sys.executable, "-c", statements]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True, check=True)
    assert int(done.stdout) < 60_000_000


def grown_by_channels() -> int:
    """By how many bytes this process grows with 40 viewers, each on a channel of its own."""
    fanout, trains = Fanout(gop_limit_bytes=1 << 24), Trains()
    lines = [Line(limit_bytes=1 << 23) for _ in range(40)]
    for channel, line in enumerate(lines):
        fanout.join_tcp(line.writer, channel=channel, cached=False)
    before_bytes = rss_bytes(os.getpid())
    for number in range(4):
        publish(fanout, trains.picture(1_000_000) if number else trains.keyframe(1_000_000))
        for channel, line in enumerate(lines):
            line.drain()
            media = line.media(channel)
            assert media.numbers == [number]
            line.received.frames.clear()
    return rss_bytes(os.getpid()) - before_bytes


def test_a_slow_viewer_on_a_channel_of_its_own_loses_whole_units(
    fanout: Fanout, trains: Trains, open_line: OpenLine
) -> None:
    lines = [open_line(limit_bytes=30_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES) for _ in range(8)]
    for channel, line in enumerate(lines):
        fanout.join_tcp(line.writer, channel=channel, cached=False)
    publish(fanout, trains.keyframe(), *[trains.picture(9000) for _ in range(20)], trains.keyframe())
    for channel, line in enumerate(lines):
        numbers = line.numbers(channel)
        assert numbers[0] == 0
        assert numbers[-1] == 21
        assert line.writer.units_dropped == 22 - len(numbers) > 0
