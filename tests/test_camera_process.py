"""The camera's process seen from the server, with a program of the test's own in the camera's place."""

import os
import signal
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.encoding import video_format
from tests.network import wait_until
from vstream.errors import CameraError, CameraMissingError, CameraSetupError
from vstream.sources import camera_process
from vstream.sources.base import AccessUnit, Remedy
from vstream.sources.camera_process import CameraProcess, Program
from vstream.sources.camerasetup import CameraSetup

LIMIT_S = 30
FRAME = "send_frame(end, b'\\0\\0\\1\\x65' + bytes(100), 42)"
"""Statements of a program that is given `end`, the socket, and `orders`."""


@pytest.fixture
def running(tmp_path: Path) -> Callable[[str], Program]:
    """Give the program that runs some statements, once it was told to begin."""

    def program(statements: str) -> Program:
        path = tmp_path / "camera.py"
        head = """
            import os, socket, sys, time
            from vstream.sources.channel import commands, send_event, send_frame, setup_of
            end = socket.socket(fileno=int(sys.argv[1]))
            orders = commands(end)
            setup = setup_of(next(orders))
        """
        path.write_text(textwrap.dedent(head) + textwrap.dedent(statements))
        return lambda argument: [sys.executable, str(path), argument]

    return program


def apply(remedy: Remedy) -> None:
    remedy.apply()


def camera(program: Program) -> CameraProcess:
    return CameraProcess(CameraSetup(video=video_format(), controls={"AwbMode": "Auto"}), program)


def test_frames_come_with_their_times(running: Callable[[str], Program]) -> None:
    source = camera(running(f"{FRAME}\nfor order in orders: pass"))
    units: list[tuple[bytes, int]] = []

    def sink(unit: AccessUnit) -> None:
        units.append((bytes(unit.data), unit.pts_us))
        source.stop()

    source.run(sink)
    assert units == [(b"\0\0\1\x65" + bytes(100), 42)]


def test_large_frames_come_whole(running: Callable[[str], Program]) -> None:
    source = camera(running("send_frame(end, bytes(range(256)) * 100_000, 7)\nfor order in orders: pass"))
    sizes: list[int] = []

    def sink(unit: AccessUnit) -> None:
        assert bytes(unit.data) == bytes(range(256)) * 100_000
        sizes.append(len(unit.data))
        source.stop()

    source.run(sink)
    assert sizes == [25_600_000]


def test_what_the_server_asks_for_reaches_it(running: Callable[[str], Program]) -> None:
    program = running("""
        assert setup.controls == {"AwbMode": "Auto"}
        send_event(end, {"opened": True})
        send_frame(end, b"begun", 0)
        asked = []
        for order in orders:
            asked.append((order["do"], order.get("number")))
            if order["do"] == "stop":
                break
            send_event(end, {"log": (30, "camera", str(asked))})
    """)
    source, begun = camera(program), threading.Event()
    thread = threading.Thread(target=source.run, args=(lambda unit: begun.set(),), daemon=True)
    assert source.request_keyframe(), "its first picture will be one"
    thread.start()
    assert begun.wait(LIMIT_S)
    assert source.request_keyframe()
    assert source.set_bitrate(1_500_000)
    assert source.set_keyframe_interval(15)
    source.stop()
    thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_its_log_lines_are_ours(
    running: Callable[[str], Program], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_process, "_END_LIMIT_S", LIMIT_S)  # else it may be killed behind its last words
    program = running("""
        send_event(end, {"log": (30, "picamera2", "it is dark")})
        print("WARN: a library speaks", file=sys.stderr)
    """)
    with pytest.raises(CameraError, match="its process ended with exit code 0"):
        camera(program).run(lambda unit: None)
    assert ("picamera2", 30, "it is dark") in caplog.record_tuples
    wait_until(lambda: "camera: WARN: a library speaks" in caplog.text, "standard error")


@pytest.mark.parametrize(
    ("why", "error"), [("broke", CameraError), ("missing", CameraMissingError), ("setup", CameraSetupError)]
)
def test_why_it_ends_is_told(running: Callable[[str], Program], why: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="because") as told:
        camera(running(f"send_event(end, {{'ending': ('{why}', 'because')}})")).run(lambda unit: None)
    assert type(told.value) is error


def test_killed_it_is_a_failure_that_a_restart_may_mend(running: Callable[[str], Program]) -> None:
    with pytest.raises(CameraError, match="its process was ended by signal 9"):
        camera(running("os.kill(os.getpid(), 9)")).run(lambda unit: None)


def test_dead_before_its_first_order_it_still_says_how_it_ended() -> None:
    with pytest.raises(CameraError, match="its process ended with exit code 7"):
        camera(lambda _: [sys.executable, "-c", "import os; os._exit(7)"]).run(lambda unit: None)


def test_one_that_does_not_end_is_killed(running: Callable[[str], Program]) -> None:
    program = running(f"""
        import signal
        {FRAME}
        send_frame(end, str(os.getpid()).encode(), 0)
        time.sleep({LIMIT_S})
    """)
    source, pids = camera(program), list[int]()

    def sink(unit: AccessUnit) -> None:
        if bytes(unit.data).isdigit():
            pids.append(int(bytes(unit.data)))
            source.stop()

    source.run(sink)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_the_last_remedy_ends_one_that_hangs(running: Callable[[str], Program]) -> None:
    source = camera(running(f"{FRAME}\nos.kill(os.getpid(), {signal.SIGSTOP.value})"))
    assert source.remedies[-1].name == "ending the camera's process"
    with pytest.raises(CameraError, match="it gave no frames and nothing milder helped"):
        source.run(lambda unit: apply(source.remedies[-1]))


def test_while_it_finds_no_camera_it_is_waited_for(
    running: Callable[[str], Program], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    program = running(f"""
        if not os.path.exists("{seen}"):
            open("{seen}", "w").close()
            send_event(end, {{"refused": "no camera"}})
            sys.exit()
        send_event(end, {{"opened": True}})
        {FRAME}
        for order in orders: pass
    """)
    source = camera(program)
    source.run(lambda unit: source.stop())
    assert not source.is_waiting
    assert caplog.text.count("Camera failed to open: no camera") == 1


def test_nonsense_from_it_is_a_failure(running: Callable[[str], Program]) -> None:
    with pytest.raises(CameraError, match=r"cannot be read: .* no message"):
        camera(running("end.sendall(b'x' * 100)")).run(lambda unit: None)
