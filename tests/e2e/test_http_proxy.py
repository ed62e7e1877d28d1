"""Players behind a real HTTP proxy, the only one that reaches the server."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.players import FFMPEG, FRAMES, GSTREAMER
from tests.e2e.server import Server, serving
from tests.network import wait_until

PROXY_ADDRESS = "127.0.0.77"

pytestmark = pytest.mark.skipif(shutil.which("tinyproxy") is None, reason="tinyproxy is not installed")


@pytest.fixture(scope="module")
def server(clip: Path) -> Iterator[Server]:
    with serving(clip, "--rtsp-auth-read-networks", PROXY_ADDRESS) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a proxy that goes out from an address of its own."""
    with socket.create_server((PROXY_ADDRESS, 0)) as free:
        port = free.getsockname()[1]
    settings = tmp_path_factory.mktemp("proxy") / "tinyproxy.conf"
    settings.write_text(f"Listen {PROXY_ADDRESS}\nPort {port}\nBind {PROXY_ADDRESS}\nTimeout 600\nAllow 127.0.0.0/8\n")
    with running(["tinyproxy", "-d", "-c", str(settings)]) as process:
        wait_until(lambda: answers(port) or process.poll() is not None, "the proxy")
        assert process.poll() is None
        yield f"http://{PROXY_ADDRESS}:{port}"


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((PROXY_ADDRESS, port)) == 0


def assert_came_through(server: Server) -> None:
    line = server.lines_with("Client connected")[-1]
    assert f"address={PROXY_ADDRESS}:" in line
    assert "transport=HTTP" in line


def test_ffmpeg(server: Server, proxy: str) -> None:
    player = replace(FFMPEG, environment=lambda _transport: {"http_proxy": proxy, "no_proxy": ""})
    assert player.finish(player.start(server.url, "http")) >= FRAMES
    assert_came_through(server)


def test_gstreamer(server: Server, proxy: str) -> None:
    url = f"{server.url.replace('rtsp:', 'rtsph:')} proxy={proxy}"
    assert GSTREAMER.finish(GSTREAMER.start(url, "tcp+http")) >= FRAMES
    assert_came_through(server)


def test_who_does_not_go_through_the_proxy_is_not_let_in(server: Server) -> None:
    player = replace(FFMPEG, environment=lambda _transport: {"http_proxy": ""})
    with player.start(server.url, "http") as process:
        process.communicate(timeout=60)
    assert process.returncode != 0
