"""The HTTP port as any client finds it."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest

from tests.e2e.operating import Operator
from tests.e2e.server import START_LIMIT_S, Server, serving, start
from tests.e2e.viewer import Viewer
from tests.network import wait_until


@pytest.fixture(scope="module")
def server(clip: Path, operator: Operator) -> Iterator[Server]:
    with serving(clip, *operator.flags) as running:
        yield running


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz?verbose", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/", 404),
        ("POST", "/metrics", 405),
    ],
)
def test_methods_and_paths(operator: Operator, method: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection(operator.host, operator.port, timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    assert answer.status == status
    assert bool(answer.read()) is (method != "HEAD")
    connection.close()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "request_bytes",
    [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET /livez RTSP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"x" * 9000],
)
def test_what_is_no_http_is_refused(operator: Operator, request_bytes: bytes) -> None:
    with socket.create_connection((operator.host, operator.port), timeout=20) as client:
        client.sendall(request_bytes)
        assert client.recv(65536).startswith(b"HTTP/1.1 4")


@pytest.mark.usefixtures("server")
def test_a_request_that_comes_byte_by_byte(operator: Operator) -> None:
    with socket.create_connection((operator.host, operator.port), timeout=20) as client:
        for byte in b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n":
            client.sendall(bytes([byte]))
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_status_names_each_viewer(server: Server, operator: Operator) -> None:
    with Viewer(server.url).play("udp") as over_udp, Viewer(server.url).play("tcp") as over_tcp:
        next(over_udp.units())
        next(over_tcp.units())
        status = operator.json("/status")
        viewers = {viewer["address"]: viewer["transport"] for viewer in status["viewers"]}
        assert viewers == {over_udp.address: "UDP", over_tcp.address: "TCP"}
        assert status["video"]["width"] == 320
        assert status["health"]["ready"]["ok"]
    wait_until(lambda: operator.json("/status")["viewers"] == [], "both being gone")


def test_no_password_is_shown(clip: Path, tmp_path: Path) -> None:
    operator = Operator()
    config = tmp_path / "vstream.toml"
    config.write_text('rtsp_auth = true\nrtsp_username = "viewer"\nrtsp_password = "open sesame"\n')
    with serving(clip, *operator.flags, "--config", str(config)) as server:
        shown = operator.get("/status")[1] + operator.get("/metrics")[1] + "".join(server.lines)
        assert '"RTSP_USERNAME"' in shown
        assert "sesame" not in shown


def test_readiness_follows_the_frames(clip: Path) -> None:
    operator = Operator()
    read_end, write_end = os.pipe()
    server = start("-", *operator.flags, stdin=read_end)
    os.close(read_end)
    with FileIO(write_end, "wb") as feed, ended(server):
        server.wait_for("Serving rtsp://")
        assert operator.get("/readyz")[0] == 503
        assert "no picture" in operator.json("/readyz")["reason"]

        def is_ready() -> bool:
            feed.write(clip.read_bytes())
            return operator.get("/readyz")[0] == 200

        wait_until(is_ready, "frames making it ready", pause_s=0.5)
        wait_until(lambda: operator.get("/readyz")[0] == 503, "old frames making it unready")
        assert "old" in operator.json("/readyz")["reason"]
        assert operator.get("/healthz")[0] == 503
        assert operator.get("/livez")[0] == 200
        assert vstream("healthcheck", operator.url).returncode == 1


@contextmanager
def ended(server: Server) -> Iterator[None]:
    try:
        yield
    finally:
        server.process.kill()
        server.wait_for_end()


@pytest.mark.usefixtures("server")
def test_healthcheck_of_a_healthy_server(operator: Operator) -> None:
    checked = vstream("healthcheck", operator.url)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "ready: " in checked.stdout


def test_nobody_answers() -> None:
    for command in ("healthcheck", "status"):
        asked = vstream(command, Operator().url)
        assert asked.returncode == 1
        assert asked.stderr.count("\n") == 1
        assert "does not answer" in asked.stderr


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b'HTTP/1.1 404 Not Found\r\n\r\n{"error": "not found"}',
        b"HTTP/1.1 200 OK\r\n\r\n[]",
    ],
    ids=["another protocol", "cut off", "an empty object", "an error of others", "no object"],
)
@pytest.mark.parametrize("command", ["healthcheck", "status"])
def test_another_program_answers(command: str, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        thread = threading.Thread(target=answer_once, args=(other, answer))
        thread.start()
        asked = vstream(command, url)
        thread.join()
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)
    assert asked.stderr.startswith(f"vstream: {url}/")


def answer_once(listening: socket.socket, answer: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(answer)


@pytest.mark.parametrize("url", ["http://127.0.0.1:909o", "http://[::1", "http://127.0.0.1/a b", "127.0.0.1:9090"])
def test_what_is_no_url_is_named(url: str) -> None:
    asked = vstream("status", url)
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)
    assert asked.stderr.startswith(f"vstream: {url}/status")


def test_status_for_people_and_for_scripts(server: Server, operator: Operator) -> None:
    with Viewer(server.url).play("udp") as viewer:
        next(viewer.units())
        table = vstream("status", operator.url)
        assert table.returncode == 0
        assert viewer.address in table.stdout
        document = json.loads(vstream("status", "--json", operator.url).stdout)
        assert [one["address"] for one in document["viewers"]] == [viewer.address]


def test_a_taken_port_that_was_chosen(clip: Path) -> None:
    operator = Operator()
    with socket.create_server((operator.host, operator.port)):
        server = start(clip, *operator.flags)
        assert server.wait_for_end(START_LIMIT_S) == 3
        assert "METRICS_PORT" in server.lines[-1]


def vstream(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vstream", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
