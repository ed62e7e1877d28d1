"""Frames come back by themselves from each fault, and both viewers play on in the same session."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.e2e.operating import Operator
from tests.e2e.server import Server
from tests.e2e.viewer import Viewer
from tests.network import wait_until
from tests.virtualpi.pi import Board, VirtualPi
from tests.virtualpi.serving import RECOVERY_LIMIT_S, Watcher, children, serving, watching

MAX_RETRIES = 5


def check_they_go_on(server: Server, watchers: list[Watcher]) -> None:
    """See each viewer through: same session, SSRC and sequence, RTP time that went on, and an IDR after the gap."""
    server.wait_for("Frames are back", timeout_s=RECOVERY_LIMIT_S)
    for watcher in watchers:
        watcher.wait_for_more()
        gap = watcher.longest_gap()
        assert gap.after.is_decodable
        assert abs(gap.rtp_s - gap.arrival_s) < 5
        assert watcher.leave() == 200
    assert len(server.lines_with("Client connected")) == len(watchers)
    assert server.lines_with("Client disconnected") == []


def test_an_encoder_that_stalls_is_restarted(pi4: VirtualPi) -> None:
    with serving(pi4) as server, watching(server) as watchers:
        with pi4.fault("encoder-stall"):
            server.wait_for("Pipeline crashed: no frames, restarting the encoder")
        check_they_go_on(server, watchers)
        asked = server.lines.index(server.wait_for("asking the encoder for a keyframe"))
        assert asked < server.lines.index(server.wait_for("restarting the encoder"))


@pytest.mark.parametrize("name", ["pi4", "pi5"])
def test_a_camera_that_stalls_is_restarted(board: Callable[[Board], VirtualPi], name: Board) -> None:
    pi = board(name)
    with serving(pi) as server, watching(server) as watchers:
        with pi.fault("camera-timeout"):
            server.wait_for("Pipeline crashed: no frames, restarting the camera")
        check_they_go_on(server, watchers)


def test_a_camera_that_pauses_for_longer_than_the_timeout_comes_back(pi4: VirtualPi) -> None:
    with serving(pi4) as server, watching(server) as watchers:
        with pi4.fault("camera-stall"):
            server.wait_for("Pipeline crashed")
        check_they_go_on(server, watchers)


@pytest.mark.parametrize("source", ["camera", "rpicam"])
def test_a_process_that_is_killed_is_started_again(pi4: VirtualPi, source: str) -> None:
    with serving(pi4, source=source) as server, watching(server) as watchers:
        (child,) = children(server)
        os.kill(child, signal.SIGKILL)
        server.wait_for("Pipeline crashed")
        check_they_go_on(server, watchers)
        assert child not in children(server)


def test_a_process_that_hangs_is_ended(pi4: VirtualPi) -> None:
    with serving(pi4) as server, watching(server) as watchers:
        (child,) = children(server)
        os.kill(child, signal.SIGSTOP)
        server.wait_for("ending the camera's process")
        check_they_go_on(server, watchers)
        assert child not in children(server)


def test_an_rpicam_vid_that_gives_nothing_is_ended(pi4: VirtualPi) -> None:
    with serving(pi4, source="rpicam") as server, watching(server) as watchers:
        assert server.lines_with("Using camera binary: rpicam-vid")
        with pi4.fault("camera-timeout"):
            server.wait_for("ending the camera program")
        check_they_go_on(server, watchers)


@pytest.fixture
def operator() -> Operator:
    return Operator()


def test_without_a_camera_the_server_answers_and_waits_for_one(pi4: VirtualPi, operator: Operator) -> None:
    with pi4.fault("camera-absent"), serving(pi4, operator=operator) as server:
        told = server.wait_for("Camera failed to open")
        assert "libcamera sees 0 camera(s), number 0 is asked for" in told
        with Viewer(server.url) as early:
            answer = early.ask("DESCRIBE")
        assert (answer.status, answer.headers["Retry-After"].isdigit()) == (503, True)
        assert (operator.get("/readyz")[0], operator.get("/livez")[0]) == (503, 200)
        pi4.end_fault("camera-absent")
        with watching(server):
            assert operator.get("/readyz")[0] == 200
        assert len(server.lines_with("Camera failed to open")) == 1
        assert server.lines_with("Pipeline crashed") == []


@pytest.mark.parametrize("source", ["camera", "rpicam"])
def test_who_holds_the_camera_is_named_and_waited_for(pi4: VirtualPi, source: str) -> None:
    holding = "python", "/project/tests/virtualpi/hold_camera.py"
    with serving(pi4, before=holding, source=source) as server:
        told = server.wait_for("rpicam-hello (pid ")
        assert "Camera failed to open: " in told
        os.kill(int(told.partition("rpicam-hello (pid ")[2].partition(")")[0]), signal.SIGKILL)
        with watching(server):
            pass


def test_an_encoder_that_is_broken_for_good_ends_the_server(pi4: VirtualPi) -> None:
    with serving(pi4) as server:
        server.wait_for("Video is")
        with pi4.fault("encoder-error"):
            server.wait_for("Max retries exceeded", timeout_s=2 * RECOVERY_LIMIT_S)
            assert server.wait_for_end() == 7
        assert len(server.lines_with("Pipeline crashed")) == MAX_RETRIES + 1
        assert "refused to start: [Errno 5]" in server.lines_with("Pipeline crashed")[-1]


def test_where_the_settings_say_so_it_waits_instead(pi4: VirtualPi, operator: Operator) -> None:
    flags = "--camera-fail", "wait", "--max-restarts-per-minute", "1"
    with serving(pi4, *flags, operator=operator) as server:
        server.wait_for("Video is")
        with Viewer(server.url).play("udp") as viewer, pi4.fault("encoder-error"):
            server.wait_for("Max retries exceeded")
            wait_until(lambda: operator.get("/readyz")[0] == 503, "readiness being false")
            assert operator.get("/livez")[0] == 200
            assert viewer.ask("GET_PARAMETER").status == 200
