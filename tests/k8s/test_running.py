"""A server with each overlay's environment and default ports: its ports, its probes, and a real player."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests import certificates
from tests.e2e.players import FFMPEG, FRAMES
from tests.e2e.server import Server
from tests.k8s.manifests import (
    OVERLAYS,
    Manifest,
    container,
    environment,
    example_secret,
    find,
    needs_kustomize,
    overlay,
    ports,
    probes,
    with_component,
)
from tests.netns import own_network, run_in_own_network
from tests.network import wait_until

# Of the network that overlays let in.
ADDRESS = "10.1.2.3"
OVERLAY = "VSTREAM_TEST_OVERLAY"


@needs_kustomize
@own_network
@pytest.mark.skipif(not FFMPEG.installed, reason="no ffmpeg")
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlays_environment_serves_a_player(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERLAY, name)
    link = f"ip link set lo up\nip address add {ADDRESS}/32 dev lo"
    run_in_own_network(link, "tests.k8s.test_running:serve_and_play")


@needs_kustomize
@own_network
@pytest.mark.skipif(not FFMPEG.installed, reason="no ffmpeg")
def test_the_tls_components_environment_serves_a_player() -> None:
    link = f"ip link set lo up\nip address add {ADDRESS}/32 dev lo"
    run_in_own_network(link, "tests.k8s.test_running:serve_and_play_encrypted")


def serve_and_play() -> None:
    """Run in a network where the ports that the manifests name are free."""
    with tempfile.TemporaryDirectory() as folder:
        manifests = overlay(os.environ[OVERLAY])
        values = environment(manifests)
        if "RTSP_PASSWORD_FILE" in values:
            file = Path(folder) / "RTSP_PASSWORD"
            file.write_text(example_secret()["RTSP_PASSWORD"])
            values["RTSP_PASSWORD_FILE"] = str(file)
        check(manifests, values, "rtsp")


def serve_and_play_encrypted() -> None:
    """The same, with a certificate."""
    with tempfile.TemporaryDirectory() as folder:
        manifests = with_component("tls", Path(folder))
        pair = certificates.make(Path(folder))
        files = {"RTSP_TLS_CERT": str(pair.certificate), "RTSP_TLS_KEY": str(pair.key)}
        check(manifests, environment(manifests) | files, "rtsps")


def check(manifests: Sequence[Manifest], values: Mapping[str, str], scheme: str) -> None:
    """What the manifests name is open, and a player plays."""
    values = {**values, "STREAM_SOURCE": "test", "LOG_FORMAT": "text"}
    command = [sys.executable, "-m", "vstream", *container(manifests)["args"]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=values)
    server = Server(process)
    try:
        server.wait_for("Video is")
        check_ports(ports(manifests))
        assert {port["targetPort"] for port in find(manifests, "Service")["spec"]["ports"]} == ports(manifests).keys()
        for probe, (port, path) in probes(manifests).items():
            wait_until(lambda port=port, path=path: answers(port, path), probe)  # type: ignore[misc]
        assert play(values, scheme) >= FRAMES
        process.terminate()
        assert (server.wait_for_end(), server.complaints()) == (0, [])
    finally:
        process.kill()


def check_ports(wanted: Mapping[str, tuple[int, str]]) -> None:
    """Each port is open; a UDP one is when nobody else can have it."""
    for number, protocol in wanted.values():
        if protocol == "TCP":
            socket.create_connection((ADDRESS, number), timeout=10).close()
            continue
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other, pytest.raises(OSError, match="in use"):
            other.bind((ADDRESS, number))


def answers(port: int, path: str) -> bool:
    """Whether a probe would succeed."""
    try:
        with urlopen(f"http://{ADDRESS}:{port}{path}", timeout=10) as answer:
            return bool(200 <= answer.status < 400)
    except URLError:
        return False


def play(values: Mapping[str, str], scheme: str) -> int:
    """Frames that ffmpeg decodes, with the example Secret's user where one is asked for."""
    secret = example_secret()
    login = f"{secret['RTSP_USERNAME']}:{secret['RTSP_PASSWORD']}@" if values["RTSP_AUTH"] == "true" else ""
    port = values["RTSPS_PORT" if scheme == "rtsps" else "RTSP_PORT"]
    url = f"{scheme}://{login}{ADDRESS}:{port}{values['RTSP_PATH']}"
    return FFMPEG.finish(FFMPEG.start(url, "tcp"))
