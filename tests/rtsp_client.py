"""A client in memory: text goes through the parser and a dialogue, and each response is read by the email package."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from itertools import count
from typing import NamedTuple

from vstream.errors import MalformedMessageError
from vstream.rtsp.auth import Authenticator
from vstream.rtsp.dialogue import Dialogue
from vstream.rtsp.keyring import Keyring
from vstream.rtsp.message import InterleavedFrame, Request
from vstream.rtsp.parser import Parser
from vstream.rtsp.session import Effect, MulticastTransport, StartPoint

URL = "rtsp://192.0.2.1:8554/video"
TRACK = f"{URL}/trackID=0"
HIGHEST_START = StartPoint(65535, 4294967295)
SDP = b"v=0\r\ns=test\r\n"


class Reply(NamedTuple):
    """A response as an outsider reads it."""

    status: int
    reason: str
    headers: Message
    body: bytes

    @property
    def session_id(self) -> str:
        value: str = self.headers["Session"]
        return value.partition(";")[0]


@dataclass
class FakeMedia:
    ssrc: int = 0x0000BEEF
    sdp: bytes | None = SDP
    start: StartPoint = HIGHEST_START
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def description(self, base_url: str, address: str, profile: str, keys: Sequence[str] = ()) -> bytes | None:
        self.asked.append((base_url, address, profile))
        lines = [f"m=video 0 {profile} 96", *keys] if keys else []
        return self.sdp and self.sdp + "".join(f"{line}\r\n" for line in lines).encode()

    def start_point(self) -> StartPoint:
        return self.start


class Client:
    """One connection; `effects` collects what the server would have to do."""

    def __init__(
        self,
        *,
        path: str = "/video",
        peer: str = "192.0.2.9",
        local: str = "192.0.2.1",
        authenticator: Authenticator | None = None,
        multicast: MulticastTransport | None = None,
        keyring: Keyring | None = None,
    ) -> None:
        self.media = FakeMedia()
        numbers = count(1)
        self.dialogue = Dialogue(
            media=self.media,
            path=path,
            server_name="vstream/test",
            peer_address=peer,
            local_address=local,
            local_port=8554,
            server_rtp_port=8000,
            server_rtcp_port=8001,
            multicast=multicast,
            session_timeout_s=60,
            new_session_id=lambda: f"id{next(numbers)}",
            sessions_limit=3,
            authenticator=authenticator,
            keyring=keyring,
        )
        self.parser = Parser()
        self.now_s = 100.0
        self.effects: list[Effect] = []
        self.frames: list[InterleavedFrame] = []
        self.closed = False
        self._cseq = count(1)

    def send(self, data: bytes, *, step: int = 0) -> list[Reply]:
        """Send raw bytes, whole or `step` at a time; the replies to every request in them."""
        replies: list[Reply] = []
        for start in range(0, len(data), step or len(data)):
            self.parser.feed(data[start : start + (step or len(data))])
            replies += self._drain()
        return replies

    def ask(self, method: str, uri: str = URL, *fields: str, body: bytes = b"") -> Reply:
        """Send one good request with the next CSeq; `fields` are whole header lines."""
        cseq = next(self._cseq)
        length = [f"Content-Length: {len(body)}"] if body else []
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {cseq}", *fields, *length, "", ""]
        (reply,) = self.send("\r\n".join(lines).encode("latin-1") + body)
        assert reply.headers["CSeq"] == str(cseq)
        return reply

    def set_up(self, transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1") -> str:
        """Make a session; its Session header line."""
        reply = self.ask("SETUP", TRACK, f"Transport: {transport}")
        assert reply.status == 200
        return f"Session: {reply.session_id}"

    def _drain(self) -> list[Reply]:
        replies = []
        try:
            while (event := self.parser.next_event()) is not None:
                if isinstance(event, Request):
                    answer = self.dialogue.handle(event, self.now_s)
                    self.effects += answer.effects
                    replies.append(read_reply(answer.response.encode()))
                elif isinstance(event, InterleavedFrame):
                    self.frames.append(event)
        except MalformedMessageError as error:
            self.closed = True
            replies.append(read_reply(self.dialogue.refuse(error).encode()))
        return replies


def read_reply(data: bytes) -> Reply:
    """Read one whole response, and see that it is well formed."""
    start_line, _, rest = data.partition(b"\r\n")
    head, _, body = rest.partition(b"\r\n\r\n")
    version, status, reason = start_line.decode("latin-1").split(" ", 2)
    assert version == "RTSP/1.0"
    headers = BytesParser().parsebytes(head + b"\r\n\r\n")
    assert not headers.defects
    assert len(body) == int(headers.get("Content-Length", "0"))
    return Reply(int(status), reason, headers, body)
