"""One RTSP connection of a running server: what it asks, refuses to read or breaks is its own trouble alone."""

import contextlib
import errno
import logging
import os
import re
import socket
import time
from types import SimpleNamespace

import pytest

from tests.access_units import number_in
from tests.e2e.viewer import Viewer
from tests.network import read_to_end, reset_on_close
from tests.served import Served, served
from vstream.config import Settings
from vstream.server import connection as connection_module
from vstream.server.audit import LINES_A_SECOND
from vstream.stream import Stream

ASK_AHEAD = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"


def assert_others_are_served(running: Served) -> None:
    running.keyframe()
    with Viewer(running.url).play("tcp") as viewer:
        assert number_in(next(viewer.units()).units) == running.count - 1


def send_without_reading(raw: socket.socket, data: bytes) -> None:
    """Send it all, or as much as the server takes before it closes the connection."""
    with contextlib.suppress(ConnectionError):
        raw.sendall(data)


def send_without_end(raw: socket.socket) -> None:
    while True:
        raw.sendall(bytes(65536))


@pytest.mark.parametrize("last", ["PAUSE", "TEARDOWN"])
def test_a_viewer_that_reads_none_of_its_answers_is_closed_alone(last: str) -> None:
    """Whichever request is the one whose answer does not fit any more."""
    with served() as running:
        running.keyframe()
        with Viewer(running.url, receive_buffer_bytes=4096).play("tcp") as viewer:
            running.keyframes_until_one_is_sent()
            while not running.stream.fanout.units_dropped:
                running.picture(50_000)
            with contextlib.suppress(ConnectionError):
                while True:
                    viewer.send(last)
                    viewer.send("PLAY")
            viewer.wait_for_close()
        assert_others_are_served(running)


def test_who_reads_a_picture_larger_than_its_limit_is_answered_behind_it() -> None:
    with served(settings=Settings(rtsp_queue_bytes=65536)) as running:
        running.keyframe()
        with Viewer(running.url, receive_buffer_bytes=4096).play("tcp") as viewer:
            units = viewer.units()
            next(units)
            running.keyframe(8_000_000)
            assert viewer.ask("OPTIONS").status == 200
            assert number_in(next(units).units) == 1


def test_a_reset_viewer_is_not_said_to_leave_its_answers_unread(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with served() as running:
        running.keyframe()
        with Viewer(running.url).play("tcp") as viewer:
            running.keyframes_until_one_is_sent()
            connection = next(iter(running.server._connections))

            def reset_and_ask() -> None:
                viewer.reset()
                while not connection.writer.error:
                    running.keyframe()
                connection.take_rtsp(ASK_AHEAD)

            running.on_loop(reset_and_ask)
        (record,) = [record for record in caplog.records if record.message.startswith("Connection closed")]
    assert record.levelno == logging.DEBUG
    assert os.strerror(errno.ECONNRESET) in record.message or os.strerror(errno.EPIPE) in record.message


def test_what_fails_in_one_request_ends_that_connection_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with served() as running:
        running.keyframe()
        with Viewer(running.url).play("tcp") as steady, Viewer(running.url).play("udp") as asking:
            with monkeypatch.context() as patched:
                patched.setattr(Stream, "description", None)
                asking.send("DESCRIBE")
                asking.wait_for_close()
            assert caplog.text.count("Traceback") == 1
            running.picture()
            units = steady.units()
            assert [number_in(next(units).units) for _ in range(2)] == [0, 1]
        assert_others_are_served(running)


def test_the_end_of_a_paused_session_leaves_its_neighbour_playing() -> None:
    with served() as running:
        running.keyframe()
        with Viewer(running.url).set_up("tcp") as viewer:
            playing, viewer.session = viewer.session, ""
            reply = viewer.ask("SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=2-3")
            paused = viewer.session = reply.headers["Session"].partition(";")[0]
            assert [viewer.ask(method).status for method in ("PLAY", "PAUSE")] == [200, 200]
            viewer.session = playing
            assert viewer.ask("PLAY").status == 200
            viewer.session = paused
            assert viewer.ask("TEARDOWN").status == 200
            viewer.session = playing
            assert viewer.ask("OPTIONS").status == 200
            running.picture()
            units = viewer.units()
            assert [number_in(next(units).units) for _ in range(2)] == [0, 1]


def test_a_client_that_asks_to_close_is_told_goodbye_and_closed() -> None:
    with served() as running:
        running.keyframe()
        with Viewer(running.url).play("tcp") as viewer:
            assert viewer.ask("OPTIONS", Connection="close").status == 200
            viewer.wait_for_goodbye()
            viewer.wait_for_close()
        assert running.stream.fanout.cached() is not None


def test_a_client_that_asks_to_close_is_closed_though_media_goes_on() -> None:
    with served() as running:
        running.keyframe()
        with Viewer(running.url, receive_buffer_bytes=4096).play("tcp") as viewer:
            running.keyframes_until_one_is_sent()
            while not running.stream.fanout.units_dropped:
                running.picture(50_000)
            viewer.send("OPTIONS", Connection="close")
            sent = running.stream.fanout.packets_sent
            running.keyframe()
            viewer.wait_for_close()
            assert running.stream.fanout.packets_sent >= sent
        assert_others_are_served(running)


def test_media_that_a_pause_cut_short_ends_with_a_whole_unit() -> None:
    with served() as running:
        running.keyframe(500_000)
        with Viewer(running.url, receive_buffer_bytes=4096).play("tcp") as viewer:
            viewer.rtp()
            assert viewer.ask("PAUSE").status == 200
            packets = [viewer.rtp()]
            while not packets[-1][1] & 0x80:
                packets.append(viewer.rtp())
            running.keyframe()
            assert viewer.ask("OPTIONS").status == 200


def test_who_asks_on_and_on_before_it_is_answered_is_closed() -> None:
    with served() as running, socket.create_connection(("127.0.0.1", running.server.port)) as raw:
        raw.sendall(f"DESCRIBE {running.url} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        send_without_reading(raw, ASK_AHEAD * 500_000)
        with contextlib.suppress(ConnectionError):
            assert raw.recv(1) == b""
        assert_others_are_served(running)


def test_bytes_that_are_no_request_are_answered_then_the_connection_is_closed() -> None:
    with served() as running:
        with socket.create_connection(("127.0.0.1", running.server.port)) as raw:
            raw.sendall(b"\x16\x03\x01 no RTSP at all\r\n\r\n")
            answer = b""
            while data := raw.recv(4096):
                answer += data
            assert answer.startswith(b"RTSP/1.0 400 ")
        assert_others_are_served(running)


@pytest.mark.parametrize("said", [b"\x16\x03\x01\r\n\r\n", b"GET /nothing HTTP/1.1\r\n\r\n"], ids=["RTSP", "HTTP"])
def test_strangers_cannot_flood_the_log(
    said: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    now_s = time.monotonic()
    monkeypatch.setattr(connection_module, "time", SimpleNamespace(monotonic=lambda: now_s))

    def be_refused(running: Served) -> None:
        with socket.create_connection(("127.0.0.1", running.server.port)) as raw:
            raw.sendall(said)
            assert b" 40" in read_to_end(raw)

    with served() as running:
        for _ in range(3 * LINES_A_SECOND):
            be_refused(running)
        assert len(caplog.records) == LINES_A_SECOND
        now_s += 1
        be_refused(running)
    record = caplog.records[LINES_A_SECOND]
    assert (record.message, record.levelno) == ("Request refused", logging.INFO)
    fields = record.__dict__
    assert fields["lines_left_out"] == 2 * LINES_A_SECOND
    assert "127.0.0.1" in str(fields["address"])
    assert fields["reason"]


def test_connections_that_break_at_once_hurt_nobody() -> None:
    with served() as running:
        for number in range(100):
            raw = socket.create_connection(("127.0.0.1", running.server.port))
            raw.sendall(b"OPTIONS" if number % 2 else ASK_AHEAD)
            reset_on_close(raw)
            raw.close()
        assert_others_are_served(running)


def test_any_number_of_requests_at_once_is_answered_in_order() -> None:
    count = 1000
    with served() as running, socket.create_connection(("127.0.0.1", running.server.port), 20) as raw:
        raw.sendall(b"".join(b"OPTIONS * RTSP/1.0\r\nCSeq: %d\r\n\r\n" % number for number in range(count)))
        raw.shutdown(socket.SHUT_WR)
        answers = raw.makefile("rb").read()
        assert re.findall(rb"CSeq: (\d+)", answers) == [b"%d" % number for number in range(count)]


def test_a_refusal_reaches_who_is_still_sending() -> None:
    """A connection closed with bytes unread is reset, and the answer that was on its way is thrown away."""
    head = b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4000000\r\n\r\n"
    with served() as running, socket.create_connection(("127.0.0.1", running.server.port), 20) as raw:
        raw.sendall(head + bytes(4_000_000))
        raw.shutdown(socket.SHUT_WR)
        assert raw.makefile("rb").read().startswith(b"RTSP/1.0 413 ")


def test_who_is_refused_and_stays_is_closed() -> None:
    with served() as running, socket.create_connection(("127.0.0.1", running.server.port), 20) as raw:
        raw.sendall(b"this is no request\r\n")
        assert raw.recv(4096).startswith(b"RTSP/1.0 400 ")
        assert raw.recv(4096) == b""
        with pytest.raises(ConnectionError):
            send_without_end(raw)
