"""Dialogues of real players, word for word as they send them; each must come to play and to its end."""

from typing import NamedTuple

import pytest

from tests.rtsp_client import Client
from vstream.rtsp.session import End, InterleavedTransport, MulticastTransport, Pause, Play, Transport, UdpTransport

HOST = "192.0.2.1:8554"
BASE = f"rtsp://{HOST}/video"


class Step(NamedTuple):
    """One request: its start line, its header lines, and the status that the player needs.

    `{session}` in a header line stands for the id from the newest SETUP.
    """

    line: str
    fields: tuple[str, ...]
    status: int = 200


def _ffmpeg(transport: str, base: str) -> list[Step]:
    agent = "User-Agent: Lavf59.27.100"
    return [
        Step(f"OPTIONS {base}", ("CSeq: 1", agent)),
        Step(f"DESCRIBE {base}", ("Accept: application/sdp", "CSeq: 2", agent)),
        Step(f"SETUP {base}/trackID=0", (f"Transport: {transport}", "CSeq: 3", agent)),
        Step(f"PLAY {base}/", ("Range: npt=0.000-", "CSeq: 4", agent, "Session: {session}")),
        Step(f"GET_PARAMETER {base}/", ("CSeq: 5", agent, "Session: {session}")),
        Step(f"OPTIONS {base}/", ("CSeq: 6", agent, "Session: {session}")),
        Step(f"TEARDOWN {base}/", ("CSeq: 7", agent, "Session: {session}")),
    ]


def _gstreamer(*transports: tuple[str, int]) -> list[Step]:
    agent, date = "User-Agent: GStreamer/1.22.0", "Date: Mon, 23 Nov 2026 23:22:29 GMT"
    real_player = (
        "User-Agent: RealMedia Player Version 6.0.9.1235 (linux-2.0-libc6-i386-gcc2.95)",
        "ClientChallenge: 9e26d33f2984236010ef6253fb1887f7",
        "CompanyID: KnKV4M4I/B2FjJ1TToLycw==",
        "GUID: 00000000-0000-0000-0000-000000000000",
        "RegionData: 0",
        "PlayerStarttime: [28/03/2003:22:50:23 00:00]",
        "ClientID: Linux_2.4_6.0.9.1235_play32_RN01_EN_586",
    )
    setups = [
        Step(f"SETUP {BASE}/trackID=0", (f"CSeq: {3 + n}", agent, f"Transport: {transport}", date), status)
        for n, (transport, status) in enumerate(transports)
    ]
    cseq = 3 + len(setups)
    return [
        Step(f"OPTIONS {BASE}", ("CSeq: 1", agent, *real_player, date)),
        Step(f"DESCRIBE {BASE}", ("CSeq: 2", agent, "Accept: application/sdp", date)),
        *setups,
        Step(f"PLAY {BASE}/", (f"CSeq: {cseq}", agent, "Range: npt=0-", "Session: {session}", date)),
        Step(f"GET_PARAMETER {BASE}/", (f"CSeq: {cseq + 1}", agent, "Session: {session}", date)),
        Step(f"PAUSE {BASE}/", (f"CSeq: {cseq + 2}", agent, "Session: {session}", date)),
        Step(f"TEARDOWN {BASE}/", (f"CSeq: {cseq + 3}", agent, "Session: {session}", date)),
    ]


def _vlc(*transports: tuple[str, int]) -> list[Step]:
    agent = "User-Agent: LibVLC/3.0.24 (LIVE555 Streaming Media v2016.11.28)"
    setups = [
        Step(f"SETUP {BASE}/trackID=0", (f"CSeq: {4 + n}", agent, f"Transport: {transport}"), status)
        for n, (transport, status) in enumerate(transports)
    ]
    cseq = 4 + len(setups)
    return [
        Step(f"OPTIONS {BASE}", ("CSeq: 2", agent)),
        Step(f"DESCRIBE {BASE}", ("CSeq: 3", agent, "Accept: application/sdp")),
        *setups,
        Step(f"PLAY {BASE}/", (f"CSeq: {cseq}", agent, "Session: {session}", "Range: npt=0.000-")),
        Step(f"GET_PARAMETER {BASE}/", (f"CSeq: {cseq + 1}", agent, "Session: {session}")),
        Step(f"PAUSE {BASE}/", (f"CSeq: {cseq + 2}", agent, "Session: {session}")),
        Step(f"PLAY {BASE}/", (f"CSeq: {cseq + 3}", agent, "Session: {session}")),
        Step(f"TEARDOWN {BASE}/", (f"CSeq: {cseq + 4}", agent, "Session: {session}")),
    ]


def _open_rtsp(transport: str) -> list[Step]:
    agent = "User-Agent: openRTSP (LIVE555 Streaming Media v2026.01.12)"
    return [
        Step(f"OPTIONS {BASE}", ("CSeq: 2", agent)),
        Step(f"DESCRIBE {BASE}", ("CSeq: 3", agent, "Accept: application/sdp")),
        Step(f"SETUP {BASE}/trackID=0", ("CSeq: 4", agent, f"Transport: {transport}")),
        Step(f"PLAY {BASE}/", ("CSeq: 5", agent, "Session: {session}", "Range: npt=now-")),
        Step(f"OPTIONS {BASE}", ("CSeq: 6", agent, "Session: {session}")),
        Step(f"TEARDOWN {BASE}/", ("CSeq: 7", agent, "Session: {session}")),
    ]


GO2RTC = [
    Step(
        f"DESCRIBE {BASE}",
        ("Accept: application/sdp", "CSeq: 1", "Require: www.onvif.org/ver20/backchannel", "User-Agent: go2rtc/1.9.14"),
        551,
    ),
    Step(f"DESCRIBE {BASE}", ("Accept: application/sdp", "CSeq: 1", "User-Agent: go2rtc/1.9.14")),
    Step(
        f"SETUP {BASE}/trackID=0",
        ("CSeq: 2", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "User-Agent: go2rtc/1.9.14"),
    ),
    Step(f"PLAY {BASE}/", ("CSeq: 3", "Session: {session}", "User-Agent: go2rtc/1.9.14")),
    Step(f"OPTIONS {BASE}/", ("CSeq: 4", "Session: {session}", "User-Agent: go2rtc/1.9.14")),
    Step(f"TEARDOWN {BASE}/", ("CSeq: 5", "Session: {session}", "User-Agent: go2rtc/1.9.14")),
]


def _mediamtx(transport: str) -> list[Step]:
    agent = "User-Agent: gortsplib"
    return [
        Step(f"OPTIONS {BASE}", ("CSeq: 1", agent)),
        Step(f"DESCRIBE {BASE}", ("Accept: application/sdp", "CSeq: 2", agent)),
        Step(f"SETUP {BASE}/trackID=0", ("CSeq: 3", f"Transport: {transport}", agent)),
        Step(f"PLAY {BASE}/", ("CSeq: 4", "Range: npt=0-", "Session: {session}", agent)),
        Step(f"GET_PARAMETER {BASE}/", ("CSeq: 5", "Session: {session}", agent)),
        Step(f"TEARDOWN {BASE}/", ("CSeq: 6", "Session: {session}", agent)),
    ]


TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"
ON_TCP = InterleavedTransport(0, 1)
IN_GROUP = MulticastTransport("239.255.42.1", 5004, 5005, 16)

DIALOGUES: dict[str, tuple[list[Step], Transport]] = {
    "ffmpeg over UDP": (_ffmpeg("RTP/AVP/UDP;unicast;client_port=12906-12907", BASE), UdpTransport(12906, 12907)),
    "ffmpeg over TCP": (_ffmpeg(TCP, BASE), ON_TCP),
    "ffmpeg with a query": (_ffmpeg(TCP, f"{BASE}?profile=1"), ON_TCP),
    "GStreamer over UDP": (
        _gstreamer(("RTP/AVP;unicast;client_port=55628-55629", 200)),
        UdpTransport(55628, 55629),
    ),
    "GStreamer over TCP": (_gstreamer((TCP, 200)), ON_TCP),
    "GStreamer that tries multicast": (_gstreamer(("RTP/AVP;multicast", 461), (TCP, 200)), ON_TCP),
    "GStreamer that lists several": (
        _gstreamer((f"RTP/AVP;multicast,RTP/AVP;unicast;client_port=40000-40001,{TCP}", 200)),
        UdpTransport(40000, 40001),
    ),
    "VLC over UDP": (_vlc(("RTP/AVP;unicast;client_port=60784-60785", 200)), UdpTransport(60784, 60785)),
    "VLC over TCP": (_vlc((TCP, 200)), ON_TCP),
    "VLC that tries multicast": (_vlc(("RTP/AVP;multicast;client_port=60784-60785", 461), (TCP, 200)), ON_TCP),
    "ffmpeg by multicast": (_ffmpeg("RTP/AVP/UDP;multicast", BASE), IN_GROUP),
    "GStreamer by multicast": (_gstreamer(("RTP/AVP;multicast", 200)), IN_GROUP),
    "VLC by multicast": (_vlc(("RTP/AVP;multicast;client_port=60784-60785", 200)), IN_GROUP),
    "openRTSP over UDP": (_open_rtsp("RTP/AVP;unicast;client_port=41240-41241"), UdpTransport(41240, 41241)),
    "openRTSP over TCP": (_open_rtsp(TCP), ON_TCP),
    "go2rtc": (GO2RTC, ON_TCP),
    "MediaMTX over UDP": (_mediamtx("RTP/AVP/UDP;unicast;client_port=36782-36783"), UdpTransport(36782, 36783)),
    "MediaMTX over TCP": (_mediamtx(TCP), ON_TCP),
    "MediaMTX that prefers SRTP": (
        _mediamtx("RTP/SAVP/UDP;unicast;client_port=36782-36783,RTP/AVP/UDP;unicast;client_port=36784-36785"),
        UdpTransport(36784, 36785),
    ),
}


@pytest.mark.parametrize("byte_by_byte", [False, True])
@pytest.mark.parametrize(("steps", "transport"), DIALOGUES.values(), ids=DIALOGUES.keys())
def test_dialogue(steps: list[Step], transport: Transport, byte_by_byte: bool) -> None:
    client = Client(multicast=IN_GROUP if transport == IN_GROUP else None)
    session_id = ""
    for step in steps:
        text = "\r\n".join((f"{step.line} RTSP/1.0", *step.fields, "", "")).replace("{session}", session_id)
        # A player on TCP mixes receiver reports with its requests.
        report = b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01"
        (reply,) = client.send(report + text.encode(), step=int(byte_by_byte))
        assert reply.status == step.status, step.line
        assert f"CSeq: {reply.headers['CSeq']}" in step.fields
        if step.line.startswith("SETUP") and step.status == 200:
            session_id = reply.session_id
            assert client.dialogue.sessions[session_id].transport == transport
    plays = [effect.session.id for effect in client.effects if isinstance(effect, Play)]
    pauses = [effect for effect in client.effects if isinstance(effect, Pause)]
    assert plays[0] == session_id
    assert len(plays) == sum(step.line.startswith("PLAY") for step in steps)
    assert len(pauses) == sum(step.line.startswith("PAUSE") for step in steps)
    last = client.effects[-1]
    assert isinstance(last, End)
    assert (last.session.id, last.reason) == (session_id, "TEARDOWN")
    assert len(client.frames) == len(steps)


def test_a_client_that_sends_all_at_once_and_closes_is_answered_in_order() -> None:
    steps = [
        f"SETUP {BASE}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: {TCP}\r\n\r\n",
        f"PLAY {BASE}/ RTSP/1.0\r\nCSeq: 2\r\nSession: id1\r\n\r\n",
        f"TEARDOWN {BASE}/ RTSP/1.0\r\nCSeq: 3\r\nSession: id1\r\n\r\n",
    ]
    client = Client()
    replies = client.send("".join(steps).encode())
    assert [(reply.status, reply.headers["CSeq"]) for reply in replies] == [(200, "1"), (200, "2"), (200, "3")]
    assert [type(effect) for effect in client.effects] == [Play, End]
    assert client.dialogue.closed() == ()


def test_responses_of_a_client_are_read_over() -> None:
    data = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n"
    (reply,) = Client().send(data)
    assert reply.headers["CSeq"] == "2"
