"""URLs that players can open, and the addresses they are made of; the system's own `ip` is the witness."""

import json
import shutil
import socket
import subprocess
from urllib.parse import urlsplit

import pytest

from vstream.addresses import interface_index, local_addresses
from vstream.urls import opening_help, stream_url, stream_urls


def test_an_ipv6_address_goes_in_brackets() -> None:
    parts = urlsplit(stream_url("2001:db8::7", 8554, "/video"))
    assert (parts.scheme, parts.hostname, parts.port, parts.path) == ("rtsp", "2001:db8::7", 8554, "/video")


def test_the_port_of_rtsp_itself_is_left_out() -> None:
    assert stream_url("10.0.0.7", 554, "/video") == "rtsp://10.0.0.7/video"


def test_a_single_address_has_a_single_url() -> None:
    assert stream_urls("camera.lan", 8554, "/video") == ["rtsp://camera.lan:8554/video"]


def test_every_address_ends_with_loopback() -> None:
    urls = stream_urls("", 8554, "/video")
    assert urlsplit(urls[-1]).hostname in {"127.0.0.1", "::1"}
    assert all(":" not in (urlsplit(url).hostname or "") for url in stream_urls("0.0.0.0", 1, "/v"))
    assert all(":" in (urlsplit(url).hostname or "") for url in stream_urls("::", 1, "/v"))


@pytest.mark.skipif(shutil.which("ip") is None, reason="the `ip` command (iproute2) is not installed")
def test_addresses_are_those_that_ip_lists() -> None:
    listed = json.loads(subprocess.run(["ip", "-json", "address"], check=True, capture_output=True).stdout)
    expected = {
        entry["local"]
        for interface in listed
        for entry in interface["addr_info"]
        if entry["scope"] != "link" or entry["family"] == "inet"
        if not {"temporary", "deprecated", "tentative", "dadfailed"} & entry.keys()
    }
    assert {address.text for address in local_addresses()} == expected


@pytest.mark.skipif(shutil.which("ip") is None, reason="the `ip` command (iproute2) is not installed")
def test_interfaces_are_found_by_name_and_by_address() -> None:
    listed = json.loads(subprocess.run(["ip", "-json", "address"], check=True, capture_output=True).stdout)
    for interface in listed:
        assert interface_index(interface["ifname"]) == interface["ifindex"]
    assert interface_index("127.0.0.1") == interface_index("lo")
    for absent in ("absent0", "192.0.2.77", ""):
        with pytest.raises(LookupError):
            interface_index(absent)


def test_without_netlink_there_is_still_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refused)
    assert [address.text for address in local_addresses()] == ["127.0.0.1"]


def test_the_help_names_both_players_for_each_url() -> None:
    text = opening_help(["rtsp://10.0.0.7:8554/video", "rtsp://[::1]:8554/video"])
    for url in ("rtsp://10.0.0.7:8554/video", "rtsp://[::1]:8554/video"):
        assert f"  {url}\n" in text
        assert any(line.startswith("    vlc ") and line.endswith(url) for line in text.splitlines())
        assert any(line.startswith("    ffplay ") and line.endswith(url) for line in text.splitlines())
