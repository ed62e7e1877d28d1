"""Transport: what is taken of what clients offer, and whether GStreamer reads the answer as it was meant."""

import json
import shutil
import subprocess

import pytest

from tests.rtsp_client import TRACK, URL, Client
from vstream.rtsp.session import InterleavedTransport, MulticastTransport, UdpTransport

OFFERS: list[tuple[str, UdpTransport | InterleavedTransport]] = [
    ("RTP/AVP/UDP;unicast;client_port=13004-13005", UdpTransport(13004, 13005)),
    ("RTP/AVP;unicast;client_port=49170-49171", UdpTransport(49170, 49171)),
    ("RTP/AVP;unicast;client_port=49170", UdpTransport(49170, 49171)),
    ("rtp/avp;UNICAST;Client_Port=49170-49171;mode=play", UdpTransport(49170, 49171)),
    ('RTP/AVP;unicast;client_port=5001-5000;mode="PLAY"', UdpTransport(5001, 5000)),
    ("RTP/AVP;client_port=65534-65535", UdpTransport(65534, 65535)),
    ("RTP/AVP;unicast;destination=192.0.2.9;client_port=1-2", UdpTransport(1, 2)),
    ("RTP/AVP;unicast;destination=::ffff:192.0.2.9;client_port=1-2", UdpTransport(1, 2)),
    ("RTP/AVP;unicast;destination;client_port=1-2", UdpTransport(1, 2)),
    (" RTP/AVP ; unicast ; client_port = 7-8 ; ", UdpTransport(7, 8)),
    ("RTP/AVPF;unicast;client_port=7-8", UdpTransport(7, 8, "RTP/AVPF")),
    ("rtp/avpf/udp;unicast;client_port=7-8", UdpTransport(7, 8, "RTP/AVPF")),
    ("RTP/SAVPF;unicast;client_port=1-2,RTP/AVPF;client_port=3-4,RTP/AVP", UdpTransport(3, 4, "RTP/AVPF")),
    ("RTP/AVPF/TCP;unicast;interleaved=2-3", InterleavedTransport(2, 3)),
    ("RTP/AVPF;unicast;interleaved=2-3", InterleavedTransport(2, 3)),
    ("RTP/AVP/TCP;unicast;interleaved=0-1", InterleavedTransport(0, 1)),
    ("RTP/AVP/TCP;interleaved=3-4", InterleavedTransport(3, 4)),
    ("RTP/AVP/TCP;unicast;interleaved=9-8", InterleavedTransport(9, 8)),
    ("RTP/AVP/TCP;unicast;interleaved=254-255", InterleavedTransport(254, 255)),
    ("RTP/AVP/TCP;unicast;interleaved=6", InterleavedTransport(6, 7)),
    ("RTP/AVP/TCP;unicast", InterleavedTransport(0, 1)),
    ("RTP/AVP/TCP", InterleavedTransport(0, 1)),
    ("RTP/AVP;unicast;interleaved=0-1", InterleavedTransport(0, 1)),
    ("RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1", InterleavedTransport(0, 1)),
    ("RTP/SAVP;unicast;client_port=1-2, RTP/AVP;unicast;client_port=3-4, RTP/AVP/TCP", UdpTransport(3, 4)),
    ('RTP/AVP;unicast;client_port=x;mode="PLAY,RECORD",RTP/AVP/TCP;mode="PLAY,RECORD"', InterleavedTransport(0, 1)),
]

GROUP = MulticastTransport("239.255.42.1", 5004, 5005, 16)
GROUP_V6 = MulticastTransport("ff15::42", 5004, 5005, 16)
GROUP_OFFERS: list[tuple[str, MulticastTransport]] = [
    ("RTP/AVP;multicast", GROUP),
    ("RTP/AVP/UDP;multicast", GROUP),
    ("RTP/AVP;multicast;client_port=60784-60785", GROUP),
    ("RTP/AVP;multicast;destination=239.255.42.1;port=9000-9001;ttl=255", GROUP),
    ("RTP/AVP;Multicast;mode=play", GROUP_V6),
    ("RTP/AVP;multicast;destination=[FF15::0042]", GROUP_V6),
    ("RTP/SAVP;multicast,RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1", GROUP),
]


@pytest.mark.parametrize(("offer", "transport"), OFFERS)
def test_offer_is_taken(offer: str, transport: UdpTransport | InterleavedTransport) -> None:
    client = Client()
    client.set_up(offer)
    assert client.dialogue.sessions["id1"].transport == transport


def test_offers_in_several_headers_are_taken_in_order() -> None:
    client = Client()
    lines = [
        "Transport: RTP/AVP;multicast",
        "Transport: RTP/AVP/TCP;interleaved=2-3",
        "Transport: RTP/AVP;client_port=1-2",
    ]
    assert client.ask("SETUP", TRACK, *lines).status == 200
    assert client.dialogue.sessions["id1"].transport == InterleavedTransport(2, 3)


def test_channels_in_use_are_replaced_by_free_ones() -> None:
    client = Client()
    for asked, given in [("2-3", (2, 3)), ("3-4", (0, 1)), ("1-2", (4, 5))]:
        header = client.set_up(f"RTP/AVP/TCP;unicast;interleaved={asked}")
        assert client.dialogue.sessions[header.removeprefix("Session: ")].transport == given


def test_a_connection_from_a_mapped_ipv4_address_may_name_itself() -> None:
    client = Client(peer="::ffff:192.0.2.9")
    client.set_up("RTP/AVP;unicast;destination=192.0.2.9;client_port=1-2")


@pytest.mark.parametrize(("offer", "group"), GROUP_OFFERS)
def test_who_asks_for_multicast_is_given_the_group(offer: str, group: MulticastTransport) -> None:
    client = Client(multicast=group)
    reply = client.ask("SETUP", TRACK, f"Transport: {offer}")
    wanted = {"multicast", f"destination={group.destination}", "port=5004-5005", "ttl=16"}
    assert wanted <= set(reply.headers["Transport"].split(";"))
    assert client.dialogue.sessions["id1"].transport == group


@pytest.mark.parametrize(
    "offer",
    [
        "RTP/AVP;multicast;destination=239.255.42.2",
        "RTP/AVP;multicast;destination=192.0.2.9",
        "RTP/AVP;multicast;destination=a.example",
        "RTP/AVP/TCP;multicast;interleaved=0-1",
        "RTP/AVP;multicast;mode=record",
    ],
)
def test_another_group_or_another_way_is_refused(offer: str) -> None:
    assert Client(multicast=GROUP).ask("SETUP", TRACK, f"Transport: {offer}").status == 461


def test_the_group_does_not_stand_in_for_what_a_client_asks() -> None:
    client = Client(multicast=GROUP)
    client.set_up("RTP/AVP;unicast;client_port=7-8")
    assert client.dialogue.sessions["id1"].transport == UdpTransport(7, 8)


def test_nobody_is_told_with_which_packet_the_group_begins() -> None:
    client = Client(multicast=GROUP)
    reply = client.ask("PLAY", URL, client.set_up("RTP/AVP;multicast"))
    assert (reply.status, reply.headers["RTP-Info"]) == (200, None)


@pytest.mark.parametrize(
    "profile", ["RTP/AVP", "RTP/AVP/UDP", "RTP/AVP/TCP", "RTP/AVPF", "RTP/AVPF/UDP", "RTP/AVPF/TCP"]
)
def test_the_profile_is_answered_as_it_was_asked(profile: str) -> None:
    reply = Client().ask("SETUP", TRACK, f"Transport: {profile};unicast;client_port=5000-5001")
    assert reply.headers["Transport"].partition(";")[0] == profile


@pytest.mark.parametrize("profile", ["RTP/AVPX", "RTP/AVPF/SCTP", "RTP/AVPFF", "RTP/SAVPF", "RTP/", "RAW/RAW/UDP"])
def test_other_profiles_are_not_served(profile: str) -> None:
    assert Client().ask("SETUP", TRACK, f"Transport: {profile};unicast;client_port=5000-5001").status == 461


_GSTREAMER_READS = """
import json, sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
from gi.repository import Gst, GstRtsp
Gst.init(None)
def pair(range_):
    return [range_.min, range_.max]
def read(text):
    result, transport = GstRtsp.rtsp_transport_parse(text)
    assert result == GstRtsp.RTSPResult.OK, text
    return dict(tcp=bool(transport.lower_transport & GstRtsp.RTSPLowerTrans.TCP),
                udp=bool(transport.lower_transport & GstRtsp.RTSPLowerTrans.UDP), play=transport.mode_play,
                avpf=transport.profile == GstRtsp.RTSPProfile.AVPF,
                client=pair(transport.client_port), server=pair(transport.server_port),
                channels=pair(transport.interleaved), ssrc=transport.ssrc,
                multicast=bool(transport.lower_transport & GstRtsp.RTSPLowerTrans.UDP_MCAST),
                destination=transport.destination, port=pair(transport.port), ttl=transport.ttl)
print(json.dumps([read(text) for text in json.load(sys.stdin)]))
"""


def gstreamer_reads(answers: list[str]) -> list[dict[str, object]]:
    python = shutil.which("python3", path="/usr/bin")
    if python is None or subprocess.run([python, "-c", "import gi"], check=False, capture_output=True).returncode:
        pytest.skip("needs Debian's python3-gi")
    run = subprocess.run(
        [python, "-c", _GSTREAMER_READS], input=json.dumps(answers), capture_output=True, text=True, check=True
    )
    read: list[dict[str, object]] = json.loads(run.stdout)
    assert len(read) == len(answers)
    return read


def test_gstreamer_reads_the_answer_as_it_was_meant() -> None:
    answers = [Client().ask("SETUP", TRACK, f"Transport: {offer}").headers["Transport"] for offer, _ in OFFERS]
    for read, (_, transport) in zip(gstreamer_reads(answers), OFFERS, strict=True):
        assert read["play"]
        assert read["ssrc"] == 0xBEEF
        if isinstance(transport, InterleavedTransport):
            assert read["tcp"]
            assert read["channels"] == list(transport)
        else:
            assert read["udp"]
            assert read["client"] == [transport.rtp_port, transport.rtcp_port]
            assert read["avpf"] == (transport.profile == "RTP/AVPF")
            assert read["server"] == [8000, 8001]


def test_gstreamer_reads_the_group_as_it_was_meant() -> None:
    answers = [
        Client(multicast=group).ask("SETUP", TRACK, f"Transport: {offer}").headers["Transport"]
        for offer, group in GROUP_OFFERS
    ]
    for read, (_, group) in zip(gstreamer_reads(answers), GROUP_OFFERS, strict=True):
        assert (read["multicast"], read["udp"], read["play"]) == (True, False, True)
        assert (read["destination"], read["port"], read["ttl"]) == (group.destination, [5004, 5005], 16)
