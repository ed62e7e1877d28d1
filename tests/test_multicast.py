"""Viewers by multicast over loopback: one train for all of them, their joins, their reports, and the group's end."""

import gc
import logging
import random
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.access_units import number_in
from tests.clock import Ahead, ahead
from tests.e2e.viewer import Viewer, group_pair, packet_types, receiver_report
from tests.netns import own_network, run_in_own_network
from tests.network import free_udp_pair, wait_until
from tests.served import Served, served
from vstream.config import Settings
from vstream.errors import ListenError
from vstream.server.loop import EventLoop
from vstream.server.rtsp_server import RtspServer
from vstream.stream import Stream

__all__ = ["ahead"]
TTL = 7
IP_RECVTTL, IP_TTL = 12, 2
SENDER_REPORT_TYPE, GOODBYE_TYPE = 200, 203
WIRE_ADDRESS = "10.91.1.1"
WIRE = (
    "link add wire type veth peer name socket",
    "link set socket up",
    "link set wire up",
    f"address add {WIRE_ADDRESS}/24 dev wire",
    "route add 239.0.0.0/8 dev wire",
)


class Answering:
    """An encoder that makes a keyframe whenever it is asked for one, on a thread of its own."""

    def __init__(self) -> None:
        self.asked = 0
        self.running: Served | None = None
        self._lock = threading.Lock()

    def __call__(self) -> bool:
        self.asked += 1
        threading.Thread(target=self._encode).start()
        return True

    def _encode(self) -> None:
        with self._lock:
            if self.running is not None:
                self.running.keyframe()


def a_group() -> Settings:
    """A group that hardly any other test has at the moment."""
    number = random.randrange(1 << 16)
    return Settings(rtsp_multicast=f"239.255.{number >> 8}.{number & 255}/{free_udp_pair()}/{TTL}")


@contextmanager
def serving_a_group(encoder: Answering | None = None) -> Iterator[Served]:
    if encoder is None:
        with served(settings=a_group()) as running:
            running.keyframe()
            yield running
        return
    with served(settings=a_group(), request_keyframe=encoder) as running:
        running.keyframe()
        encoder.running = running
        yield running
        encoder.running = None


def watching(running: Served, stack: ExitStack, source: str = "") -> Viewer:
    viewer = stack.enter_context(Viewer(running.url, source=source)).play("multicast")
    viewer.ssrc = running.stream.ssrc
    return viewer


def test_many_viewers_share_one_copy() -> None:
    with serving_a_group() as running, ExitStack() as stack:
        viewers = [watching(running, stack) for _ in range(5)]
        for _ in range(30):
            running.picture(4000)
        packets = running.stream.fanout.packets_sent
        assert running.stream.fanout.octets_sent < 35 * 4000
        for viewer in viewers:
            units = viewer.units()
            numbers = [number_in(next(units).units)]
            while numbers[-1] < 30:
                numbers.append(number_in(next(units).units))
            assert numbers == list(range(numbers[0], 31))
        first = viewers[0].udp
        assert first
        first[0].setblocking(False)
        with pytest.raises(BlockingIOError):
            first[0].recv(1)
        assert running.stream.fanout.packets_sent == packets


def test_the_first_viewer_gets_what_is_kept_and_a_later_one_a_keyframe_of_its_own() -> None:
    encoder = Answering()
    with serving_a_group(encoder) as running, ExitStack() as stack:
        first = watching(running, stack)
        units = first.units()
        seen = [number_in(next(units).units)]
        asked = encoder.asked
        watching(running, stack)
        wait_until(lambda: encoder.asked > asked, "a request for a keyframe")
        while seen[-1] < running.count - 1:
            seen.append(number_in(next(units).units))
        assert seen == list(range(seen[0], running.count)), "nothing is sent twice"


def test_a_crowd_that_joins_asks_for_few_keyframes() -> None:
    encoder = Answering()
    with serving_a_group(encoder) as running, ExitStack() as stack:
        watching(running, stack)
        viewers = [stack.enter_context(Viewer(running.url)).set_up("multicast") for _ in range(50)]
        asked, begun_s = encoder.asked, time.monotonic()
        for viewer in viewers:
            viewer.send("PLAY")
        for viewer in viewers:
            assert viewer.reply().status == 200
        wait_until(lambda: sum(running.stream.joins.counts) == 51, "a keyframe for each of them")
        assert 1 <= encoder.asked - asked <= 2 + (time.monotonic() - begun_s) / 0.2


def test_the_group_is_sent_to_while_anybody_plays() -> None:
    with serving_a_group() as running, ExitStack() as stack:
        first, second = watching(running, stack), watching(running, stack)
        assert first.ask("PAUSE").status == 200
        assert first.ask("OPTIONS").status == 200, "so that the pause is carried out"
        sent = running.stream.fanout.packets_sent
        running.picture()
        assert running.stream.fanout.packets_sent > sent
        assert second.ask("TEARDOWN").status == 200
        wait_until(lambda: len(running.server.viewers) == 1, "its end")
        sent = running.stream.fanout.packets_sent
        running.picture()
        assert running.stream.fanout.packets_sent == sent
        assert first.ask("PLAY").status == 200
        wait_until(lambda: running.stream.fanout.packets_sent > sent, "what is kept")


@pytest.mark.parametrize("ending", ["TEARDOWN", "close", "reset"])
def test_the_group_is_told_goodbye_when_the_last_leaves(ending: str) -> None:
    with serving_a_group() as running, ExitStack() as stack:
        viewers = [watching(running, stack) for _ in range(3)]
        listener = watching(running, stack)
        assert listener.ask("TEARDOWN").status == 200
        for viewer in viewers[:-1]:
            assert viewer.ask("TEARDOWN").status == 200
        wait_until(lambda: len(running.server.viewers) == 1, "one being left")
        assert not any(GOODBYE_TYPE in packet_types(packet) for packet in waiting_reports(listener))
        if ending == "TEARDOWN":
            assert viewers[-1].ask("TEARDOWN").status == 200
        else:
            getattr(viewers[-1], ending)()
        listener.wait_for_goodbye()
        wait_until(lambda: not running.server.viewers, "nobody being left")


def waiting_reports(viewer: Viewer) -> list[bytes]:
    """RTCP that came so far."""
    assert viewer.udp
    packets = []
    viewer.udp[1].setblocking(False)
    try:
        while True:
            packets.append(viewer.udp[1].recv(2048))
    except BlockingIOError:
        viewer.udp[1].settimeout(20)
        return packets


def test_the_end_of_the_server_is_told_to_the_group_once() -> None:
    with serving_a_group() as running, ExitStack() as stack:
        viewers = [watching(running, stack) for _ in range(3)]
        running.shut_down()
        reports = [packet_types(packet) for packet in waiting_reports(viewers[0])]
        assert [GOODBYE_TYPE in report for report in reports] == [False] * (len(reports) - 1) + [True]


def test_every_newcomer_soon_gets_a_sender_report() -> None:
    with serving_a_group() as running, ExitStack() as stack:
        for _ in range(3):
            viewer = watching(running, stack)
            assert SENDER_REPORT_TYPE in packet_types(viewer.rtcp())


def test_rtp_and_rtcp_have_the_ttl_that_was_set() -> None:
    with serving_a_group() as running, ExitStack() as stack:
        viewer = stack.enter_context(Viewer(running.url)).set_up("multicast")
        assert viewer.udp
        for one in viewer.udp:
            one.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        assert viewer.ask("PLAY").status == 200
        for one in viewer.udp:
            _, control, _, _ = one.recvmsg(2048, 64)
            assert [struct.unpack("i", data)[0] for _, kind, data in control if kind == IP_TTL] == [TTL]


@pytest.mark.parametrize("where", ["the group", "the server"])
def test_who_reports_to_the_group_or_to_the_server_lives_and_who_is_silent_ends(
    where: str, ahead: Ahead, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vstream.server.viewer")
    with serving_a_group() as running, ExitStack() as stack:
        _, lively = watching(running, stack, "127.0.0.2"), watching(running, stack, "127.0.0.3")
        assert lively.udp
        server = lively.udp[1].recvfrom(2048)[1]
        ahead.s = 50
        to = lively.udp[1].getsockname() if where == "the group" else server
        reporter = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        reporter.bind(("127.0.0.3", 0))
        reporter.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.3"))
        reporter.sendto(receiver_report(running.stream.ssrc, lost=5), to)
        lively_one = next(viewer for viewer in running.server.viewers.values() if viewer.peer.host == "127.0.0.3")
        wait_until(lambda: lively_one.reception.packets_lost == 5, "the report being heard")
        ahead.s = 100
        wait_until(lambda: len(running.server.viewers) == 1, "the silent one's end")
        assert list(running.server.viewers.values()) == [lively_one]
        assert "127.0.0.2" in next(str(record.__dict__["address"]) for record in caplog.records if "disc" in record.msg)


def test_nothing_of_the_group_is_left_behind() -> None:
    with serving_a_group() as running:
        before = descriptors()
        for _ in range(20):
            with ExitStack() as stack:
                for _ in range(3):
                    watching(running, stack)
            wait_until(lambda: not running.server.viewers, "their end")
        wait_until(lambda: descriptors() <= before, f"no more than {before} descriptors")


def descriptors() -> int:
    """Those of this process, without what earlier tests dropped."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_viewers_by_every_transport_at_once() -> None:
    with serving_a_group() as running, ExitStack() as stack:
        viewers = [watching(running, stack)]
        viewers += [stack.enter_context(Viewer(running.url)).play(transport) for transport in ("udp", "tcp")]
        for _ in range(20):
            running.picture()
        for viewer in viewers:
            units = viewer.units()
            while number_in(next(units).units) < 20:
                pass


@own_network
@pytest.mark.parametrize("interface", ["the_name", "the_address", "the_routes"])
def test_who_plays_gets_on_when_the_interface_comes_again_with_another_number(interface: str) -> None:
    run_in_own_network("ip link set lo up", f"{__name__}:through_a_wire_known_by_{interface}")


def through_a_wire_known_by_the_name() -> None:
    through_a_wire(WIRE_ADDRESS, "wire")


def through_a_wire_known_by_the_address() -> None:
    through_a_wire(WIRE_ADDRESS)


def through_a_wire_known_by_the_routes() -> None:
    through_a_wire("0.0.0.0")


def through_a_wire(host: str, interface: str = "") -> None:
    plug_in()
    settings = Settings(rtsp_multicast=f"239.255.42.1/5004/{TTL}", rtsp_multicast_interface=interface)
    with served(host=host, settings=settings) as running:
        running.keyframe()
        url = f"rtsp://{WIRE_ADDRESS}:{running.server.port}/video"
        with Viewer(url, source=WIRE_ADDRESS).play("multicast") as viewer:
            viewer.rtp()
            before = socket.if_nametoindex("wire")
            subprocess.run(["ip", "link", "delete", "wire"], check=True)
            running.picture()
            plug_in()
            assert socket.if_nametoindex("wire") != before
            wait_until(lambda: "012AFFEF" in Path("/proc/net/igmp").read_text(), "the server in the group again")
            viewer.udp = group_pair("239.255.42.1", 5004, WIRE_ADDRESS)
            running.keyframe()
            viewer.rtp()


@own_network
def test_an_interface_may_be_named_by_its_link_local_address() -> None:
    run_in_own_network("ip link set lo up", f"{__name__}:by_a_link_local_address")


def by_a_link_local_address() -> None:
    plug_in()
    for address in ("fe80::77", "fd91:1::1"):
        subprocess.run(["ip", "-6", "address", "add", f"{address}/64", "dev", "wire", "nodad"], check=True)
    interface = socket.if_nametoindex("wire")
    settings = Settings(rtsp_multicast=f"ff15::42/5004/{TTL}", rtsp_multicast_interface="fe80::77")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ear, served(host="::", settings=settings) as running:
        ear.settimeout(20)
        ear.bind(("ff15::42", 5004))
        wanted = socket.inet_pton(socket.AF_INET6, "ff15::42") + struct.pack("=I", interface)
        ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, wanted)
        running.keyframe()
        with Viewer(f"rtsp://[::1]:{running.server.port}/video") as viewer:
            track = viewer.ask("DESCRIBE").headers["Content-Base"] + "trackID=0"
            reply = viewer.ask("SETUP", track, Transport="RTP/AVP;multicast")
            viewer.session = reply.headers["Session"].partition(";")[0]
            assert viewer.ask("PLAY").status == 200
            assert ear.recv(2048)[8:12] == running.stream.ssrc.to_bytes(4)


def plug_in() -> None:
    for command in WIRE:
        subprocess.run(["ip", *command.split()], check=True)


@pytest.mark.parametrize(
    ("group", "interface", "told"),
    [
        ("239.255.42.1", "absent0", "RTSP_MULTICAST_INTERFACE absent0"),
        ("239.255.42.1", "192.0.2.77", "RTSP_MULTICAST_INTERFACE 192.0.2.77"),
        ("ff15::42", "", "RTSP_MULTICAST ff15::42"),
    ],
)
def test_what_this_machine_cannot_send_to_is_told_at_the_start(group: str, interface: str, told: str) -> None:
    wanted = Settings(
        rtsp_host="127.0.0.1",
        rtsp_port=0,
        rtp_port=0,
        rtsp_multicast=f"{group}/5004/3",
        rtsp_multicast_interface=interface,
    )
    loop = EventLoop()
    stream = Stream(max_packet_bytes=1400, fps=30, bitrate_bps=None, request_keyframe=lambda: False)
    with pytest.raises(ListenError, match=told):
        RtspServer(wanted, stream, loop)
    loop.close()
