"""Viewers whose ports a NAT changed: they are served where they came from, and nobody else can say where that is."""

import re
import socket
from pathlib import Path

from tests.e2e.server import serving
from tests.e2e.viewer import Viewer, bound_pair, packet_types
from tests.network import udp_backlog, wait_until

ANNOUNCED = "RTP/AVP;unicast;client_port=1-2"
"""Ports that none of these viewers has."""
RECEIVER_REPORT = bytes.fromhex("80c90001 00000001")
SENDER_REPORT_TYPE = 200


def ask_for_udp(viewer: Viewer) -> tuple[int, int]:
    """Make a session that announces the wrong ports; gives the server's own."""
    reply = viewer.ask("SETUP", Transport=ANNOUNCED)
    viewer.session = reply.headers["Session"].partition(";")[0]
    viewer.ssrc = int(reply.headers["Transport"].partition("ssrc=")[2][:8], 16)
    ports = re.search(r"server_port=(\d+)-(\d+)", reply.headers["Transport"])
    assert ports
    return int(ports[1]), int(ports[2])


def punch(pair: tuple[socket.socket, socket.socket], server_ports: tuple[int, int]) -> None:
    """Send a datagram to each of the server's ports, and wait until it has read them."""
    for one, port, packet in zip(pair, server_ports, (b"\x80", RECEIVER_REPORT), strict=True):
        one.sendto(packet, ("127.0.0.1", port))
    wait_until(lambda: not any(udp_backlog(port) for port in server_ports), "the datagrams being read")


def test_media_and_reports_go_where_the_datagrams_came_from(clip: Path) -> None:
    with serving(clip) as server, Viewer(server.url) as viewer:
        server_ports = ask_for_udp(viewer)
        viewer.udp = bound_pair()
        punch(viewer.udp, server_ports)
        assert viewer.ask("PLAY").status == 200
        assert next(viewer.units())
        assert SENDER_REPORT_TYPE in packet_types(viewer.rtcp())
        assert viewer.ask("TEARDOWN").status == 200


def test_datagrams_that_come_together_with_play_count(clip: Path) -> None:
    with serving(clip) as server, Viewer(server.url) as viewer:
        server_ports = ask_for_udp(viewer)
        viewer.udp = bound_pair()
        for one, port, packet in zip(viewer.udp, server_ports, (b"\x80", RECEIVER_REPORT), strict=True):
            one.sendto(packet, ("127.0.0.1", port))
        assert viewer.ask("PLAY").status == 200
        assert next(viewer.units())


def test_datagrams_that_come_after_play_count_as_well(clip: Path) -> None:
    """GStreamer's come then."""
    with serving(clip) as server, Viewer(server.url) as viewer:
        server_ports = ask_for_udp(viewer)
        assert viewer.ask("PLAY").status == 200
        server.wait_for("Client connected")
        viewer.udp = bound_pair()
        punch(viewer.udp, server_ports)
        assert next(viewer.units())
        assert SENDER_REPORT_TYPE in packet_types(viewer.rtcp())
        assert viewer.ask("TEARDOWN").status == 200
        server.wait_for("Client disconnected")


def test_who_was_heard_where_it_said_stays_there(clip: Path) -> None:
    with serving(clip) as server, Viewer(server.url) as viewer, Viewer(server.url) as other:
        viewer.play("udp")
        assert viewer.udp
        server_ports = ask_for_udp(other)
        punch(viewer.udp, server_ports)
        assert other.ask("TEARDOWN").status == 200
        stray = bound_pair()
        punch(stray, server_ports)
        units = viewer.units()
        assert [next(units) for _ in range(60)]
        for one in stray:
            one.setblocking(False)
            assert not _has_datagram(one)
            one.close()


def test_a_datagram_of_one_who_is_about_to_play_is_that_ones(clip: Path) -> None:
    with serving(clip) as server, Viewer(server.url) as first, Viewer(server.url) as second:
        first.play("udp")
        server.wait_for("Client connected")
        server_ports = ask_for_udp(second)
        second.udp = bound_pair()
        punch(second.udp, server_ports)
        assert second.ask("PLAY").status == 200
        for viewer in (first, second):
            units = viewer.units()
            assert [next(units) for _ in range(30)]


def test_another_host_cannot_draw_the_media_to_itself(clip: Path) -> None:
    with serving(clip) as server, Viewer(server.url) as viewer, Viewer(server.url, source="127.0.0.2") as other:
        server_ports = ask_for_udp(viewer)
        assert other.ask("OPTIONS").status == 200
        thief = tuple(socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in thief:
            one.bind(("127.0.0.2", 0))
        punch((thief[0], thief[1]), server_ports)
        viewer.udp = bound_pair()
        punch(viewer.udp, server_ports)
        assert viewer.ask("PLAY").status == 200
        punch((thief[0], thief[1]), server_ports)
        assert next(viewer.units())
        for one in thief:
            one.setblocking(False)
            assert not _has_datagram(one)
            one.close()


def _has_datagram(udp: socket.socket) -> bool:
    try:
        return bool(udp.recv(1))
    except BlockingIOError:
        return False
