"""Logging in on one connection: who is let in, who is not, and what each of them is told."""

import re
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.authorization import DigestClient, basic_header
from tests.rtsp_client import TRACK, URL, Client, Reply
from vstream.rtsp.auth import NONCE_LIFETIME_S, Authenticator, Reason
from vstream.rtsp.credentials import Credentials
from vstream.rtsp.session import Deny

USER, PASSWORD = "viewer", "open: sesame"
TCP = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"


def connect(*, offers_basic: bool = False, password: str = PASSWORD) -> Client:
    numbers = count(1)
    authenticator = Authenticator(
        known=lambda: Credentials(USER.encode(), password.encode()),
        new_nonce=lambda: f"nonce{next(numbers)}",
        path="/video",
        offers_basic=offers_basic,
    )
    return Client(authenticator=authenticator)


def challenge(reply: Reply, *, algorithm: str = "MD5") -> str:
    assert reply.status == 401
    values: list[str] = reply.headers.get_all("WWW-Authenticate", [])
    return next(value for value in values if f"algorithm={algorithm}," in value)


def nonce_of(reply: Reply) -> str:
    found = re.search(r'nonce="([^"]+)"', challenge(reply))
    assert found
    return found[1]


def signed(method: str, nonce: str, uri: str = URL, *, username: str = USER, password: str = PASSWORD) -> str:
    """Credentials in the form of RFC 2069, as GStreamer, live555 and go2rtc send them."""
    return DigestClient(username, password).header(f'Digest realm="vstream", nonce="{nonce}"', method, uri)


def failures(client: Client) -> list[Reason]:
    return [effect.failure.reason for effect in client.effects if isinstance(effect, Deny)]


def test_a_stranger_is_challenged_and_that_is_no_failure() -> None:
    client = connect()
    for method in ("DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER"):
        reply = client.ask(method, URL, TCP)
        assert reply.status == 401
        assert reply.headers.get_all("WWW-Authenticate")
        assert not reply.body
    assert not client.effects
    assert not client.media.asked
    assert not client.dialogue.sessions
    assert not client.dialogue.is_trusted


def test_players_may_ask_for_options_first() -> None:
    assert connect().ask("OPTIONS").status == 200


def test_a_stranger_learns_nothing_about_paths_and_sessions() -> None:
    client = connect()
    there, nowhere = client.ask("DESCRIBE", URL), client.ask("DESCRIBE", f"{URL}2")
    assert there.status == nowhere.status == 401
    assert client.ask("PLAY", URL, "Session: id1").status == 401


def test_whoever_knows_the_password_plays_by_digest_with_qop() -> None:
    client, player = connect(), DigestClient(USER, PASSWORD)
    asked = challenge(client.ask("DESCRIBE"))
    assert client.ask("DESCRIBE", URL, player.header(asked, "DESCRIBE", URL)).status == 200
    setup = client.ask("SETUP", TRACK, TCP, player.header(asked, "SETUP", TRACK))
    session = f"Session: {setup.session_id}"
    for method in ("PLAY", "GET_PARAMETER", "PAUSE", "TEARDOWN"):
        assert client.ask(method, URL, session, player.header(asked, method, URL)).status == 200
    assert not failures(client)
    assert client.dialogue.is_trusted


def test_whoever_knows_the_password_plays_by_the_form_of_rfc_2069() -> None:
    client = connect()
    nonce = nonce_of(client.ask("DESCRIBE"))
    setup = client.ask("SETUP", TRACK, TCP, signed("SETUP", nonce, TRACK))
    session = f"Session: {setup.session_id}"
    assert client.ask("PLAY", URL, session, signed("PLAY", nonce)).status == 200
    for _ in range(3):
        assert client.ask("GET_PARAMETER", URL, session, signed("GET_PARAMETER", nonce)).status == 200
    assert not failures(client)


def test_every_request_is_checked_not_only_the_first() -> None:
    client = connect()
    nonce = nonce_of(client.ask("DESCRIBE"))
    assert client.ask("DESCRIBE", URL, signed("DESCRIBE", nonce)).status == 200
    assert client.ask("DESCRIBE", URL).status == 401
    assert client.ask("SETUP", TRACK, TCP, signed("DESCRIBE", nonce, TRACK)).status == 401


def test_wrong_user_and_wrong_password_are_answered_alike() -> None:
    def told(**credentials: str) -> tuple[list[tuple[str, str]], bytes]:
        client = connect()
        reply = client.ask("DESCRIBE", URL, signed("DESCRIBE", nonce_of(client.ask("DESCRIBE")), **credentials))
        assert reply.status == 401
        assert failures(client) == [Reason.CREDENTIALS]
        return reply.headers.items(), reply.body

    assert told(username="nobody") == told(password="wrong") == told(username="nobody", password="wrong")


def test_the_nonce_of_another_connection_is_stale() -> None:
    first, second = connect(), Client(authenticator=_with_nonces("other"))
    request = signed("DESCRIBE", nonce_of(first.ask("DESCRIBE")))
    assert first.ask("DESCRIBE", URL, request).status == 200
    reply = second.ask("DESCRIBE", URL, request)
    assert "stale=true" in challenge(reply)
    assert not second.dialogue.is_trusted
    assert second.ask("DESCRIBE", URL, signed("DESCRIBE", nonce_of(reply))).status == 200


def _with_nonces(prefix: str) -> Authenticator:
    numbers = count(1)
    return Authenticator(
        known=lambda: Credentials(USER.encode(), PASSWORD.encode()),
        new_nonce=lambda: f"{prefix}{next(numbers)}",
        path="/video",
        offers_basic=False,
    )


def test_a_digest_that_is_replayed_is_refused_and_the_next_nonce_is_good() -> None:
    client, player = connect(), DigestClient(USER, PASSWORD)
    asked = challenge(client.ask("DESCRIBE"))
    first, second = (player.header(asked, "DESCRIBE", URL) for _ in range(2))
    assert client.ask("DESCRIBE", URL, second).status == 200
    for old in (second, first):
        assert "stale=true" in challenge(client.ask("DESCRIBE", URL, old))
    # The replay made the nonce stale, so that an older count is no more than that.
    assert failures(client) == [Reason.REPLAY]
    renewed = challenge(client.ask("DESCRIBE"))
    assert client.ask("DESCRIBE", URL, player.header(renewed, "DESCRIBE", URL)).status == 200


def test_a_nonce_expires_where_it_is_not_used() -> None:
    client = connect()
    nonce = nonce_of(client.ask("DESCRIBE"))
    for _ in range(3):
        client.now_s += NONCE_LIFETIME_S - 1
        assert client.ask("DESCRIBE", URL, signed("DESCRIBE", nonce)).status == 200
    client.now_s += NONCE_LIFETIME_S + 1
    wrong = client.ask("DESCRIBE", URL, signed("DESCRIBE", nonce, password="wrong"))
    assert "stale" not in challenge(wrong), "only who knows the password is told"
    reply = client.ask("DESCRIBE", URL, signed("DESCRIBE", nonce))
    assert "stale=true" in challenge(reply)
    assert nonce_of(reply) != nonce
    assert client.ask("DESCRIBE", URL, signed("DESCRIBE", nonce_of(reply))).status == 200
    assert failures(client) == [Reason.CREDENTIALS]


def test_a_session_lives_on_while_its_player_takes_a_new_nonce() -> None:
    client = connect()
    nonce = nonce_of(client.ask("DESCRIBE"))
    setup = client.ask(
        "SETUP", TRACK, "Transport: RTP/AVP;unicast;client_port=5000-5001", signed("SETUP", nonce, TRACK)
    )
    session = f"Session: {setup.session_id}"
    assert client.ask("PLAY", URL, session, signed("PLAY", nonce)).status == 200
    client.now_s += NONCE_LIFETIME_S + 1
    assert client.ask("GET_PARAMETER", URL, session, signed("GET_PARAMETER", nonce)).status == 401
    assert not client.dialogue.expired(client.now_s + 1)


@pytest.mark.parametrize(
    ("requested", "named"),
    [
        (URL, f"{URL}/"),
        (f"{URL}/", URL),
        (TRACK, URL),
        (TRACK, f"{URL}/"),
        (URL, TRACK),
        (URL, "/video"),
        ("/video", URL),
        (URL, "rtsp://viewer:pw@192.0.2.1:8554/video"),
        (URL, "rtsp://camera.lan/video"),
        (f"{URL}?a=b/trackID=0", URL),
    ],
)
def test_players_sign_the_url_in_a_form_of_their_own(requested: str, named: str) -> None:
    client = connect()
    nonce = nonce_of(client.ask("DESCRIBE"))
    assert client.ask("DESCRIBE", requested, signed("DESCRIBE", nonce, named)).status == 200


@pytest.mark.parametrize(
    ("requested", "named"), [(URL, "rtsp://192.0.2.1:8554/other"), (URL, "http://192.0.2.1/video"), (URL, "*")]
)
def test_credentials_for_another_uri_are_refused(requested: str, named: str) -> None:
    client = connect()
    nonce = nonce_of(client.ask("DESCRIBE"))
    assert client.ask("DESCRIBE", requested, signed("DESCRIBE", nonce, named)).status == 401
    assert failures(client) == [Reason.URI]


def test_a_keepalive_without_a_uri_of_its_own() -> None:
    client = connect()
    nonce = nonce_of(client.ask("GET_PARAMETER", "*"))
    assert client.ask("GET_PARAMETER", "*", signed("GET_PARAMETER", nonce, "*")).status == 200
    assert client.ask("GET_PARAMETER", "*", signed("GET_PARAMETER", nonce, URL)).status == 200


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("Authorization:", Reason.SCHEME),
        ("Authorization: Bearer abc", Reason.SCHEME),
        (basic_header(USER, PASSWORD), Reason.SCHEME),
        ("Authorization: Digest", Reason.MALFORMED),
        ('Authorization: Digest username="viewer', Reason.MALFORMED),
        ("Authorization: Digest " + "a=b," * 500, Reason.MALFORMED),
        (f"{basic_header(USER, PASSWORD)}\r\n{basic_header(USER, PASSWORD)}", Reason.MALFORMED),
    ],
)
def test_other_credentials_are_refused(field: str, reason: Reason) -> None:
    client = connect()
    assert client.ask("DESCRIBE", URL, field).status == 401
    assert failures(client) == [reason]


_PIECES = (
    *(
        "Digest ",
        "Basic ",
        "username=",
        "realm=",
        "nonce=",
        "uri=",
        "response=",
        "algorithm=",
        "qop=",
        "nc=",
        "cnonce=",
    ),
    *("MD5", "SHA-256", "auth", "00000001", "rtsp://192.0.2.1/video", "http://", "vstream", "nonce1", "dmlld2VyOnB3"),
    *('"', ",", "=", " ", "\\", ":", "%", "/", "@", "["),
)


@given(st.lists(st.sampled_from(_PIECES) | st.characters(min_codepoint=32, max_codepoint=255), max_size=40))
def test_whatever_is_sent_is_answered_401(pieces: list[str]) -> None:
    client = connect(offers_basic=True)
    client.ask("DESCRIBE")
    reply = client.ask("DESCRIBE", URL, "Authorization: " + "".join(pieces).replace("\x7f", ""))
    assert reply.status == 401
    assert len(failures(client)) == 1


def test_basic_where_it_is_offered() -> None:
    client = connect(offers_basic=True)
    schemes = [value.split()[0] for value in client.ask("DESCRIBE").headers.get_all("WWW-Authenticate", [])]
    assert schemes[-1] == "Basic", "go2rtc takes what comes first"
    assert schemes.count("Basic") == 1
    for username, password in ((USER, "wrong"), ("nobody", PASSWORD), (USER, "")):
        assert client.ask("DESCRIBE", URL, basic_header(username, password)).status == 401
    for broken in ("Authorization: Basic ???", "Authorization: Basic dmlld2Vy"):
        assert client.ask("DESCRIBE", URL, broken).status == 401
    assert failures(client) == [Reason.CREDENTIALS] * 3 + [Reason.MALFORMED] * 2
    assert client.ask("DESCRIBE", URL, basic_header(USER, PASSWORD)).status == 200


def test_a_session_is_of_no_use_on_another_connection() -> None:
    owner, thief = connect(), connect()
    nonce = nonce_of(owner.ask("DESCRIBE"))
    session = f"Session: {owner.ask('SETUP', TRACK, TCP, signed('SETUP', nonce, TRACK)).session_id}"
    stolen = nonce_of(thief.ask("DESCRIBE"))
    for method in ("PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"):
        assert thief.ask(method, URL, session, signed(method, stolen)).status == 454
    assert owner.ask("PLAY", URL, session, signed("PLAY", nonce)).status == 200


def test_go2rtc_logs_in_before_and_after_its_backchannel_is_refused() -> None:
    wants = "Require: www.onvif.org/ver20/backchannel"
    client = connect()
    nonce = nonce_of(client.ask("DESCRIBE", URL, wants))
    assert client.ask("DESCRIBE", URL, wants, signed("DESCRIBE", nonce)).status == 551
    assert client.ask("DESCRIBE", URL, signed("DESCRIBE", nonce)).status == 200
