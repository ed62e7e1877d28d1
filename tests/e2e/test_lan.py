"""The server among other hosts: multicast, several interfaces, IPv6, a NAT in between; players run on those hosts."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.players import FFMPEG, FRAMES, GSTREAMER, Player
from tests.e2e.server import Server, serving
from tests.netns import Host, hosts, own_network, run_in_own_network

pytestmark = [
    own_network,
    pytest.mark.skipif(not (FFMPEG.installed and GSTREAMER.installed), reason="no ffmpeg, or no GStreamer"),
    pytest.mark.skipif(not (shutil.which("nft") and shutil.which("sysctl")), reason="no nftables, or no procps"),
]

GROUP, PORT, TTL = "239.255.42.1", 5004, 3
GROUP_V6 = "ff15::42"
PATTERN = ("--width", "320", "--height", "240")
LOOPBACK = "ip link set lo up"
PACKETS = 60
MEMBERS = [FFMPEG, GSTREAMER]
IN_GROUP = {FFMPEG.name: "udp_multicast", GSTREAMER.name: "udp-mcast"}


@pytest.mark.parametrize(
    "case",
    [
        "two_players_in_one_group",
        "players_in_an_ipv6_group",
        "players_on_this_host",
        "an_interface_by_name",
        "an_interface_by_address",
        "the_interface_that_routes_say",
        "the_address_that_was_asked",
        "players_over_ipv6",
        "players_behind_a_nat",
        "a_player_whose_firewall_refuses_udp",
    ],
)
def test_among_hosts(case: str) -> None:
    run_in_own_network(LOOPBACK, f"{__name__}:{case}")


@contextmanager
def server_on_every_address(*flags: str) -> Iterator[Server]:
    with serving("test", *PATTERN, "--rtsp-host", "", *flags) as server:
        yield server


def assert_plays(player: Player, host: Host | None, url: str, transport: str) -> None:
    assert player.finish(player.start(url, transport, host.prefix if host else [])) >= FRAMES


def two_players_in_one_group() -> None:
    with hosts(1) as (lan,):
        lan.cable("lan", "10.91.1.1/24", "10.91.1.2/24")
        flags = ("--rtsp-multicast", f"{GROUP}/{PORT}/{TTL}", "--rtsp-multicast-interface", "10.91.1.1")
        with server_on_every_address(*flags) as server:
            url = f"rtsp://10.91.1.1:{server.port}/video"
            listener = Path(__file__).with_name("hear_group.py")
            command = [*lan.prefix, sys.executable, str(listener), GROUP, str(PORT), str(PACKETS)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ear:
                assert ear.stdout
                assert ear.stdout.readline() == "joined\n"
                players = [(player, player.start(url, IN_GROUP[player.name], lan.prefix)) for player in MEMBERS]
                assert all(player.finish(process) >= FRAMES for player, process in players)
                assert "transport=multicast" in server.wait_for("Client connected", times=2)
                heard = [line.split() for line in ear.stdout]
            assert len(heard) == PACKETS
            assert len({sequence for sequence, _ in heard}) == PACKETS, "one copy, however many watch"
            assert {ttl for _, ttl in heard} == {str(TTL)}


def players_in_an_ipv6_group() -> None:
    with hosts(1) as (lan,):
        lan.cable("lan", "fd91:1::1/64", "fd91:1::2/64")
        with server_on_every_address(
            "--rtsp-multicast", f"{GROUP_V6}/{PORT}/{TTL}", "--rtsp-multicast-interface", "lan"
        ) as server:
            assert_plays(FFMPEG, lan, f"rtsp://[fd91:1::1]:{server.port}/video", "udp_multicast")
            server.wait_for("transport=multicast")


def players_on_this_host() -> None:
    subprocess.run(["ip", "route", "add", "239.0.0.0/8", "dev", "lo"], check=True)
    with serving("test", *PATTERN, "--rtsp-multicast", f"{GROUP}/{PORT}/{TTL}") as server:
        for player in MEMBERS:
            assert_plays(player, None, server.url, IN_GROUP[player.name])


def an_interface_by_name() -> None:
    plays_through_the_second_interface("lan2")


def an_interface_by_address() -> None:
    plays_through_the_second_interface("10.91.2.1")


def plays_through_the_second_interface(interface: str) -> None:
    """The routes name the first one."""
    with two_lans() as (_, second):
        subprocess.run(["ip", "route", "add", "239.0.0.0/8", "dev", "lan1"], check=True)
        with server_on_every_address(
            "--rtsp-multicast", f"{GROUP}/{PORT}/{TTL}", "--rtsp-multicast-interface", interface
        ) as server:
            assert_plays(FFMPEG, second, f"rtsp://10.91.2.1:{server.port}/video", "udp_multicast")


def the_interface_that_routes_say() -> None:
    with two_lans() as (_, second):
        subprocess.run(["ip", "route", "add", "239.0.0.0/8", "dev", "lan2"], check=True)
        with server_on_every_address("--rtsp-multicast", f"{GROUP}/{PORT}/{TTL}") as server:
            assert_plays(FFMPEG, second, f"rtsp://10.91.2.1:{server.port}/video", "udp_multicast")


@contextmanager
def two_lans() -> Iterator[tuple[Host, Host]]:
    with hosts(2) as (first, second):
        first.cable("lan1", "10.91.1.1/24", "10.91.1.2/24")
        second.cable("lan2", "10.91.2.1/24", "10.91.2.2/24")
        yield first, second


def the_address_that_was_asked() -> None:
    """Also where the way to the player begins at another one; ffmpeg takes nothing from elsewhere."""
    with two_lans() as (first, _), server_on_every_address() as server:
        for address in ("10.91.1.1", "10.91.2.1"):
            usual = FFMPEG.command(f"rtsp://{address}:{server.port}/video", "udp")
            at = usual.index("-i")
            command = [*first.prefix, *usual[:at], "-rtsp_flags", "filter_src", *usual[at:]]
            pipe = subprocess.PIPE
            assert FFMPEG.finish(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)) >= FRAMES


def players_over_ipv6() -> None:
    with hosts(1) as (lan,):
        lan.cable("lan", "fd91:1::1/64", "fd91:1::2/64")
        with server_on_every_address() as server:
            url = f"rtsp://[fd91:1::1]:{server.port}/video"
            for player in MEMBERS:
                for transport in ("udp", "tcp"):
                    assert_plays(player, lan, url, transport)


def players_behind_a_nat() -> None:
    """Its router gives every flow another port, as one does whose ports are taken."""
    with hosts(2) as (router, inner):
        router.cable("wan", "203.0.113.1/24", "203.0.113.2/24")
        inner.cable("inside", "192.168.77.1/24", "192.168.77.2/24", begin=router)
        router.run("sysctl -qw net.ipv4.ip_forward=1", "nft add table ip nat")
        router.run("nft add chain ip nat out { type nat hook postrouting priority 100 ; }")
        router.run("nft add rule ip nat out oifname uplink masquerade fully-random")
        with server_on_every_address() as server:
            url = f"rtsp://203.0.113.1:{server.port}/video"
            for player in MEMBERS:
                assert_plays(player, inner, url, "udp")
            assert len([line for line in server.lines_with("Client connected") if "transport=UDP" in line]) == 2
            assert "address=203.0.113.2:" in server.wait_for("Client connected")


def a_player_whose_firewall_refuses_udp() -> None:
    """Its session ends, and is left at rest for the player to try TCP, as it does of itself."""
    with hosts(1) as (lan,):
        lan.cable("lan", "10.91.1.1/24", "10.91.1.2/24")
        lan.run("nft add table ip wall", "nft add chain ip wall in { type filter hook input priority 0 ; }")
        lan.run("nft add rule ip wall in meta l4proto udp reject with icmp type port-unreachable")
        with server_on_every_address() as server:
            assert_plays(GSTREAMER, lan, f"rtsp://10.91.1.1:{server.port}/video", "udp+tcp")
            assert 'transport=UDP reason="port unreachable"' in server.wait_for("Client disconnected")
            assert "transport=TCP" in server.wait_for("Client connected", times=2)
