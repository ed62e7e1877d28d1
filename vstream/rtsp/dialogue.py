"""What one RTSP connection says and is answered: requests in, responses and effects out (RFC 2326 section 10)."""

from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from vstream.errors import RtspError
from vstream.rtsp import fields, parameters, ranges, transport
from vstream.rtsp.auth import Authenticator
from vstream.rtsp.headers import Headers
from vstream.rtsp.keyring import Keyring, Protection
from vstream.rtsp.message import RTSP_VERSION, InterleavedFrame, Request, Response
from vstream.rtsp.profile import Avpf, described_profile
from vstream.rtsp.session import (
    STATELESS_METHODS,
    Close,
    Deny,
    Effect,
    End,
    InterleavedTransport,
    Media,
    MulticastTransport,
    Pause,
    Play,
    Session,
    State,
    Transport,
    allowed_methods,
)
from vstream.rtsp.srtp_keys import SAVP
from vstream.rtsp.uri import TRACK_CONTROL, Mount, RequestUri, parse_uri

PUBLIC_METHODS = (*STATELESS_METHODS, "SETUP", "PLAY", "PAUSE", "TEARDOWN")
REFUSED_METHODS = ("ANNOUNCE", "RECORD", "REDIRECT")
"""Methods of RFC 2326 that a server which only plays does not serve."""

_RETRY_AFTER_S = 2
# Keepalives come shortly before the timeout and may be late or lost once on a poor link.
_SILENCE_ALLOWED = 1.25


class Answer(NamedTuple):
    """The response to one request, and what to do once it is written."""

    response: Response
    effects: tuple[Effect, ...] = ()


class Dialogue:
    """One RTSP connection and the sessions made on it; a session id of another connection is not found here."""

    def __init__(
        self,
        *,
        media: Media,
        path: str,
        server_name: str,
        peer_address: str,
        local_address: str,
        local_port: int,
        server_rtp_port: int,
        server_rtcp_port: int,
        multicast: MulticastTransport | None = None,
        session_timeout_s: int,
        new_session_id: Callable[[], str],
        sessions_limit: int,
        may_begin: Callable[[], bool] = lambda: True,
        authenticator: Authenticator | None = None,
        keyring: Keyring | None = None,
        avpf: Avpf = "auto",
    ) -> None:
        """`keyring` is that of an encrypted connection; on no other are media keys told."""
        self._media = media
        self._mount = Mount(path)
        self._server_name = server_name
        self._peer_address = peer_address
        self._local_address = local_address
        host = f"[{local_address}]" if ":" in local_address else local_address
        self._local_authority = f"{host}:{local_port}"
        self._server_rtp_port = server_rtp_port
        self._server_rtcp_port = server_rtcp_port
        self._multicast = multicast
        self._session_timeout_s = session_timeout_s
        self._new_session_id = new_session_id
        self._sessions_limit = sessions_limit
        self._may_begin = may_begin
        self._authenticator = authenticator
        self._keyring = keyring
        self._avpf = avpf
        self.is_tunnelled = False
        """Whether something between carries the connection, so that its peer need not be where the player is."""
        self._sessions: dict[str, Session] = {}
        self._ended_ids: deque[str] = deque(maxlen=sessions_limit)
        self._notices = 0

    @property
    def sessions(self) -> Mapping[str, Session]:
        """The sessions that live, by id."""
        return MappingProxyType(self._sessions)

    @property
    def is_trusted(self) -> bool:
        """Whether somebody proved here to know the password; also where nobody has to."""
        return self._authenticator is None or self._authenticator.has_accepted

    def handle(self, request: Request, now_s: float) -> Answer:
        """Answer one request; any request on the connection is a sign of life for its sessions."""
        for session in self._sessions.values():
            session.last_heard_s = now_s
        cseq: str | None = None
        try:
            cseq = fields.sequence_number(request.headers)
            answer = self._answer(request, now_s)
        except RtspError as error:
            answer = Answer(self._refusal(error, request))
        response = self._complete(answer.response, cseq)
        if not fields.asks_to_close(request.headers):
            return Answer(response, answer.effects)
        response.headers.set("Connection", "close")
        return Answer(response, (*answer.effects, Close("the client asked for it")))

    def refuse(self, error: RtspError, request: Request | None = None) -> Response:
        """The answer to bytes that are no request, or to one not heard out; then the connection is closed."""
        cseq = None if request is None else request.headers.get("CSeq")
        return self._complete(Response(error.status, Headers([("Connection", "close")])), cseq)

    def notice_of_end(self, session: Session) -> Request:
        """The TEARDOWN by which a server tells that a session is over (RFC 7826 section 13.7.2).

        RFC 2326 has no such word, and its players answer it with an error or not at all; GStreamer ends its stream.
        """
        self._notices += 1
        fields = [("CSeq", str(self._notices)), ("Session", session.id), ("Terminate-Reason", "Server-Admin")]
        return Request("TEARDOWN", session.track_url, headers=Headers(fields))

    def heard(self, session_id: str, now_s: float) -> None:
        """Note that RTCP of that session came."""
        if session_id in self._sessions:
            self._sessions[session_id].last_heard_s = now_s

    def interleaved(self, frame: InterleavedFrame, now_s: float) -> Session | None:
        """The session whose RTCP came in this frame, if it is one's; it counts as life."""
        for session in self._sessions.values():
            link = session.transport
            if isinstance(link, InterleavedTransport) and link.rtcp_channel == frame.channel:
                session.last_heard_s = now_s
                return session
        return None

    def expired(self, now_s: float) -> tuple[Effect, ...]:
        """End the sessions that were silent too long; interleaved ones that played live as long as their connection."""
        heard_since_s = now_s - self._session_timeout_s * _SILENCE_ALLOWED
        silent = [
            session
            for session in self._sessions.values()
            if session.last_heard_s < heard_since_s
            and not (session.has_played and isinstance(session.transport, InterleavedTransport))
        ]
        return tuple(self._end_unasked(session, "timeout") for session in silent)

    def ended(self, session_id: str, reason: str) -> tuple[Effect, ...]:
        """End a session for a reason that came from outside the connection."""
        session = self._sessions.get(session_id)
        return () if session is None else (self._end_unasked(session, reason),)

    def closed(self) -> tuple[Effect, ...]:
        """End every session: the connection is gone."""
        return tuple(self._end(session, "connection closed") for session in list(self._sessions.values()))

    def _answer(self, request: Request, now_s: float) -> Answer:
        if request.version != RTSP_VERSION:
            raise RtspError(505, f"only {RTSP_VERSION} is spoken")
        if request.method in REFUSED_METHODS:
            raise RtspError(405, f"{request.method} is not served")
        if request.method not in PUBLIC_METHODS:
            raise RtspError(501, f"{request.method} is not known")
        return self._challenge(request, now_s) or self._end_again(request) or self._answer_known(request, now_s)

    def _challenge(self, request: Request, now_s: float) -> Answer | None:
        """None where the request may be answered; every player begins with OPTIONS, and most sign it never."""
        if self._authenticator is None or request.method == "OPTIONS":
            return None
        refusal = self._authenticator.check(request, now_s)
        if refusal is None:
            return None
        return Answer(Response(401, refusal.challenges), (Deny(refusal.failure),) if refusal.failure else ())

    def _end_again(self, request: Request) -> Answer | None:
        """Who ends what has ended meanwhile gets what it wants; GStreamer, told 454, would give up and not try TCP."""
        is_over = request.method == "TEARDOWN" and fields.session_id(request.headers) in self._ended_ids
        return Answer(Response(200)) if is_over else None

    def _answer_known(self, request: Request, now_s: float) -> Answer:
        options = fields.required_options(request.headers)
        if options:
            return Answer(Response(551, Headers([("Unsupported", ", ".join(options))])))
        session = self._named_session(request)
        if request.method == "OPTIONS":
            return self._options(session)
        if request.method in ("GET_PARAMETER", "SET_PARAMETER"):
            return self._parameters(request, session)
        uri = self._find(request)
        if request.method == "DESCRIBE":
            return self._describe(request, uri)
        if request.method == "SETUP":
            return self._setup(request, uri, session, now_s)
        if session is None:
            # Without any session the client is told what is missing: SETUP.
            raise RtspError(454 if self._sessions else 455, f"{request.method} without a session")
        return self._control(request, session)

    def _control(self, request: Request, session: Session) -> Answer:
        if request.method == "PLAY":
            return self._play(request, session)
        if request.method == "PAUSE":
            return self._pause(session)
        return self._teardown(session)

    def _options(self, session: Session | None) -> Answer:
        return self._ok(session, ("Public", ", ".join(PUBLIC_METHODS)))

    def _describe(self, request: Request, uri: RequestUri) -> Answer:
        if not fields.accepts_sdp(request.headers):
            raise RtspError(406, "a description is application/sdp")
        base_url = self._mount.url(uri, self._local_authority) + "/"
        profile, keys = self._profile(request, uri)
        description = self._media.description(base_url, self._local_address, profile, keys)
        if description is None:
            return Answer(Response(503, Headers([("Retry-After", str(_RETRY_AFTER_S))])))
        headers = Headers([("Content-Base", base_url), ("Content-Type", "application/sdp")])
        return Answer(Response(200, headers, description))

    def _profile(self, request: Request, uri: RequestUri) -> tuple[str, tuple[str, ...]]:
        """The profile of RTP and, where the URL asks for SRTP, the lines that name its keys."""
        wanted = uri.parameter("srtp")
        if self._keyring is None:
            if wanted is not None:
                raise RtspError(403, "SRTP keys are given over rtsps:// only")
            keys: tuple[str, ...] = ()
        else:
            keys = self._keyring.describe(wanted, self._media.ssrc)
        return (SAVP if keys else described_profile(request.headers.get_all("User-Agent"), self._avpf)), keys

    def _setup(self, request: Request, uri: RequestUri, session: Session | None, now_s: float) -> Answer:
        if session is not None:
            session.check("SETUP")
        channels_in_use = {
            channel
            for other in self._sessions.values()
            if other is not session and isinstance(other.transport, InterleavedTransport)
            for channel in other.transport
        }
        choice = transport.choose(
            request.headers.get_all("Transport"),
            peer_address=self._peer_address,
            channels_in_use=channels_in_use,
            interleaved_only=self.is_tunnelled,
            multicast=self._multicast,
            protection=Protection.NONE if self._keyring is None else self._keyring.protection,
        )
        keys = self._keyring.take(request.headers.get_all("KeyMgmt")) if self._keyring else None
        if session is None:
            session = self._begin(choice.transport, uri, now_s)
        session.transport, session.keys = choice.transport, keys
        # Players send to the source instead of the URL's host. Where a port was forwarded to us, or a name stands for
        # us, nobody knows whether they can reach our own address.
        agreed = transport.format_answer(
            choice,
            source=self._local_address if uri.host == self._local_address else "",
            server_rtp_port=self._server_rtp_port,
            server_rtcp_port=self._server_rtcp_port,
            ssrc=self._media.ssrc,
        )
        return self._ok(session, ("Transport", agreed))

    def _begin(self, link: Transport, uri: RequestUri, now_s: float) -> Session:
        if len(self._sessions) >= self._sessions_limit:
            raise RtspError(453, f"more than {self._sessions_limit} sessions on one connection")
        if not self._may_begin():
            raise RtspError(453, "more sessions than the server may have")
        track_url = f"{self._mount.url(uri, self._local_authority)}/{TRACK_CONTROL}"
        session = Session(self._new_session_id(), link, track_url, now_s)
        self._sessions[session.id] = session
        return session

    def _play(self, request: Request, session: Session) -> Answer:
        state = session.check("PLAY")
        wanted = request.headers.get("Range")
        if wanted is not None and not ranges.is_playable(wanted):
            raise RtspError(457, "a Range that cannot be played")
        if session.state is State.PLAYING:
            return self._ok(session, ("Range", ranges.LIVE_RANGE))
        if isinstance(session.transport, InterleavedTransport) and self._plays_interleaved():
            raise RtspError(453, "one connection carries one stream")
        session.state, session.has_played = state, True
        answer = self._ok(session, ("Range", ranges.LIVE_RANGE), *self._rtp_info(session))
        return answer._replace(effects=(Play(session),))

    def _plays_interleaved(self) -> bool:
        return any(
            session.state is State.PLAYING and isinstance(session.transport, InterleavedTransport)
            for session in self._sessions.values()
        )

    def _rtp_info(self, session: Session) -> list[tuple[str, str]]:
        if isinstance(session.transport, MulticastTransport):
            return []  # it enters where the group is by then, which nobody knows yet
        start = self._media.start_point()
        if session.keys is not None:
            start = start._replace(sequence=None)  # what is encrypted is numbered for each viewer
        known = [("seq", start.sequence), ("rtptime", start.timestamp)]
        items = [f"{name}={value}" for name, value in known if value is not None]
        return [("RTP-Info", ";".join((f"url={session.track_url}", *items)))] if items else []

    def _pause(self, session: Session) -> Answer:
        was_playing = session.state is State.PLAYING
        session.state = session.check("PAUSE")
        answer = self._ok(session)
        return answer._replace(effects=(Pause(session),)) if was_playing else answer

    def _teardown(self, session: Session) -> Answer:
        return Answer(Response(200), (self._end(session, "TEARDOWN"),))

    def _parameters(self, request: Request, session: Session | None) -> Answer:
        if request.uri != "*":
            self._find(request)
        names = parameters.parameter_names(request)
        if not names:
            return self._ok(session)
        body = "".join(f"{name}\r\n" for name in names).encode("latin-1")
        return Answer(Response(451, Headers([("Content-Type", parameters.CONTENT_TYPE)]), body))

    def _find(self, request: Request) -> RequestUri:
        uri = parse_uri(request.uri)
        if not self._mount.serves(uri):
            raise RtspError(404, "a path that is not served")
        return uri

    def _named_session(self, request: Request) -> Session | None:
        session_id = fields.session_id(request.headers)
        if session_id is None:
            return None
        if session_id not in self._sessions:
            raise RtspError(454, "a session that this connection does not have")
        return self._sessions[session_id]

    def _end_unasked(self, session: Session, reason: str) -> End:
        self._ended_ids.append(session.id)
        return self._end(session, reason)

    def _end(self, session: Session, reason: str) -> End:
        session.state = State.INIT
        del self._sessions[session.id]
        return End(session, reason)

    def _ok(self, session: Session | None, *header_fields: tuple[str, str]) -> Answer:
        headers = Headers(header_fields)
        if session is not None:
            headers.add("Session", f"{session.id};timeout={self._session_timeout_s}")
        return Answer(Response(200, headers))

    def _refusal(self, error: RtspError, request: Request) -> Response:
        headers = Headers()
        if error.status == 405:
            headers.add("Allow", ", ".join(PUBLIC_METHODS))
        elif error.status == 501:
            headers.add("Public", ", ".join(PUBLIC_METHODS))
        elif error.status == 455:
            session = self._sessions.get(fields.session_id(request.headers) or "")
            headers.add("Allow", allowed_methods(session.state if session else State.INIT))
        return Response(error.status, headers)

    def _complete(self, response: Response, cseq: str | None) -> Response:
        sequence = [] if cseq is None else [("CSeq", cseq)]
        headers = Headers([*sequence, ("Server", self._server_name), *response.headers.items()])
        return Response(response.status, headers, response.body, response.reason)
