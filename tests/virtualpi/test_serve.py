"""`vstream serve` with the camera of the virtual Raspberry Pi, watched over UDP and TCP."""

from collections.abc import Callable

import pytest

from tests.e2e.players import FFMPEG, FRAMES
from tests.e2e.server import Server
from tests.virtualpi.pi import Board, VirtualPi


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("name", ["pi4", "pi5"])
def test_camera_plays(board: Callable[[Board], VirtualPi], name: Board, transport: str) -> None:
    command = ["vstream", "serve", "--source", "camera", "--width", "1280", "--height", "720"]
    process = board(name).start(*command, RTSP_HOST="127.0.0.1", RTSP_PORT="0", RTP_PORT="0")
    server = Server(process)
    try:
        server.wait_for("Video is")
        assert FFMPEG.finish(FFMPEG.start(server.url, transport)) >= FRAMES
        process.terminate()
        assert (server.wait_for_end(), server.complaints()) == (0, [])
    finally:
        process.kill()
        server.wait_for_end()
