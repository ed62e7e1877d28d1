"""Feedback to a whole server: what a viewer may ask of it, how often, and that nobody asks in another's name."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.access_units import number_in
from tests.e2e.viewer import TIMEOUT_S, Viewer
from tests.network import wait_until
from tests.served import Served, served
from vstream import rtcp, stream
from vstream.counters import counters

TRANSPORTS = ("udp", "tcp")
OWN_SSRC = 0x11223344
RR = bytes.fromhex("80c9000111223344")
RTX_PAYLOAD_TYPE = 97


def feedback(kind: int, fmt: int, media_ssrc: int, body: bytes = b"") -> bytes:
    """RFC 4585 section 6.1, behind an empty receiver report."""
    content = OWN_SSRC.to_bytes(4) + media_ssrc.to_bytes(4) + body
    return RR + bytes([0x80 | fmt, kind]) + (len(content) // 4).to_bytes(2) + content


def pli(viewer: Viewer) -> bytes:
    return feedback(206, 1, viewer.ssrc)


def fir(viewer: Viewer, number: int) -> bytes:
    return feedback(206, 4, 0, viewer.ssrc.to_bytes(4) + bytes([number, 0, 0, 0]))


def nack(viewer: Viewer, *sequences: int) -> bytes:
    return feedback(205, 1, viewer.ssrc, b"".join(sequence.to_bytes(2) + b"\0\0" for sequence in sequences))


class Encoder:
    """Counts the keyframes it is asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.was_asked = threading.Event()

    def ask(self) -> bool:
        self.asked += 1
        self.was_asked.set()
        return True


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def running(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    # What is asked for again is kept for as long as a busy machine may take to ask.
    monkeypatch.setattr(stream, "RETRANSMISSION", stream.RETRANSMISSION._replace(time_ms=60_000))
    with served(request_keyframe=encoder.ask) as one:
        one.keyframe()
        yield one


def playing(running: Served, encoder: Encoder, transport: str, profile: str = "RTP/AVP") -> Viewer:
    """A viewer that has all that was published, in a stream that was asked for no keyframe since."""
    viewer = Viewer(running.url).play(transport, profile)
    viewer.rtcp()  # the report that is sent once it has joined
    running.keyframe()
    while number_in(next(viewer.units()).units) != running.count - 1:
        pass
    encoder.was_asked.clear()
    encoder.asked = 0
    return viewer


def heard(kind: str, count: int) -> None:
    wait_until(lambda: counters.feedback[kind] >= count, f"{count} {kind}")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ["pli", "fir"])
def test_a_request_for_a_keyframe_is_passed_on(running: Served, encoder: Encoder, transport: str, kind: str) -> None:
    with playing(running, encoder, transport) as viewer:
        viewer.send_rtcp(pli(viewer) if kind == "pli" else fir(viewer, 1))
        assert encoder.was_asked.wait(TIMEOUT_S)
        wanted = running.count
        running.keyframe()
        while number_in(next(viewer.units()).units) != wanted:
            pass


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_flood_of_requests_makes_few_keyframes(running: Served, encoder: Encoder, transport: str) -> None:
    with playing(running, encoder, transport) as viewer:
        before, begun_s = counters.feedback["pli"], time.monotonic()
        for number in range(500):
            viewer.send_rtcp(pli(viewer))
            if number % 50 == 0:
                heard("pli", before + number + 1)
        heard("pli", before + 500)
        assert 1 <= encoder.asked <= 2 + (time.monotonic() - begun_s)


def test_a_command_that_is_repeated_is_one_command(running: Served, encoder: Encoder) -> None:
    with playing(running, encoder, "tcp") as viewer:
        before = counters.feedback["fir"]
        viewer.send_rtcp(fir(viewer, 7))
        assert encoder.was_asked.wait(TIMEOUT_S)
        running.keyframe()
        encoder.was_asked.clear()
        for _ in range(5):
            viewer.send_rtcp(fir(viewer, 7))
        heard("fir", before + 6)
        viewer.send_rtcp(fir(viewer, 8))
        assert encoder.was_asked.wait(TIMEOUT_S), "it waits for its turn, and has it"
        assert encoder.asked == 2


def test_a_request_of_another_stream_is_nobodys(running: Served, encoder: Encoder) -> None:
    with playing(running, encoder, "udp") as viewer:
        before, nacks = counters.feedback["pli"], counters.feedback["nack"]
        viewer.send_rtcp(feedback(206, 1, viewer.ssrc ^ 1))
        viewer.send_rtcp(feedback(206, 4, 0, (viewer.ssrc ^ 1).to_bytes(4) + bytes(4)))
        viewer.send_rtcp(feedback(206, 4, 0, b""))
        viewer.send_rtcp(nack(viewer, 0))
        heard("nack", nacks + 1)  # which was sent last
        assert (encoder.asked, counters.feedback["pli"]) == (0, before)


def lost_packet(viewer: Viewer) -> bytes:
    """A packet that came and that the viewer says it lost."""
    packet = viewer.rtp()
    viewer.send_rtcp(nack(viewer, int.from_bytes(packet[2:4])))
    return packet


def test_a_lost_packet_comes_again(running: Served, encoder: Encoder) -> None:
    with playing(running, encoder, "udp") as viewer:
        running.keyframe(50_000)
        lost = lost_packet(viewer)
        while viewer.rtp() != lost:
            pass


def test_who_set_up_feedback_gets_it_in_a_stream_of_its_own(running: Served, encoder: Encoder) -> None:
    with playing(running, encoder, "udp", "RTP/AVPF") as viewer:
        running.keyframe(50_000)
        lost = lost_packet(viewer)
        while (packet := viewer.rtp())[1] & 0x7F != RTX_PAYLOAD_TYPE:
            pass
        ssrc = int.from_bytes(packet[8:12])
        assert ssrc != viewer.ssrc
        assert (packet[4:8], packet[12:14], packet[14:]) == (lost[4:8], lost[2:4], lost[12:])
        while len(reports := sender_reports(viewer.rtcp())) < 2:
            pass
        assert [report.ssrc for report in reports] == [viewer.ssrc, ssrc]
        assert (reports[1].packet_count, reports[1].octet_count) == (1, len(packet) - 12)
        assert reports[0].rtp_timestamp == reports[1].rtp_timestamp
        running.shut_down()
        assert rtcp.parse(viewer.wait_for_goodbye())[-1] == rtcp.Goodbye((viewer.ssrc, ssrc), "server shuts down")


def sender_reports(compound: bytes) -> list[rtcp.SenderReport]:
    return [packet for packet in rtcp.parse(compound) if isinstance(packet, rtcp.SenderReport)]


def test_over_tcp_nothing_is_sent_again(running: Served, encoder: Encoder) -> None:
    with playing(running, encoder, "tcp", "RTP/AVPF") as viewer:
        before = counters.feedback["nack"]
        running.picture(500)
        lost_packet(viewer)
        heard("nack", before + 1)
        sent = running.count
        running.keyframe()
        assert number_in(next(viewer.units()).units) == sent
        assert running.stream.fanout.packets_retransmitted == 0


def test_a_stranger_asks_for_nothing(running: Served, encoder: Encoder) -> None:
    """Neither another socket of the viewer's own host, nor another viewer, speaks for it."""
    with playing(running, encoder, "udp") as viewer, Viewer(running.url).set_up("udp") as other:
        assert other.udp
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            running.keyframe(5000)
            for source in (stranger, other.udp[1]):
                viewer.send_rtcp(pli(viewer), source)
                viewer.send_rtcp(nack(viewer, int.from_bytes(viewer.rtp()[2:4])), source)
        before = dict(counters.feedback)
        viewer.send_rtcp(nack(viewer, 0))
        heard("nack", before.get("nack", 0) + 1)
        assert encoder.asked == 0
        assert running.stream.fanout.packets_retransmitted == 0
        assert counters.feedback["pli"] == before.get("pli", 0)


def test_who_paused_asks_for_nothing(running: Served, encoder: Encoder) -> None:
    with playing(running, encoder, "udp") as viewer, playing(running, encoder, "udp") as witness:
        assert viewer.ask("PAUSE").status == 200
        before = dict(counters.feedback)
        viewer.send_rtcp(pli(viewer))
        witness.send_rtcp(nack(witness, 0))
        heard("nack", before.get("nack", 0) + 1)
        assert (encoder.asked, counters.feedback["pli"]) == (0, before.get("pli", 0))
