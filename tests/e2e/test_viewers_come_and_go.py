"""Two hundred viewers join and leave in every way they can; the server keeps nothing of them."""

from pathlib import Path

import pytest

from tests.e2e.server import Server, serving
from tests.e2e.viewer import Viewer
from tests.network import wait_until

VIEWERS = 200
WARM_UP = 60
MEMORY_SLACK_KIB = 512


def teardown(viewer: Viewer) -> None:
    assert viewer.ask("TEARDOWN").status == 200
    viewer.close()


def teardown_unheard(viewer: Viewer) -> None:
    """Close without waiting for the answer, as several players do."""
    viewer.send("TEARDOWN")
    viewer.close()


LEAVING = [teardown, teardown_unheard, Viewer.close]


def come_and_go(server: Server, times: int) -> None:
    before = len(server.lines_with("Client disconnected"))
    for number in range(times):
        viewer = Viewer(server.url).play("udp" if number % 2 else "tcp")
        viewer.rtp()
        LEAVING[number % len(LEAVING)](viewer)
    server.wait_for("Client disconnected", times=before + times)


def test_nothing_grows(clip: Path) -> None:
    with serving(clip) as server:
        idle = server.descriptors(), server.threads()
        come_and_go(server, WARM_UP)
        warm_kib = server.resident_kib()
        come_and_go(server, VIEWERS)
        wait_until(lambda: (server.descriptors(), server.threads()) == idle, "descriptors and threads to be as before")
        assert server.resident_kib() - warm_kib < MEMORY_SLACK_KIB
        assert len(server.lines_with("Client connected")) == WARM_UP + VIEWERS


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_pause_and_play_again(clip: Path, transport: str) -> None:
    with serving(clip) as server, Viewer(server.url).play(transport) as viewer:
        viewer.rtp()
        assert viewer.ask("PAUSE").status == 200
        assert viewer.ask("PLAY").status == 200
        viewer.rtp()
