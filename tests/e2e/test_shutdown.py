"""SIGTERM with many viewers: each is told, and it takes no longer than it may."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.server import start
from tests.e2e.viewer import Viewer
from tests.network import wait_until

VIEWERS = 50


def test_fifty_viewers_are_told(clip: Path) -> None:
    server = start(clip)
    with ExitStack() as stack:
        stack.callback(server.process.kill)
        viewers = [
            stack.enter_context(Viewer(server.url).play(("udp", "tcp")[number % 2])) for number in range(VIEWERS)
        ]
        for viewer in viewers:
            viewer.rtp()
        begun_s = time.monotonic()
        server.process.terminate()
        assert server.wait_for_end() == 0
        print(f"ended {(time.monotonic() - begun_s) * 1000:.0f} ms after SIGTERM")
        for viewer in viewers:
            viewer.wait_for_goodbye()
            viewer.wait_for_close()
    assert server.complaints() == []


def test_whoever_signals_to_the_very_end_changes_nothing(clip: Path) -> None:
    """Python gives its handlers back when it ends, and by default SIGHUP kills."""
    server = start(clip)
    server.wait_for("Video is")
    server.process.terminate()
    server.wait_for("Stopping")
    while server.process.poll() is None:
        server.process.send_signal(signal.SIGHUP)
    assert server.wait_for_end() == 0


def test_one_who_reads_nothing_does_not_hold_it_up(clip: Path) -> None:
    server = start(clip, "--shutdown-grace-s", "0.3")
    with Viewer(server.url, receive_buffer_bytes=4096).play("tcp") as viewer:
        server.wait_for("Client connected")
        server.process.terminate()
        assert server.wait_for_end() == 0
        viewer.wait_for_close()


@pytest.mark.skipif(not shutil.which("gst-launch-1.0"), reason="no GStreamer")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_gstreamer_understands_the_notice(clip: Path, tmp_path: Path, transport: str) -> None:
    """By its own log. It would end at the BYE, before it read on, had it nothing else to play."""
    server = start(clip)
    received, said = tmp_path / "received.h264", tmp_path / "said"
    source = ["rtspsrc", f"location={server.url}", f"protocols={transport}", "!", "rtph264depay"]
    command = ["gst-launch-1.0", "-q", *source, "!", "filesink", f"location={received}", "buffer-mode=unbuffered"]
    command += ["videotestsrc", "is-live=true", "!", "fakesink"]
    steps = ("setting stream for session 0 to EOS", "got server request message", "prepare OK reply")
    logging = {"GST_DEBUG": "rtspsrc:5", "GST_DEBUG_NO_COLOR": "1", "GST_DEBUG_FILE": str(said)}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | logging) as player:
        try:
            wait_until(lambda: received.exists() and received.stat().st_size > 0, "GStreamer to play")
            server.process.terminate()
            assert server.wait_for_end() == 0
            wait_until(lambda: all(step in said.read_text() for step in steps), "GStreamer to read the notice")
        finally:
            player.kill()


def test_the_service_manager_is_told(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "600000")
        server = start(clip, "--shutdown-grace-s", "25")
        try:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=Serving on port ")
            signs = [manager.recv(4096).decode().splitlines() for _ in range(3)]
            assert all(line.startswith("STATUS=0 viewers") for line, _ in signs)
            assert [line for _, line in signs] == ["WATCHDOG=1"] * 3
            server.process.terminate()
            while "STOPPING=1" not in (told := manager.recv(4096).decode()):
                pass
            assert server.wait_for_end() == 0
            asked_us = dict(line.split("=", 1) for line in told.splitlines())["EXTEND_TIMEOUT_USEC"]
            assert int(asked_us) > 25e6, "the unit gives 10 s, then it kills"
        finally:
            server.process.kill()
