"""The source's thread against the server's: viewers come, stall, answer and go while units are published."""

import select
import threading
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle, islice

from tests.access_units import Trains
from tests.datagrams import media_in, sending
from tests.interleaved import SMALLEST_BUFFER_BYTES, Line
from vstream._fastpath import Fanout

UNITS = 1500
UNREAD_LIMIT = 8  # more could overrun a receive buffer of the size that a system allows everyone


def publishing(
    fanout: Fanout, trains: Trains, finished: threading.Event, *, may_go_on: threading.Semaphore | None = None
) -> Callable[[], None]:
    def run() -> None:
        for number in range(UNITS):
            if may_go_on:
                may_go_on.acquire()
            fanout.publish(trains.picture(4000) if number % 8 else trains.keyframe(9000), 0)
        finished.set()

    return run


def units_in(packets: list[bytes]) -> int:
    return sum(packet[1] >> 7 for packet in packets)


def test_viewers_come_and_go_while_units_are_published() -> None:
    """Each thread's part in this is small; what the locks do not guard, a sanitizer or a broken stream shows."""
    finished = threading.Event()
    with sending() as sender, select.epoll() as epoll, ExitStack() as stack:
        fanout = sender.fanout
        lines: dict[int, Line] = {}
        for _ in range(6):
            line = Line(limit_bytes=60_000, send_buffer_bytes=SMALLEST_BUFFER_BYTES, epoll_fd=epoll.fileno())
            stack.callback(line.close)
            epoll.register(line.ours.fileno(), select.EPOLLIN)
            lines[line.ours.fileno()] = line
        viewers = [sender.viewer(segmentation=number < 3) for number in range(6)]
        source = threading.Thread(target=publishing(fanout, sender.trains, finished))
        source.start()
        pairs = cycle(zip(lines.values(), viewers, strict=True))
        while not finished.is_set():
            for line, viewer in islice(pairs, 4):
                fanout.join_tcp(line.writer, channel=2, cached=True)
                fanout.join_udp(viewer.writer, cached=True)
                line.writer.write(b"RTSP/1.0 200 OK\r\n\r\n")
            fanout.flush_udp()
            for fd, _ in epoll.poll(0):
                lines[fd].writer.flush()
            for line, viewer in islice(pairs, 2, 6):
                line.read(8000)
                fanout.leave_tcp(line.writer)
                fanout.leave_udp(viewer.writer)
                assert line.writer.queued_bytes < 60_000 + 100_000
        source.join()
        for line in lines.values():
            fanout.leave_tcp(line.writer)
            line.drain()
            line.media(channel=2)
        packets = [line.writer.packets_sent for line in lines.values()]
        packets += [viewer.writer.packets_sent for viewer in viewers]
        assert sum(packets) == fanout.packets_sent


def test_viewers_that_stay_lose_nothing_by_those_who_come_and_go() -> None:
    finished, may_go_on = threading.Event(), threading.Semaphore(UNREAD_LIMIT)
    with sending() as sender, ExitStack() as stack:
        fanout = sender.fanout
        steady_line, other_line = Line(limit_bytes=1 << 30), Line(limit_bytes=1 << 30)
        for line in (steady_line, other_line):
            stack.callback(line.close)
        steady, other = sender.joined(), sender.viewer()
        fanout.join_tcp(steady_line.writer, channel=0, cached=False)
        received: list[bytes] = []
        source = threading.Thread(target=publishing(fanout, sender.trains, finished, may_go_on=may_go_on))
        source.start()
        while not finished.is_set() or steady.writer.packets_sent > len(received):
            fanout.join_tcp(other_line.writer, channel=0, cached=False)
            fanout.join_udp(other.writer, cached=True)
            steady_line.writer.flush()
            steady_line.read()
            other_line.read()
            came = steady.rest()
            received += came
            for _ in range(units_in(came)):
                may_go_on.release()
            fanout.leave_udp(other.writer)
            fanout.leave_tcp(other_line.writer)
            other.rest()
        source.join()
        assert steady_line.numbers() == media_in(received).numbers == list(range(UNITS))
