"""HTTP clients that hang cost no frame, no descriptors without end, and no other scraper its answer."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.operating import Operator
from tests.e2e.server import serving
from tests.e2e.viewer import Viewer
from vstream.http.server import CONNECTIONS_LIMIT

STUCK = 50
FRAMES = 120


def stuck_clients(operator: Operator) -> list[socket.socket]:
    """Some who say nothing, some with half a request, and some who ask for much and read nothing."""
    words = (b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    clients = []
    for number in range(STUCK):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.connect((operator.host, operator.port))
        client.sendall(words[number % len(words)])
        clients.append(client)
    return clients


def test_fifty_stuck_clients(clip: Path) -> None:
    operator = Operator()
    with serving(clip, *operator.flags) as server, Viewer(server.url).play("udp") as viewer:
        units = viewer.units()
        next(units)
        descriptors = server.descriptors()
        clients = stuck_clients(operator)
        for number in range(FRAMES):
            next(units)
            if number % 20 == 0:
                assert operator.get("/livez")[0] == 200
                assert operator.get("/metrics")[0] == 200
        assert server.descriptors() <= descriptors + CONNECTIONS_LIMIT + 1
        assert operator.metrics()["frames_dropped_total{reason=queue_full}"] == 0
        for client in clients:
            client.close()


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_a_stopped_scraper(clip: Path) -> None:
    operator = Operator()
    with serving(clip, *operator.flags) as server, Viewer(server.url).play("tcp") as viewer:
        units = viewer.units()
        command = ["curl", "--silent", "--limit-rate", "100", "--output", "/dev/null", operator.url + "/metrics"]
        with subprocess.Popen(command) as scraper:
            next(units)
            scraper.send_signal(signal.SIGSTOP)
            for _ in range(FRAMES):
                next(units)
            assert operator.get("/readyz")[0] == 200
            scraper.kill()
