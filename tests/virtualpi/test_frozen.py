"""The frozen program with the camera of the virtual Raspberry Pi: picamera2 is in it, libcamera is the system's."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.players import FFMPEG, FRAMES
from tests.e2e.server import Server
from tests.virtualpi.pi import HERE, VirtualPi


@pytest.fixture(scope="module")
def frozen(tree: Path) -> str:
    """The folder of the programs, as it is called there."""
    done = subprocess.run([HERE / "freeze", tree], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[0]


@pytest.mark.parametrize("source", ["camera", "auto"])
@pytest.mark.parametrize("program", ["vstream", "vstream-folder/vstream-program"])
def test_camera_plays(pi4: VirtualPi, frozen: str, program: str, source: str) -> None:
    command = [f"{frozen}/{program}", "serve", "--source", source, "--width", "640", "--height", "480"]
    process = pi4.start(*command, RTSP_HOST="127.0.0.1", RTSP_PORT="0", RTP_PORT="0", METRICS_PORT="0")
    server = Server(process)
    try:
        server.wait_for("Video is")
        assert FFMPEG.finish(FFMPEG.start(server.url, "tcp")) >= FRAMES
        process.terminate()
        assert (server.wait_for_end(), server.complaints()) == (0, [])
        assert server.lines_with("No camera") == []
    finally:
        process.kill()
        server.wait_for_end()
