"""How it ends: every viewer is told, a signal gives exit code 0, and what cannot begin says why in one line."""

import os
import signal
import socket
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.clips import encode
from tests.e2e.server import START_LIMIT_S, STOP_LIMIT_S, Server, start
from tests.e2e.viewer import Viewer, packet_types

SENDER_OR_RECEIVER_REPORT = (200, 201)
DESCRIPTION = 202


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_session_with_bye(clip: Path, stop: signal.Signals) -> None:
    server = start(clip)
    viewers = [Viewer(server.url).play(transport) for transport in ("udp", "tcp", "udp", "tcp")]
    try:
        for viewer in viewers:
            viewer.rtp()
        server.process.send_signal(stop)
        for viewer in viewers:
            farewell = packet_types(viewer.wait_for_goodbye())
            assert farewell[0] in SENDER_OR_RECEIVER_REPORT
            assert DESCRIPTION in farewell
            viewer.wait_for_close()
        assert server.wait_for_end() == 0
        assert server.complaints() == []
        assert len(server.lines_with("Client disconnected")) == len(viewers)
    finally:
        ended(server)
        for viewer in viewers:
            viewer.close()


def test_a_signal_ends_a_server_without_viewers(clip: Path) -> None:
    server = start(clip)
    server.wait_for("Serving rtsp://")
    server.process.terminate()
    assert (ended(server), server.complaints()) == (0, [])


@pytest.mark.parametrize("broken", ["full", "nobody reads"])
def test_a_standard_output_that_takes_nothing_ends_nothing(clip: Path, broken: str) -> None:
    with Path("/dev/full").open("wb") if broken == "full" else pipe_without_reader() as stdout:
        server = start(clip, stdout=stdout)
    try:
        server.wait_for("Serving rtsp://")
        with Viewer(server.url).play("udp") as viewer:
            next(viewer.units())
        server.process.terminate()
        assert (server.wait_for_end(), server.complaints()) == (0, [])
    finally:
        ended(server)


def test_the_end_of_standard_input_ends_every_session(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.h264", "keyint=30:bframes=0", frames=60)
    read_end, write_end = os.pipe()
    server = start("-", stdin=read_end)
    os.close(read_end)
    with os.fdopen(write_end, "wb") as feed:
        feed.write(clip.read_bytes())
        feed.flush()
        viewer = Viewer(server.url).play("udp")
        viewer.rtp()
    with viewer:
        viewer.wait_for_goodbye()
    assert (ended(server), server.complaints()) == (0, [])


def test_taken_rtsp_port(clip: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal(start(clip, "--rtsp-port", str(port)), 3).count(str(port)) == 1


def test_taken_rtp_port(clip: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1] & ~1
        assert "RTP" in refusal(start(clip, "--rtp-port", str(port)), 3)


def test_missing_file(tmp_path: Path) -> None:
    assert "absent.h264" in refusal(start(tmp_path / "absent.h264"), 4)


def test_directory_as_file(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(start(tmp_path), 4)


def test_file_without_h264(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no video in here\n" * 1000)
    assert "notes.txt" in refusal(start(text), 5)


def test_video_of_another_codec(tmp_path: Path) -> None:
    other = encode(tmp_path / "other.mkv", "keyint=30", frames=5, more="-c:v mpeg4")
    assert "other.mkv" in refusal(start(other), 5)


def test_empty_standard_input() -> None:
    refusal(start("-"), 5)


def test_wrong_settings_are_all_named(clip: Path) -> None:
    server = start(clip, "--fps", "0", "--rtsp-path", "video")
    assert ended(server, START_LIMIT_S) == 2
    assert [("--fps" in line, "--rtsp-path" in line) for line in server.lines] == [(True, False), (False, True)]


def pipe_without_reader() -> IO[bytes]:
    read_end, write_end = os.pipe()
    os.close(read_end)
    return os.fdopen(write_end, "wb")


def refusal(server: Server, exit_code: int) -> str:
    """The one line that a server which cannot begin says, apart from its log."""
    assert ended(server, START_LIMIT_S) == exit_code
    said = server.lines_with("vstream: ")
    assert len(said) == 1
    assert server.complaints() == []
    return said[0]


def ended(server: Server, limit_s: float = STOP_LIMIT_S) -> int:
    try:
        return server.wait_for_end(limit_s)
    finally:
        server.process.kill()
