"""Fuzz target: any bytes give the same messages however they are cut, and every request gets a well-formed answer."""

import sys
from collections.abc import Sequence
from itertools import count

from vstream.errors import MalformedMessageError
from vstream.rtsp.auth import Authenticator
from vstream.rtsp.credentials import Credentials
from vstream.rtsp.dialogue import Dialogue
from vstream.rtsp.keyring import Keyring
from vstream.rtsp.message import REASONS, HttpRequest, InterleavedFrame, Request, Response
from vstream.rtsp.parser import Limits, Parser
from vstream.rtsp.session import End, MulticastTransport, Pause, Play, StartPoint, State

Event = Request | Response | HttpRequest | InterleavedFrame | int

# Small, so that short inputs reach them.
LIMITS = Limits(request_line_bytes=200, header_bytes=800, header_count=14, body_bytes=80)
SESSIONS_LIMIT = 3


class _Media:
    ssrc = 0xFFFFFFFF

    def description(self, base_url: str, address: str, profile: str, keys: Sequence[str] = ()) -> bytes | None:
        return base_url.encode("ascii")

    def start_point(self) -> StartPoint:
        return StartPoint(0, None)


def fuzz_one(data: bytes) -> None:
    whole = read(data, len(data) or 1)
    assert all(event in REASONS for event in whole if isinstance(event, int))
    assert whole == read(data, 1)
    assert whole == read(data, 7)
    converse(whole, None)
    converse(whole, guard())
    converse(whole, None, Keyring(bytes, lambda: 0))


def read(data: bytes, step: int) -> list[Event]:
    """The events in the data; an error is the last one, as its status."""
    parser = Parser(LIMITS)
    events: list[Event] = []
    for start in range(0, len(data), step):
        parser.feed(data[start : start + step])
        try:
            while (event := parser.next_event()) is not None:
                events.append(event)
        except MalformedMessageError as error:
            events.append(error.status)
        assert parser.buffered_bytes <= len(data)
    return events


def guard() -> Authenticator:
    nonces = count(1)
    known = Credentials(b"viewer", b"secret")
    return Authenticator(known=lambda: known, new_nonce=lambda: f"n{next(nonces)}", path="/video", offers_basic=True)


def converse(events: list[Event], authenticator: Authenticator | None, keyring: Keyring | None = None) -> None:
    """Answer every request on one connection; the effects must agree with the sessions that are left."""
    ids = count(1)
    dialogue = Dialogue(
        media=_Media(),
        path="/video",
        server_name="vstream",
        peer_address="192.0.2.9",
        local_address="192.0.2.1",
        local_port=8554,
        server_rtp_port=8000,
        server_rtcp_port=8001,
        multicast=MulticastTransport("239.255.42.1", 5004, 5005, 16),
        session_timeout_s=60,
        new_session_id=lambda: f"s{next(ids)}",
        sessions_limit=SESSIONS_LIMIT,
        authenticator=authenticator,
        keyring=keyring,
    )
    playing: set[str] = set()
    for now_s, event in enumerate(events):
        if isinstance(event, InterleavedFrame):
            dialogue.interleaved(event, now_s)
        if not isinstance(event, Request):
            continue
        answer = dialogue.handle(event, now_s)
        check_response(event, answer.response)
        for effect in answer.effects:
            if isinstance(effect, Play):
                playing.add(effect.session.id)
            elif isinstance(effect, Pause | End):
                playing.discard(effect.session.id)
        alive = dialogue.sessions.values()
        assert len(alive) <= SESSIONS_LIMIT
        assert playing == {session.id for session in alive if session.state is State.PLAYING}
    assert len(dialogue.closed()) <= SESSIONS_LIMIT
    assert not dialogue.sessions


def check_response(request: Request, response: Response) -> None:
    """The bytes are one response that our own parser reads back, and they repeat the CSeq."""
    parser = Parser()
    parser.feed(response.encode())
    back = parser.next_event()
    assert isinstance(back, Response)
    assert (back.status, back.body) == (response.status, response.body)
    assert parser.next_event() is None
    assert parser.buffered_bytes == 0
    assert back.headers.get("CSeq") == request.headers.get("CSeq") or back.status == 400


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
