"""The frozen program with the camera of the virtual Raspberry Pi: picamera2 is in it, libcamera is the system's."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.players import FFMPEG, FRAMES
from tests.e2e.server import Server
from tests.virtualpi.pi import HERE, VirtualPi

ONE_FILE = "/opt/frozen/vstream"
ONE_FOLDER = "/opt/frozen/vstream-folder/vstream-program"
BINDING = "usr/lib/python3/dist-packages/libcamera"

pytestmark = pytest.mark.parametrize("program", [ONE_FILE, ONE_FOLDER])


@pytest.fixture(scope="module", autouse=True)
def _frozen(tree: Path) -> None:
    done = subprocess.run([HERE / "freeze", tree], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def started(pi: VirtualPi, program: str, source: str) -> Iterator[Server]:
    command = [program, "serve", "--source", source, "--width", "640", "--height", "480"]
    server = Server(pi.start(*command, RTSP_HOST="127.0.0.1", RTSP_PORT="0", RTP_PORT="0", METRICS_PORT="0"))
    try:
        yield server
    finally:
        server.process.terminate()
        server.wait_for_end()


@pytest.mark.parametrize("source", ["camera", "auto"])
def test_camera_plays(pi4: VirtualPi, program: str, source: str) -> None:
    with started(pi4, program, source) as server:
        server.wait_for("Video is")
        assert FFMPEG.finish(FFMPEG.start(server.url, "tcp")) >= FRAMES
        assert server.lines_with("No camera") == []
    assert (server.process.returncode, server.complaints()) == (0, [])
