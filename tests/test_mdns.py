"""What is announced: a name of this camera's own among others that are called the same, and no loopback address."""

import socket
from pathlib import Path

import pytest

from vstream import mdns


@pytest.fixture(autouse=True)
def hostname(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "raspberrypi.lan")


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the machine's identity is read; nothing is there yet."""
    monkeypatch.setattr(mdns, "_IDENTITIES", (tmp_path / "serial-number", tmp_path / "machine-id"))
    return tmp_path


def announced_host() -> str:
    service = mdns._service(("192.0.2.1",), 8554, "/video")
    assert service.name == "vstream on raspberrypi._rtsp._tcp.local."
    assert service.server is not None
    assert len(service.server.partition(".")[0]) <= 63, "of a DNS label (RFC 1035 section 2.3.4)"
    return service.server


@pytest.mark.parametrize("name", ["serial-number", "machine-id"])
def test_machines_of_one_name_announce_different_hosts(identity: Path, name: str) -> None:
    """Cards written from one image have one machine-id, boards always a serial number of their own."""
    for file in ("serial-number", "machine-id"):
        (identity / file).write_text("4f1c2d3e\n")
    first = announced_host()
    (identity / name).write_text("4f1c2d3f\n")
    second = announced_host()
    assert first != second
    assert "4f1c2d3" not in first + second, "machine-id(5) is confidential"
    assert first == first.lower()
    assert first.startswith("raspberrypi-vstream-")
    assert first.endswith(".local.")


def test_a_machine_announces_the_same_host_each_time(identity: Path) -> None:
    assert announced_host() == announced_host()
    (identity / "machine-id").write_text("4f1c2d3e\n")
    assert announced_host() == announced_host()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.1.1", "127.9.9.9", "::1", "localhost"])
def test_a_server_on_loopback_is_announced_nowhere(host: str) -> None:
    """Debian's /etc/hosts has 127.0.1.1 for the machine's own name, so that RTSP_HOST with that name listens there."""
    assert mdns._addresses(host) == ()


def test_a_server_on_another_address_is_announced_there() -> None:
    assert mdns._addresses("192.0.2.1") == ("192.0.2.1",)
