"""A viewer that stops reading is nobody else's trouble, and after 10 s without progress it is closed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.clips import encode
from tests.e2e.server import serving
from tests.e2e.viewer import Viewer

STALL_TIMEOUT_S = 60
RECEIVE_BUFFER_BYTES = 4096
QUEUE_BYTES = 12_000_000
"""Some seconds: viewers in this process may be kept from reading for as long, and the stalled one loses the rest."""


class Watching(threading.Thread):
    """Reads one viewer's stream; `units` whole access units came, and `failure` is what went wrong."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(daemon=True)
        self.viewer = viewer
        self.units = 0
        self.failure: BaseException | None = None
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            for _ in self.viewer.units():
                self.units += 1
                if self.stopping.is_set():
                    return
        except BaseException as error:
            self.failure = error


@pytest.fixture(scope="module")
def heavy_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 15 Mbit/s, so that no buffer on the way hides a viewer that does not read."""
    path = tmp_path_factory.mktemp("clip") / "heavy.h264"
    return encode(path, "keyint=30:bframes=0:qp=18", more="-vf noise=alls=100:allf=t")


@contextmanager
def watching(url: str, transport: str) -> Iterator[Watching]:
    with Viewer(url).play(transport) as viewer:
        thread = Watching(viewer)
        thread.start()
        yield thread
        thread.stopping.set()
        thread.join()


def test_others_lose_nothing(heavy_clip: Path) -> None:
    with (
        serving(heavy_clip, "--rtsp-queue-bytes", str(QUEUE_BYTES)) as server,
        watching(server.url, "tcp") as over_tcp,
        watching(server.url, "udp") as over_udp,
    ):
        with Viewer(server.url, receive_buffer_bytes=RECEIVE_BUFFER_BYTES).play("tcp") as stalled:
            stalled.rtp()
            line = server.wait_for("Client disconnected", timeout_s=STALL_TIMEOUT_S)
            stalled.wait_for_close()
        assert f"address={stalled.address} " in line
        assert int(line.partition("dropped_units=")[2].split()[0]) > 0
        assert (over_tcp.failure, over_udp.failure) == (None, None)
        assert min(over_tcp.units, over_udp.units) > 0
    assert (over_tcp.failure, over_udp.failure) == (None, None)
