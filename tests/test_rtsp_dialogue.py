"""What each method answers and which effects it has; what keeps a session alive and what ends it."""

import pytest

from tests.rtsp_client import SDP, TRACK, URL, Client
from vstream.rtsp.message import REASONS, InterleavedFrame
from vstream.rtsp.session import (
    Close,
    End,
    InterleavedTransport,
    MulticastTransport,
    Pause,
    Play,
    StartPoint,
    State,
    UdpTransport,
)

METHODS = {"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN"}
UDP = "RTP/AVP;unicast;client_port=5000-5001"
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"


def _elements(value: str) -> set[str]:
    return {element.strip() for element in value.split(",")}


@pytest.mark.parametrize("uri", ["*", URL, TRACK, "rtsp://h/another", "rtsp://h"])
def test_options_of_anything_lists_every_method(uri: str) -> None:
    assert _elements(Client().ask("OPTIONS", uri).headers["Public"]) == METHODS


@pytest.mark.parametrize(
    ("uri", "base"),
    [
        ("rtsp://192.0.2.1:8554/video", "rtsp://192.0.2.1:8554/video/"),
        ("rtsp://192.0.2.1:8554/video/", "rtsp://192.0.2.1:8554/video/"),
        ("RTSP://pi.local/video", "rtsp://pi.local/video/"),
        ("rtsps://pi.local:8322/video", "rtsps://pi.local:8322/video/"),
        ("rtsp://user:p%40ss@pi.local/video?token=1", "rtsp://pi.local/video/"),
        ("rtsp://[2001:db8::1]:8554/video", "rtsp://[2001:db8::1]:8554/video/"),
        ("rtsp://pi//video", "rtsp://pi/video/"),
        ("rtsp://pi/%76ideo", "rtsp://pi/video/"),
        ("/video", "rtsp://192.0.2.1:8554/video/"),
        ("rtsp:///video", "rtsp://192.0.2.1:8554/video/"),
    ],
)
def test_describe(uri: str, base: str) -> None:
    client = Client()
    reply = client.ask("DESCRIBE", uri, "Accept: application/sdp")
    assert reply.status == 200
    assert reply.headers["Content-Base"] == base
    assert reply.headers["Content-Type"] == "application/sdp"
    assert reply.body == SDP
    assert client.media.asked == [(base, "192.0.2.1", "RTP/AVP")]


def test_relative_uri_on_ipv6_gets_a_base_in_brackets() -> None:
    reply = Client(local="2001:db8::1").ask("DESCRIBE", "/video")
    assert reply.headers["Content-Base"] == "rtsp://[2001:db8::1]:8554/video/"


@pytest.mark.parametrize("uri", [URL, f"{URL}/", f"{URL}?a=b", TRACK, f"{TRACK}/", f"{URL}?a=b/trackID=0", "/video/"])
def test_every_form_of_the_uri_sets_up_and_plays(uri: str) -> None:
    client = Client()
    setup = client.ask("SETUP", uri, f"Transport: {TCP}")
    session = f"Session: {setup.session_id}"
    reply = client.ask("PLAY", uri, session)
    assert reply.headers["RTP-Info"].startswith("url=rtsp://192.0.2.1:8554/video/trackID=0;")
    assert client.ask("GET_PARAMETER", uri, session).status == 200
    assert client.ask("PAUSE", uri, session).status == 200
    assert client.ask("TEARDOWN", uri, session).status == 200


@pytest.mark.parametrize(
    ("path", "uri", "track"),
    [
        ("/", "rtsp://h/", "rtsp://h/trackID=0"),
        ("/", "rtsp://h", "rtsp://h/trackID=0"),
        ("/cam/front door", "rtsp://h/cam/front%20door", "rtsp://h/cam/front%20door/trackID=0"),
        ("/café", "rtsp://h/caf\xc3\xa9", "rtsp://h/caf%C3%A9/trackID=0"),
    ],
)
def test_other_paths_can_be_served(path: str, uri: str, track: str) -> None:
    client = Client(path=path)
    assert client.ask("DESCRIBE", uri).headers["Content-Base"] == track.removesuffix("trackID=0")
    session = f"Session: {client.ask('SETUP', track, f'Transport: {TCP}').session_id}"
    assert track in client.ask("PLAY", uri, session).headers["RTP-Info"]


def test_describe_before_the_source_is_ready() -> None:
    client = Client()
    client.media.sdp = None
    reply = client.ask("DESCRIBE")
    assert reply.status == 503
    assert reply.headers["Retry-After"] == "2"


@pytest.mark.parametrize(
    "accept", ["application/sdp", "application/rtsl, Application/SDP;level=2", "*/*", "application/*"]
)
def test_accept_that_allows_sdp(accept: str) -> None:
    assert Client().ask("DESCRIBE", URL, f"Accept: {accept}").status == 200


def test_setup_answers_the_session_and_both_ends_of_the_transport() -> None:
    client = Client()
    reply = client.ask("SETUP", TRACK, f"Transport: {UDP}")
    assert reply.headers["Session"] == "id1;timeout=60"
    parts = reply.headers["Transport"].split(";")
    assert parts[:2] == ["RTP/AVP", "unicast"]
    assert {"client_port=5000-5001", "server_port=8000-8001", "ssrc=0000BEEF"} <= set(parts)
    session = client.dialogue.sessions["id1"]
    assert session.transport == UdpTransport(5000, 5001)
    assert session.state is State.READY


def test_play_starts_at_a_point_and_pause_stops() -> None:
    client = Client()
    header = client.set_up()
    session = client.dialogue.sessions["id1"]
    reply = client.ask("PLAY", URL, header, "Range: npt=0.000-")
    assert reply.headers["Range"] == "npt=0.000-"
    assert reply.headers["Session"] == "id1;timeout=60"
    assert reply.headers["RTP-Info"] == f"url={TRACK};seq=65535;rtptime=4294967295"
    assert client.ask("PLAY", URL, header).status == 200
    assert client.ask("PAUSE", URL, header).status == 200
    assert client.ask("PAUSE", URL, header).status == 200
    assert client.ask("PLAY", URL, header, "Range: npt=4.2-").status == 200
    assert client.ask("TEARDOWN", URL, header).status == 200
    assert client.effects == [Play(session), Pause(session), Play(session), End(session, "TEARDOWN")]
    assert session.state is State.INIT
    assert client.ask("PLAY", URL, header).status == 454


@pytest.mark.parametrize(
    ("local", "uri", "told"),
    [
        ("192.0.2.1", "rtsp://192.0.2.1:8554/video", True),
        ("192.0.2.1", "rtsp://viewer:pw@192.0.2.1/video", True),
        ("2001:db8::1", "rtsp://[2001:db8::1]:8554/video", True),
        ("192.0.2.1", "rtsp://203.0.113.5:8554/video", False),
        ("192.0.2.1", "rtsp://camera.lan/video", False),
        ("192.0.2.1", "/video", False),
    ],
)
def test_the_source_is_told_where_the_player_reaches_it(local: str, uri: str, told: bool) -> None:
    reply = Client(local=local).ask("SETUP", uri, f"Transport: {UDP}")
    assert (f"source={local}" in reply.headers["Transport"].split(";")) == told


@pytest.mark.parametrize(
    ("start", "info"),
    [
        (StartPoint(None, None), None),
        (StartPoint(0, None), f"url={TRACK};seq=0"),
        (StartPoint(None, 0), f"url={TRACK};rtptime=0"),
    ],
)
def test_rtp_info_leaves_out_what_is_not_known(start: StartPoint, info: str | None) -> None:
    client = Client()
    client.media.start = start
    assert client.ask("PLAY", URL, client.set_up()).headers["RTP-Info"] == info


@pytest.mark.parametrize(
    "value", ["npt=now-", "npt=0-", "npt=12.5-", "npt=0:00:07.5-1:00:00", "npt = 0 - 5", "NPT=0-;time=19970123T143720Z"]
)
def test_npt_ranges_play(value: str) -> None:
    client = Client()
    assert client.ask("PLAY", URL, client.set_up(), f"Range: {value}").headers["Range"] == "npt=0.000-"


@pytest.mark.parametrize(
    "value",
    [
        "clock=20261123T220000Z-",
        "clock=20261123T220000.25Z-20261123T230000Z",
        "smpte=10:07:00-10:07:33:05.01",
        "smpte-30-drop=0:10:00-",
    ],
)
def test_other_ranges_play(value: str) -> None:
    client = Client()
    assert client.ask("PLAY", URL, client.set_up(), f"Range: {value}").status == 200


def test_setup_again_changes_the_transport_until_it_plays() -> None:
    client = Client()
    header = client.set_up(UDP)
    reply = client.ask("SETUP", TRACK, header, f"Transport: {TCP}")
    assert reply.session_id == "id1"
    assert client.dialogue.sessions["id1"].transport == InterleavedTransport(0, 1)
    assert "interleaved=0-1" in client.ask("SETUP", TRACK, header, f"Transport: {TCP}").headers["Transport"]
    client.ask("PLAY", URL, header)
    refused = client.ask("SETUP", TRACK, header, f"Transport: {UDP}")
    assert refused.status == 455
    assert "SETUP" not in _elements(refused.headers["Allow"])


def test_sessions_of_one_connection_are_limited() -> None:
    client = Client()
    headers = [client.set_up(UDP) for _ in range(3)]
    assert len(set(headers)) == 3
    assert client.ask("SETUP", TRACK, f"Transport: {UDP}").status == 453
    client.ask("TEARDOWN", URL, headers[0])
    assert client.ask("SETUP", TRACK, f"Transport: {UDP}").status == 200


def test_one_connection_plays_one_interleaved_session() -> None:
    client = Client()
    first, second = client.set_up(), client.set_up()
    assert client.dialogue.sessions["id2"].transport == InterleavedTransport(2, 3)
    assert client.ask("PLAY", URL, first).status == 200
    assert client.ask("PLAY", URL, second).status == 453
    assert client.ask("PLAY", URL, client.set_up(UDP)).status == 200
    client.ask("PAUSE", URL, first)
    assert client.ask("PLAY", URL, second).status == 200


def test_a_session_of_another_connection_is_not_found() -> None:
    owner, stranger = Client(), Client()
    header = owner.set_up(UDP)
    for method in METHODS:
        assert stranger.ask(method, URL, header).status == 454
    assert owner.ask("PLAY", URL, header).status == 200


def test_a_request_that_leaves_out_its_session_is_told_so() -> None:
    client = Client()
    client.set_up()
    assert client.ask("PLAY").status == 454


def test_unsupported_options_are_all_named() -> None:
    reply = Client().ask("DESCRIBE", URL, "Require: a, b", "Proxy-Require: c")
    assert reply.status == 551
    assert _elements(reply.headers["Unsupported"]) == {"a", "b", "c"}


def test_method_refusals_name_what_is_served() -> None:
    assert _elements(Client().ask("RECORD").headers["Allow"]) == METHODS
    assert _elements(Client().ask("DANCE").headers["Public"]) == METHODS


@pytest.mark.parametrize("method", ["GET_PARAMETER", "SET_PARAMETER"])
def test_parameters(method: str) -> None:
    client = Client()
    header = client.set_up()
    assert client.ask(method, URL, header).headers["Session"] == "id1;timeout=60"
    assert client.ask(method, "*").status == 200
    assert client.ask(method, URL, header, body=b"\r\n").status == 200
    unknown = client.ask(method, URL, header, "Content-Type: text/parameters", body=b"jitter\r\nbarparam: stuff\r\n")
    assert unknown.status == 451
    assert unknown.body.split() == [b"jitter", b"barparam"]
    assert unknown.headers["Content-Type"] == "text/parameters"
    assert client.ask(method, URL, header, "Content-Type: application/json", body=b"{}").status == 415


def test_connection_close_is_honoured() -> None:
    client = Client()
    reply = client.ask("OPTIONS", "*", "Connection: close")
    assert reply.headers["Connection"] == "close"
    assert [type(effect) for effect in client.effects] == [Close]


def test_udp_session_ends_after_silence_and_any_request_or_rtcp_keeps_it() -> None:
    client = Client()
    client.set_up(UDP)
    session = client.dialogue.sessions["id1"]
    client.now_s += 59
    client.ask("OPTIONS", "*")
    assert client.dialogue.expired(client.now_s + 59) == ()
    client.dialogue.heard("id1", client.now_s + 59)
    client.dialogue.heard("id9", client.now_s + 59)
    assert client.dialogue.expired(client.now_s + 59 + 61) == ()
    assert client.dialogue.expired(client.now_s + 59 + 100) == (End(session, "timeout"),)
    assert not client.dialogue.sessions
    assert client.dialogue.expired(client.now_s + 1000) == ()


@pytest.mark.parametrize("method", ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"])
@pytest.mark.parametrize("names_its_session", [True, False])
def test_each_keepalive_counts_with_and_without_the_session(method: str, names_its_session: bool) -> None:
    client = Client()
    header = client.set_up(UDP)
    for _ in range(5):
        client.now_s += 59
        assert client.ask(method, URL, *([header] if names_its_session else [])).status == 200
        assert client.dialogue.expired(client.now_s + 59) == ()
    assert len(client.dialogue.expired(client.now_s + 100)) == 1


def test_multicast_session_ends_after_silence_too() -> None:
    client = Client(multicast=MulticastTransport("239.255.42.1", 5004, 5005, 16))
    client.set_up("RTP/AVP;multicast")
    session = client.dialogue.sessions["id1"]
    assert client.dialogue.expired(client.now_s + 59) == ()
    assert client.dialogue.expired(client.now_s + 100) == (End(session, "timeout"),)


def test_who_ends_a_session_that_ended_meanwhile_has_what_it_wants() -> None:
    owner, stranger = Client(), Client()
    header = owner.set_up(UDP)
    session = owner.dialogue.sessions["id1"]
    assert owner.dialogue.ended("id1", "port unreachable") == (End(session, "port unreachable"),)
    assert owner.dialogue.ended("id1", "port unreachable") == ()
    assert owner.ask("PLAY", URL, header).status == 454
    assert stranger.ask("TEARDOWN", URL, header).status == 454
    assert [owner.ask("TEARDOWN", URL, header).status for _ in range(2)] == [200, 200]
    assert owner.effects == []


def test_who_ends_a_session_twice_is_told() -> None:
    client = Client()
    header = client.set_up(UDP)
    assert [client.ask("TEARDOWN", URL, header).status for _ in range(2)] == [200, 454]


def test_interleaved_session_lives_as_long_as_its_connection() -> None:
    client = Client()
    client.ask("PLAY", URL, client.set_up())
    session = client.dialogue.sessions["id1"]
    assert client.dialogue.expired(client.now_s + 100_000) == ()
    assert client.dialogue.closed() == (End(session, "connection closed"),)
    assert client.dialogue.closed() == ()


def test_interleaved_session_that_never_played_ends_after_silence() -> None:
    client = Client()
    client.set_up()
    session = client.dialogue.sessions["id1"]
    client.dialogue.interleaved(InterleavedFrame(1, b""), client.now_s + 59)
    assert client.dialogue.expired(client.now_s + 59 + 61) == ()
    assert client.dialogue.expired(client.now_s + 59 + 100) == (End(session, "timeout"),)


def test_interleaved_session_that_pauses_stays() -> None:
    client = Client()
    header = client.set_up()
    client.ask("PLAY", URL, header)
    client.ask("PAUSE", URL, header)
    assert client.dialogue.expired(client.now_s + 100_000) == ()


def test_rtcp_on_its_channel_belongs_to_the_session() -> None:
    client = Client()
    client.set_up(UDP)
    client.set_up("RTP/AVP/TCP;unicast;interleaved=7-4")
    session = client.dialogue.sessions["id2"]
    assert client.dialogue.interleaved(InterleavedFrame(4, b""), 130.0) is session
    assert session.last_heard_s == 130.0
    for channel in (7, 1, 0):
        assert client.dialogue.interleaved(InterleavedFrame(channel, b""), 140.0) is None


def test_every_status_that_is_answered_has_its_phrase() -> None:
    assert Client().ask("DANCE").reason == "Not Implemented"
    assert {400, 401, 404, 405, 406, 413, 414, 415, 451, 453, 454, 455, 457, 459, 460, 461, 501, 503, 505, 551} <= set(
        REASONS
    )
