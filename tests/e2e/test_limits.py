"""At every limit the server refuses cleanly, and goes on serving those it has."""

import contextlib
import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.operating import Operator
from tests.e2e.server import serving
from tests.e2e.viewer import Viewer
from tests.network import wait_until
from vstream.server.rtsp_server import SPARE_DESCRIPTORS

UDP = "RTP/AVP;unicast;client_port=5000-5001"


def test_beyond_the_connections_it_answers_503_and_serves_on(clip: Path) -> None:
    with serving(clip, "--rtsp-max-connections", "3") as server, ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(server.url)).play("tcp") for _ in range(3)]
        late = stack.enter_context(Viewer(server.url))
        refused = late.ask("OPTIONS")
        assert (refused.status, refused.headers["Connection"]) == (503, "close")
        assert int(refused.headers["Retry-After"]) > 0
        late.wait_for_close()
        assert all(next(viewer.units()) for viewer in viewers)
        viewers[0].ask("TEARDOWN")
        viewers[0].close()
        server.wait_for("Client disconnected")

        def is_let_in() -> bool:
            with Viewer(server.url) as newcomer:
                return newcomer.ask("OPTIONS").status == 200

        wait_until(is_let_in, "the place of the one who left")


def test_one_address_cannot_take_every_place(clip: Path) -> None:
    with serving(clip, "--rtsp-max-connections-per-address", "2") as server, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(Viewer(server.url, source="127.0.0.2")).play("tcp")
        assert stack.enter_context(Viewer(server.url, source="127.0.0.2")).ask("OPTIONS").status == 503
        assert next(stack.enter_context(Viewer(server.url)).play("udp").units())


def test_those_who_only_connect_give_way_and_viewers_stay(clip: Path) -> None:
    with serving(clip, "--rtsp-max-connections", "20") as server, ExitStack() as stack:
        viewer = stack.enter_context(Viewer(server.url)).play("tcp")
        for _ in range(60):
            stack.enter_context(Viewer(server.url))
        newcomer = stack.enter_context(Viewer(server.url)).play("tcp")
        assert next(newcomer.units())
        assert next(viewer.units())
        assert server.descriptors() < 60


def test_without_file_descriptors_newcomers_wait_and_nothing_ends(clip: Path) -> None:
    operator = Operator()
    with serving(clip, *operator.flags) as server, ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(server.url)).play(transport) for transport in ("udp", "tcp")]
        pid, used = server.process.pid, server.descriptors()
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + SPARE_DESCRIPTORS + 10, hard))
        with ExitStack() as crowd:
            for _ in range(100):
                crowd.enter_context(Viewer(server.url, source="127.0.0.66"))
            server.wait_for("Accepting pauses: Too many open files")
            assert [operator.get(path)[0] for path in ("/livez", "/readyz", "/metrics")] == [200, 503, 200]
            assert operator.metrics()["accept_pauses_total"] >= 1
            assert all(next(viewer.units()) for viewer in viewers)
            waiting = stack.enter_context(Viewer(server.url))
        assert next(waiting.play("tcp").units())
        wait_until(lambda: operator.get("/readyz")[0] == 200, "newcomers to be let in again")
        assert not server.lines_with("Client disconnected")


def test_strangers_who_are_turned_away_and_say_nothing_are_closed(clip: Path) -> None:
    with serving(clip, "--rtsp-max-connections", "1") as server, ExitStack() as stack:
        viewer = stack.enter_context(Viewer(server.url)).play("tcp")
        silent = [stack.enter_context(Viewer(server.url)) for _ in range(100)]
        for one in silent:
            one.wait_for_close()
        assert next(viewer.units())


def test_beyond_the_sessions_setup_is_answered_453(clip: Path) -> None:
    with serving(clip, "--rtsp-max-sessions", "2") as server, ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(server.url)) for _ in range(3)]
        assert [viewer.ask("SETUP", Transport=UDP).status for viewer in viewers] == [200, 200, 453]
        viewers[0].close()
        wait_until(lambda: viewers[2].ask("SETUP", Transport=UDP).status == 200, "the place of the one who left")


def test_a_request_that_comes_byte_by_byte_is_given_up(clip: Path) -> None:
    with (
        serving(clip, "--rtsp-request-timeout-s", "1") as server,
        socket.create_connection(("127.0.0.1", server.port)) as slow,
    ):
        slow.setblocking(False)
        answer = b""
        deadline_s = time.monotonic() + 20
        while not answer and time.monotonic() < deadline_s:
            slow.send(b"O")
            time.sleep(0.05)  # the pace of its bytes, not a wait for anything
            with contextlib.suppress(BlockingIOError):
                answer = slow.recv(4096)
        assert answer.startswith(b"RTSP/1.0 408 ")


@pytest.mark.parametrize(
    ("flag", "request_text", "status"),
    [
        ("--rtsp-max-request-line-bytes", f"OPTIONS rtsp://h/{'a' * 300} RTSP/1.0\r\nCSeq: 1\r\n\r\n", 414),
        ("--rtsp-max-header-bytes", f"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: {'a' * 2000}\r\n\r\n", 400),
        ("--rtsp-max-body-bytes", "SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 2000\r\n\r\n", 413),
    ],
)
def test_the_size_of_a_request_is_bounded(clip: Path, flag: str, request_text: str, status: int) -> None:
    lowest = "1024" if "header" in flag else "256"
    with serving(clip, flag, lowest) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(20)
        client.sendall(request_text.encode())
        assert client.recv(4096).startswith(f"RTSP/1.0 {status} ".encode())
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(4096) == b""


def test_the_session_timeout_is_told_to_players(clip: Path) -> None:
    with serving(clip, "--rtsp-session-timeout-s", "33") as server, Viewer(server.url) as viewer:
        assert viewer.ask("SETUP", Transport=UDP).headers["Session"].endswith(";timeout=33")


@pytest.mark.parametrize(("first", "second"), [("udp", "tcp"), ("tcp", "udp")])
def test_a_paused_viewer_may_go_on_over_another_transport(clip: Path, first: str, second: str) -> None:
    with serving(clip) as server, Viewer(server.url) as viewer:
        viewer.play(first)
        assert next(viewer.units())
        assert viewer.ask("PAUSE").status == 200
        viewer.leave_udp()
        viewer.play(second)
        assert next(viewer.units())
        assert f"transport={second.upper()}" in server.wait_for("Client connected", times=2)
        assert viewer.ask("TEARDOWN").status == 200
        server.wait_for("Client disconnected", times=2)
