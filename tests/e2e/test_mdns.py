"""The announcement on the local network: a browser finds it, tshark reads it, and failing to make it harms nothing."""

import os
import queue
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from zeroconf import ServiceBrowser, ServiceListener, Zeroconf

from tests.e2e.players import FFMPEG, FRAMES
from tests.e2e.server import Server
from tests.netns import own_network, run_in_own_network
from tests.network import wait_until

ADDRESS = "10.1.2.3"
LINK = f"""
ip link set lo up
ip link add local0 type veth peer name far0
ip link set far0 up
ip link set local0 up multicast on
ip address add {ADDRESS}/24 dev local0
"""
SERVICE_TYPE = "_rtsp._tcp.local."
LIMIT_S = 30
FOLDER = "VSTREAM_TEST_FOLDER"


class Found(ServiceListener):
    """The names of services as they come and go."""

    def __init__(self) -> None:
        self.added: queue.Queue[str] = queue.Queue()
        self.removed: queue.Queue[str] = queue.Queue()

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.added.put(name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.removed.put(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Nothing depends on it."""


def serve(*flags: str) -> Server:
    command = [sys.executable, "-m", "vstream", "serve", "--source", "test", "--width", "320", "--height", "240"]
    command += ["--metrics-port", "0", "--mdns", "--rtsp-path", "/front", *flags]
    return Server(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))


def end(server: Server) -> None:
    server.process.terminate()
    code, complaints = server.wait_for_end(), server.complaints()
    assert (code, complaints) == (0, []), server.lines


@own_network
def test_a_browser_finds_the_stream_and_sees_it_leave() -> None:
    run_in_own_network(LINK, "tests.e2e.test_mdns:browse")


def browse() -> None:
    server = serve("--rtsp-port", "9554")
    found = Found()
    zeroconf = Zeroconf(interfaces=[ADDRESS])
    try:
        ServiceBrowser(zeroconf, SERVICE_TYPE, found)
        name = found.added.get(timeout=LIMIT_S)
        service = zeroconf.get_service_info(SERVICE_TYPE, name, timeout=LIMIT_S * 1000)
        assert service is not None
        assert (service.parsed_addresses(), service.port) == ([ADDRESS], 9554)
        assert service.properties == {b"path": b"/front"}
        end(server)
        assert found.removed.get(timeout=LIMIT_S) == name
    finally:
        server.process.kill()
        zeroconf.close()


@own_network
@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")
def test_tshark_reads_the_announcement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    run_in_own_network(LINK, "tests.e2e.test_mdns:listen")


def listen() -> None:
    capture = Path(os.environ[FOLDER]) / "mdns.pcap"
    fields = ["dns.ptr.domain_name", "dns.srv.port", "dns.txt", "dns.a"]
    with subprocess.Popen(
        ["tshark", "-i", "local0", "-w", str(capture), "-f", "udp port 5353"], stderr=subprocess.DEVNULL
    ) as recorder:
        wait_until(capture.exists, "the recorder")
        server = serve()
        server.wait_for("Announced by mDNS as vstream on ")

        def read() -> str:
            chosen = [word for field in fields for word in ("-e", field)]
            command = ["tshark", "-r", str(capture), "-Y", "dns.flags.response == 1 and dns.srv.port", "-T", "fields"]
            return subprocess.run([*command, *chosen], capture_output=True, text=True, check=False).stdout

        try:
            wait_until(lambda: read() != "", "the announcement")
            for part in ("vstream on ", SERVICE_TYPE.rstrip("."), "8554", "path=/front", ADDRESS):
                assert part in read()
            end(server)
        finally:
            server.process.kill()
            recorder.terminate()


@own_network
@pytest.mark.skipif(not FFMPEG.installed, reason="no ffmpeg")
def test_where_it_cannot_be_announced_it_plays_on() -> None:
    run_in_own_network(LINK, "tests.e2e.test_mdns:play")


def play() -> None:
    """Another program has mDNS' port and does not share it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 5353))
        server = serve()
        try:
            server.wait_for("Not announced by mDNS")
            assert FFMPEG.finish(FFMPEG.start(server.url, "tcp")) >= FRAMES
            end(server)
        finally:
            server.process.kill()
