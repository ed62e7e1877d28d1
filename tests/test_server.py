"""The whole server over loopback: joins, counts, clocks, goodbyes, and viewers that must not hurt each other."""

import gc
import logging
import socket
import struct
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.access_units import number_in
from tests.depacketizer import ReceivedUnit
from tests.e2e.viewer import TIMEOUT_S, Viewer
from tests.network import wait_until
from tests.served import Served, served
from vstream.server.connection import Connection

TRANSPORTS = ("udp", "tcp")
INTERLEAVED = "RTP/AVP/TCP;unicast;interleaved=0-1"
NOT_RTCP = b"\0\0\0\0"


def next_numbers(viewer: Viewer, count: int) -> list[int]:
    units = viewer.units()
    return [number_in(next(units).units) for _ in range(count)]


def started(running: Served) -> Served:
    """Parameter sets are known, so that viewers are answered at once."""
    running.keyframe()
    return running


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_viewer_gets_every_unit_from_a_keyframe_on(transport: str) -> None:
    with served() as running, Viewer(started(running).url).play(transport) as viewer:
        for _ in range(30):
            running.picture()
        assert next_numbers(viewer, 31) == list(range(31))


def packets_of(viewer: Viewer, units: int) -> list[bytes]:
    """The packets of so many access units."""
    packets: list[bytes] = []
    while units:
        packets.append(viewer.rtp())
        units -= packets[-1][1] >> 7
    return packets


def test_counts_are_what_viewers_got() -> None:
    with served() as running:
        started(running)
        viewers = [Viewer(running.url).set_up(transport) for transport in TRANSPORTS * 3]
        for viewer in viewers:
            assert viewer.ask("PLAY").status == 200
        for _ in range(10):
            running.picture(9000)
        received = [packet for viewer in viewers for packet in packets_of(viewer, units=11)]
        fanout = running.stream.fanout
        assert fanout.packets_sent == len(received)
        assert fanout.octets_sent == sum(len(packet) - 12 for packet in received)
        assert fanout.units_dropped == 0
        for viewer in viewers:
            viewer.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_viewer_pauses_and_goes_on_with_all_that_is_kept(transport: str) -> None:
    """Nothing is published meanwhile, so the server has to send it on by itself."""
    with served() as running:
        running.keyframe(120_000)
        for _ in range(10):
            running.picture()
        with Viewer(running.url).play(transport) as viewer:
            assert next_numbers(viewer, 11) == list(range(11))
            assert viewer.ask("PAUSE").status == 200
            assert viewer.ask("PLAY").status == 200
            assert next_numbers(viewer, 11) == list(range(11))


def test_nothing_comes_before_the_answer_to_play() -> None:
    with served() as running, socket.create_connection(("127.0.0.1", started(running).server.port)) as raw:
        raw.sendall(f"SETUP {running.url} RTSP/1.0\r\nCSeq: 1\r\nTransport: {INTERLEAVED}\r\n\r\n".encode())
        session = raw.recv(4096).decode().partition("Session: ")[2].partition(";")[0]
        raw.sendall(f"PLAY {running.url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n")


def test_a_hundred_joins_ask_for_few_keyframes() -> None:
    asked: list[float] = []

    def request_keyframe() -> bool:
        asked.append(time.monotonic())
        return True

    with served(request_keyframe=request_keyframe) as running:
        started(running)
        viewers = [Viewer(running.url).set_up("tcp") for _ in range(100)]
        asked.clear()
        begun_s = time.monotonic()
        for viewer in viewers:
            viewer.send("PLAY")
        for viewer in viewers:
            assert viewer.reply().status == 200
        assert len(asked) <= 2 + (time.monotonic() - begun_s) / 0.2
        running.keyframe()
        for viewer in viewers:
            assert next_numbers(viewer, 1)[0] in (0, 1)
            viewer.close()


def test_two_hundred_joins_leave_nothing_behind() -> None:
    with served() as running:
        started(running)
        with Viewer(running.url).play("tcp") as steady:
            watched = steady.units()
            next(watched)
            before = resources()
            for number in range(200):
                viewer = Viewer(running.url).play(TRANSPORTS[number % 2])
                running.picture()
                viewer.rtp()
                if number % 3:
                    assert viewer.ask("TEARDOWN").status == 200
                viewer.close()
            wait_until(
                lambda: all(now <= then for now, then in zip(resources(), before, strict=True)),
                f"no more than {before}, after {resources()}",
            )
            assert [number_in(next(watched).units) for _ in range(200)] == list(range(1, 201))


def resources() -> tuple[int, int, int]:
    """Descriptors, threads and connections of this process."""
    gc.collect()
    connections = sum(type(thing) is Connection for thing in gc.get_objects())
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), connections


def test_a_udp_viewer_that_vanished_hurts_nobody() -> None:
    with served() as running:
        started(running)
        with Viewer(running.url).play("udp") as gone, Viewer(running.url).play("udp") as steady:
            for one in gone.udp or ():
                one.close()
            for _ in range(50):
                running.picture(3000)
            assert next_numbers(steady, 51) == list(range(51))


def test_a_viewer_that_stalled_gets_a_keyframe_of_its_own_when_it_reads_again() -> None:
    asked = threading.Event()

    def request_keyframe() -> bool:
        asked.set()
        return True

    with served(request_keyframe=request_keyframe) as running:
        started(running)
        with Viewer(running.url, receive_buffer_bytes=4096).play("tcp") as stalled:
            running.keyframes_until_one_is_sent()
            while not running.stream.fanout.units_dropped:
                running.picture(50_000)
            asked.clear()
            wanted = running.count
            encoder = threading.Thread(target=encode_one, args=(running, asked))
            encoder.start()
            while number_in(next_after_a_gap(stalled).units) != wanted:
                pass
            encoder.join()


def encode_one(running: Served, asked: threading.Event) -> None:
    if asked.wait(TIMEOUT_S):
        running.keyframe()


def next_after_a_gap(viewer: Viewer) -> ReceivedUnit:
    """The next access unit, wherever it stands in the sequence."""
    return next(viewer.units())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_everyone_is_told_of_the_end(transport: str) -> None:
    with served() as running:
        started(running)
        viewers = [Viewer(running.url).play(transport) for _ in range(5)]
        stalled = Viewer(running.url, receive_buffer_bytes=4096).play("tcp")
        for _ in range(200):
            running.picture(20_000)
        with ThreadPoolExecutor(len(viewers) + 1) as pool:
            told = [pool.submit(viewer.wait_for_goodbye) for viewer in viewers]
            ending = pool.submit(running.shut_down, 60)
            assert all(one.result() for one in told)
            # The one that stalled reads last; for it the end would wait no longer than its limit.
            for viewer in [*viewers, stalled]:
                viewer.wait_for_close()
                viewer.close()
            ending.result()


def test_who_cannot_be_closed_leaves_the_others_their_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Connection] = []

    def close(connection: Connection, reason: str) -> None:
        close_really(connection, reason)
        closed.append(connection)
        if len(closed) == 1:
            raise RuntimeError("unforeseen")

    close_really = Connection.close
    with served() as running, Viewer(started(running).url) as one, Viewer(running.url) as other:
        for viewer in (one, other):
            viewer.play("tcp")
        monkeypatch.setattr(Connection, "close", close)
        running.shut_down()
        for viewer in (one, other):
            viewer.wait_for_goodbye()
            viewer.wait_for_close()
    assert len(closed) == 2


def test_udp_goes_on_after_a_turn_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = threading.Event()

    def flush_udp() -> bool:
        if flushed.is_set():
            return False
        flushed.set()
        raise RuntimeError("unforeseen")

    with served() as running:
        running.keyframe(500_000)
        with monkeypatch.context() as patched:
            patched.setattr(running.server, "_stream", SimpleNamespace(fanout=SimpleNamespace(flush_udp=flush_udp)))
            running.loop.wake()
            assert flushed.wait(20)
            running.on_loop(lambda: None)
        with Viewer(running.url).play("udp") as viewer:
            assert number_in(next(viewer.units()).units) == 0, "what is kept goes out burst by burst"


def test_describe_waits_for_a_source_that_only_starts() -> None:
    with served() as running, Viewer(running.url) as viewer:
        viewer.send("DESCRIBE")
        with Viewer(running.url) as other:
            assert other.ask("OPTIONS").status == 200
        running.keyframe()
        reply = viewer.reply()
        assert (reply.status, b"sprop-parameter-sets=" in reply.body) == (200, True)


def test_describe_does_not_wait_for_ever() -> None:
    with served() as running, Viewer(running.url) as viewer:
        reply = viewer.ask("DESCRIBE")
        assert (reply.status, reply.headers["Retry-After"].isdigit()) == (503, True)
        running.keyframe()
        assert viewer.ask("DESCRIBE").status == 200


def test_rtcp_counts_only_from_where_a_session_said_it_would_come(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "vstream.server.viewer")
    with served() as running:
        started(running)
        with Viewer(running.url).play("udp") as viewer, Viewer(running.url).set_up("udp") as stranger:
            send_rtcp(stranger, NOT_RTCP, port_of=viewer)
            send_rtcp(viewer, NOT_RTCP)
            wait_until(lambda: "RTCP not understood" in caplog.text, "RTCP being heard")
            assert Counter(record.message.partition(":")[0] for record in caplog.records)["RTCP not understood"] == 1


def send_rtcp(viewer: Viewer, packet: bytes, port_of: Viewer | None = None) -> None:
    """Send from a viewer's RTCP port to the port that the server's reports come from."""
    assert viewer.udp
    reporting = (port_of or viewer).udp
    assert reporting
    _, address = reporting[1].recvfrom(2048)
    viewer.udp[1].sendto(packet, address)


def test_rtp_and_rtcp_come_from_the_address_that_was_asked() -> None:
    with served(host="") as running:
        started(running)
        url = running.url.replace("rtsp://:", "rtsp://127.0.0.2:")
        with Viewer(url).play("udp") as viewer:
            assert viewer.udp
            assert [one.recvfrom(2048)[1][0] for one in viewer.udp] == ["127.0.0.2"] * 2


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_first_report_names_the_stream_and_its_counts(transport: str) -> None:
    with served() as running, Viewer(started(running).url).play(transport) as viewer:
        kind, ssrc, packets = struct.unpack("!xB2xI12xI", viewer.rtcp()[:24])
        assert (kind, ssrc) == (200, viewer.ssrc)
        assert packets <= len(packets_of(viewer, units=1))
