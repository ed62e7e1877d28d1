"""One RTSP connection: feeds the core what it reads, writes what the core answers, carries out the effects."""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Concatenate, ParamSpec, Protocol

from vstream._fastpath import TcpWriter, TlsContext
from vstream.counters import counters
from vstream.errors import HttpError, MalformedMessageError, RtspError
from vstream.rtsp.dialogue import Answer, Dialogue
from vstream.rtsp.message import HttpRequest, InterleavedFrame, Request, Response
from vstream.rtsp.parser import Limits, Parser
from vstream.rtsp.session import Close, Deny, Effect, End, Pause, Play, Session, UdpTransport
from vstream.server.access import Access
from vstream.server.ends import Line, TunnelEnd
from vstream.server.loop import WRITABLE, EventLoop
from vstream.server.sockets import Endpoint, endpoint, reset_on_close
from vstream.server.tunnels import Tunnels
from vstream.server.viewer import Viewer

STALL_LIMIT_S = 10.0
IDLE_LIMIT_S = 60.0
_READ_BYTES = 65536
# Of the smallest frames of a WebSocket so many bytes take some milliseconds.
_TUNNEL_READ_BYTES = 4096
_RETRY_S = 0.02
_DESCRIPTION_WAIT_S = 3.0
_SETTLE_S = 5.0
_LINGER_S = 2.0
_AHEAD_LIMIT_BYTES = 1 << 18
_EVENTS_A_TURN = 16
UNREACHABLE = "port unreachable"
"""Why a session over UDP ends whose viewer's host answers that nobody receives there."""
_UNTOLD = frozenset({"TEARDOWN", UNREACHABLE})
_COUNTED_STATUSES = frozenset({400, 403, 408, 413, 414, 453})

log = logging.getLogger(__name__)

Given = ParamSpec("Given")
Turn = Callable[Concatenate["Connection", Given], None]


def _contained(turn: Turn[Given]) -> Turn[Given]:
    """Have what fails in a turn of one connection end that connection, and nothing else."""

    def run(self: "Connection", /, *args: Given.args, **kwargs: Given.kwargs) -> None:
        try:
            turn(self, *args, **kwargs)
        except Exception:
            log.exception("A connection's request failed", extra={"address": str(self.peer)})
            self.close("internal error")

    return run


class Host(Protocol):
    """What a connection needs of the server."""

    loop: EventLoop
    access: Access
    tunnels: Tunnels
    limits: Limits
    queue_limit_bytes: int
    request_timeout_s: float

    def ready(self) -> bool:
        """Whether the stream can be described."""

    def viewer(self, session: Session, connection: "Connection") -> Viewer: ...
    def is_alone(self, viewer: Viewer) -> bool:
        """Whether no other viewer would take this one's BYE for its own."""

    def forget(self, viewer: Viewer) -> None: ...
    def closed(self, connection: "Connection") -> None: ...
    def want_keyframe(self) -> None: ...


class Connection:
    """Lives on the event loop's thread; media to an interleaved viewer joins in at the writer."""

    def __init__(
        self,
        tcp: socket.socket,
        peer: Endpoint,
        host: Host,
        dialogue: Callable[[str], Dialogue],
        tls: TlsContext | None = None,
    ) -> None:
        """`tls` encrypts it, from its first byte on."""
        self.peer = peer
        self.local_address = local_address(tcp)
        self.writer = TcpWriter(tcp.fileno(), limit_bytes=host.queue_limit_bytes, epoll_fd=host.loop.epoll_fd, tls=tls)
        self.is_encrypted = tls is not None
        self._socket = tcp
        self._host = host
        self._parser = Parser(host.limits)
        self._tunnel: TunnelEnd | None = None
        self._dialogue = dialogue(self.local_address)
        self._viewers: dict[Session, Viewer] = {}
        self._came_s = time.monotonic()
        self._asked_s: float | None = None
        self._begun_s: float | None = None
        self._waiting_since_s: float | None = None
        self._is_held = False
        self.has_more = False
        """Whether more of what came is to be dealt with in a turn of its own, and nothing read before."""
        self._closing = False
        self._finished_s: float | None = None
        self._open = True
        host.loop.add(tcp.fileno(), self._handle)

    @property
    def sessions(self) -> int:
        """How many sessions were made here and live."""
        return len(self._dialogue.sessions)

    @property
    def awaits_play(self) -> bool:
        """Whether a session over UDP was made here that did not play yet."""
        sessions = self._dialogue.sessions.values()
        return any(isinstance(one.transport, UdpTransport) and one not in self._viewers for one in sessions)

    def is_expendable(self, now_s: float) -> bool:
        """Whether it may be closed to make room: it has no session, and asked nothing or had time to make one."""
        owner = self._owner
        if owner is not self:
            return owner.is_expendable(now_s)
        return not self.sessions and (self._asked_s is None or now_s - self._came_s > _SETTLE_S)

    def is_idle(self, now_s: float) -> bool:
        """Whether it has no session and asked nothing for long."""
        return not self.sessions and now_s - (self._asked_s or self._came_s) > IDLE_LIMIT_S

    @property
    def carrier_name(self) -> str:
        """How media that is interleaved here travels."""
        return "TCP" if self._tunnel is None else self._tunnel.name

    @property
    def _owner(self) -> Line:
        """The connection that has the sessions of what comes in here; another one where this brings its requests."""
        return self if self._tunnel is None else self._tunnel.owner

    def make_room(self) -> None:
        """Close now, for the sake of a newcomer."""
        self._close("its place was needed")

    def heard_rtcp(self, session: Session) -> None:
        """RTCP over UDP is a sign of life of its session."""
        self._dialogue.heard(session.id, time.monotonic())

    @_contained
    def end(self, session: Session, reason: str) -> None:
        """Media of this session reaches nobody any more."""
        self._carry_out(self._dialogue.ended(session.id, reason))

    @_contained
    def check(self, now_s: float) -> None:
        """Look what is due: sender reports, keyframes, silent sessions, a peer that does not read or says nothing."""
        for viewer in self._viewers.values():
            viewer.report(now_s)
            viewer.grant_keyframe()
        self._ask_for_keyframe()
        self._carry_out(self._dialogue.expired(now_s))
        if self.writer.stalled_us > STALL_LIMIT_S * 1e6:
            self._close(f"it read nothing for {STALL_LIMIT_S:g} s", level=logging.WARNING)
        elif self.writer.shakes_hands and now_s - self._came_s > self._host.request_timeout_s:
            self._lose(f"not done within {self._host.request_timeout_s:g} s")
        elif self._begun_s is not None and now_s - self._begun_s > self._host.request_timeout_s:
            self.give_up(RtspError(408, f"half a request for {self._host.request_timeout_s:g} s"))
        elif self._tunnel is not None and self._tunnel.is_half and now_s - self._came_s > self._host.request_timeout_s:
            self._close(f"the other end of its tunnel did not come for {self._host.request_timeout_s:g} s")
        elif self._owner.is_idle(now_s):
            self._close(f"it asked nothing for {IDLE_LIMIT_S:g} s")
        elif self._finished_s is not None and now_s - self._finished_s > _LINGER_S:
            self._close("connection closed")
        elif self._closing:
            self._finish()

    @_contained
    def shut_down(self) -> None:
        """End every session with BYE and a notice; what is queued is still written, as far as the peer reads."""
        for viewer in self._viewers.values():
            viewer.end("server shuts down", goodbye=True)
            self.writer.write(self._dialogue.notice_of_end(viewer.session).encode())
            self._host.forget(viewer)
        self._viewers.clear()
        self._say_farewell()

    @property
    def written(self) -> bool:
        """Whether nothing is left to write."""
        return not self._open or self.writer.queued_bytes == 0 or self.writer.error != 0

    def close(self, reason: str) -> None:
        """Close now; sessions that still live end."""
        self._close(reason)

    def close_without_session(self, reason: str) -> None:
        """Close now unless there is a session, which may be another connection's where this brings its requests."""
        if not self._owner.sessions:
            self._close(reason)

    @_contained
    def _handle(self, events: int) -> None:
        if events & WRITABLE:
            self._flush()
        if self._open and not self.has_more and (events & ~WRITABLE or self.writer.shakes_hands):
            self._read()  # which goes on with a handshake that had to wait for the socket

    def _flush(self) -> None:
        self.writer.flush()
        self._ask_for_keyframe()
        if self._closing:
            self._finish()

    def _ask_for_keyframe(self) -> None:
        if any(viewer.waits_for_keyframe for viewer in self._viewers.values()):
            self._host.want_keyframe()

    def _read(self) -> None:
        """Read once, so that others get their turn; of what TLS keeps beyond that the socket does not tell."""
        if not self._owner.has_more:
            data = self._receive()
            if data is None:
                return
            if not data:
                self._lose("connection closed")
                return
            self._take(data)
            if not self.is_encrypted:
                return
        self._go_on_later()

    def _go_on_later(self) -> None:
        if self._open and not self.has_more:
            self.has_more = True
            self._host.loop.after(0, self._go_on)

    def _receive(self) -> bytes | None:
        """What came; None where nothing did, empty at the end."""
        size = _READ_BYTES if self._tunnel is None else _TUNNEL_READ_BYTES
        try:
            return self.writer.receive(size) if self.is_encrypted else self._socket.recv(size)
        except BlockingIOError:
            return None
        except OSError as error:
            self._lose(error.strerror or "connection lost")
            return None

    def _lose(self, reason: str) -> None:
        """Close for what the peer did; one that never got through its TLS handshake is noted."""
        if self._open and self.writer.shakes_hands:
            self._host.access.note_failed_handshake(self.peer, reason, time.monotonic())
        self._close(reason)

    def _take(self, data: bytes) -> None:
        if self._tunnel is None:
            self.take_rtsp(data)
        elif not self._closing:
            self._tunnel.receive(data)

    @_contained
    def take_rtsp(self, data: bytes) -> None:
        """Go on with RTSP, whatever brought it."""
        if self._closing:
            return
        self._parser.feed(data)
        self._process()
        if self._must_hold and self._parser.buffered_bytes > _AHEAD_LIMIT_BYTES:
            self._close("it does not wait for its answers", level=logging.WARNING)

    @property
    def _must_hold(self) -> bool:
        """Whether an answer is owed, so that nothing further may be answered."""
        return self._is_held or self._waiting_since_s is not None

    def _process(self) -> None:
        """Answer what is complete, in order, until one answer has to wait or others shall have their turn."""
        try:
            for _ in range(_EVENTS_A_TURN):
                if not self._open or self._closing or self._must_hold:
                    return
                event = self._parser.next_event()
                if event is None:
                    self._note_remainder()
                    return
                self._begun_s = None
                if isinstance(event, Request):
                    self._answer(event)
                elif isinstance(event, InterleavedFrame):
                    self.hear(event)
                elif isinstance(event, HttpRequest):
                    self._open_tunnel(event)
        except MalformedMessageError as error:
            self.give_up(error)
        else:
            self._go_on_later()

    @_contained
    def _go_on(self) -> None:
        """Answer more of what came, then read on."""
        self.has_more = False
        if self._open and not self._closing:
            self._process()
            if self._open and not self.has_more:
                self._read()

    def _open_tunnel(self, request: HttpRequest) -> None:
        """Go on as what an HTTP request makes of the connection, of which it must be the first."""
        if self._asked_s is not None:
            raise MalformedMessageError(400, "HTTP among RTSP")
        self._asked_s = time.monotonic()
        rest = self._parser.take_rest()
        try:
            self._host.tunnels.open(request, self)
        except HttpError as error:
            self._host.access.note_refused_request(self.peer, f"HTTP {error.status}: {error}", self._asked_s)
            _count(error.status)
            self.write(self._host.tunnels.refused(request, error))
            self.wind_up("it opens no tunnel")
        else:
            self._take(rest)

    def become(self, end: TunnelEnd) -> None:
        """Leave to `end` what comes from the socket; media goes over RTSP's own connection then, never over UDP."""
        self._tunnel = end
        self._dialogue.is_tunnelled = True

    def _note_remainder(self) -> None:
        """A request that comes byte by byte is as old as its first byte."""
        if not self._parser.buffered_bytes:
            self._begun_s = None
        elif self._begun_s is None:
            self._begun_s = time.monotonic()

    def give_up(self, error: RtspError, request: Request | None = None) -> None:
        """Answer with an error, then close."""
        self._host.access.note_refused_request(self.peer, str(error), time.monotonic())
        self._begun_s = None
        self._respond(self._dialogue.refuse(error, request))
        self.wind_up(f"request refused: {error}")

    def _respond(self, response: Response) -> None:
        _count(response.status)
        self.write(response.encode())

    def _answer(self, request: Request) -> None:
        now_s = self._asked_s = time.monotonic()
        if not self._dialogue.is_trusted and self._host.access.bars(self.peer, now_s):
            self.give_up(RtspError(403, "its address failed to log in too often"), request)
            return
        if request.method == "DESCRIBE" and self._must_wait(now_s):
            self._host.loop.after(_RETRY_S, lambda: self._answer_again(request))
            return
        self._waiting_since_s = None
        answer = self._dialogue.handle(request, now_s)
        log.debug("%s: %d", request.method, answer.response.status, extra={"address": str(self.peer)})
        failures = [effect.failure for effect in answer.effects if isinstance(effect, Deny)]
        delay_s = sum(self._host.access.failed(self.peer, failure, now_s) for failure in failures)
        if delay_s:
            self._is_held = True
            self._host.loop.after(delay_s, lambda: self._release(answer))
        else:
            self._give(answer)

    def _give(self, answer: Answer) -> None:
        self._respond(answer.response)
        self._carry_out(answer.effects)

    @_contained
    def _release(self, answer: Answer) -> None:
        """Give an answer that was held back, and go on with what came meanwhile."""
        self._is_held = False
        if self._open and not self._closing:
            self._give(answer)
            self._process()

    def _must_wait(self, now_s: float) -> bool:
        """A source that only starts is about to describe itself; a player that came early need not ask twice."""
        if self._host.ready():
            return False
        if self._waiting_since_s is None:
            self._waiting_since_s = now_s
        return now_s - self._waiting_since_s < _DESCRIPTION_WAIT_S

    @_contained
    def _answer_again(self, request: Request) -> None:
        if self._open and not self._closing:
            self._answer(request)
            self._process()

    def hear(self, frame: InterleavedFrame) -> None:
        """Take one interleaved frame; only RTCP of a session that lives here means anything."""
        session = self._dialogue.interleaved(frame, time.monotonic())
        if session is not None and session in self._viewers:
            self._viewers[session].heard(frame.payload)

    def write(self, data: bytes, *, verbatim: bool = False) -> None:
        """Queue an answer, or close where there is no room for it or nobody is left to read it."""
        if self.writer.write(data, verbatim=verbatim):
            return
        if self.writer.error:
            self._close(os.strerror(self.writer.error))
        else:
            self._close("it does not read its answers", level=logging.WARNING)

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Play):
                self._play(effect.session)
            elif isinstance(effect, Pause):
                self._pause(effect.session)
            elif isinstance(effect, End):
                self._end(effect)
            elif isinstance(effect, Close):
                self.wind_up(effect.reason)

    def _play(self, session: Session) -> None:
        if not self._open:
            return
        viewer = self._viewers.get(session)
        if viewer is not None and (viewer.transport, viewer.keys) != (session.transport, session.keys):
            self._end(End(session, "another transport"))
            viewer = None
        if viewer is None:
            viewer = self._viewers[session] = self._host.viewer(session, self)
            viewer.log(logging.INFO, "Client connected")
        viewer.play()

    def _pause(self, session: Session) -> None:
        """The viewer is gone already where its answer could not be written."""
        if session in self._viewers:
            self._viewers[session].pause()

    def _end_sessions(self, reason: str) -> None:
        for effect in self._dialogue.closed():
            if isinstance(effect, End):
                self._end(effect._replace(reason=reason))

    def _end(self, effect: End) -> None:
        viewer = self._viewers.pop(effect.session, None)
        if viewer is not None:
            is_told = effect.reason not in _UNTOLD and self._host.is_alone(viewer)
            viewer.end(effect.reason, goodbye=is_told)
            self._host.forget(viewer)

    def wind_up(self, reason: str) -> None:
        """End the sessions, or media would never let the queue run empty; then close once everything is written."""
        self._end_sessions(reason)
        self._say_farewell()
        self._finish()

    def _say_farewell(self) -> None:
        """Nothing more is to be written."""
        if self._tunnel is not None:
            self.writer.write(self._tunnel.farewell(), verbatim=True)
        self._closing = True

    def _finish(self) -> None:
        """Once everything is written say so, and close when the peer has: bytes unread would reset the connection.

        That would throw away the answer that is on its way.
        """
        if self._open and self._finished_s is None and self.written:
            self._finished_s = time.monotonic()
            self.writer.say_end()
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def _close(self, reason: str, *, level: int = logging.DEBUG) -> None:
        if not self._open:
            return
        self._open = False
        log.log(level, "Connection closed: %s", reason, extra={"address": str(self.peer)})
        try:
            self._end_sessions(reason)
        finally:
            if self._tunnel is not None:
                self._tunnel.closed()
            if self.writer.queued_bytes:
                reset_on_close(self._socket)
            self.writer.close()
            self._host.loop.remove(self._socket.fileno())
            self._socket.close()
            self._host.closed(self)


def _count(status: int) -> None:
    """Count an answer that refuses a request because of what it takes, or of who asks."""
    if status in _COUNTED_STATUSES:
        counters.requests_refused[str(status)] += 1


def local_address(tcp: socket.socket) -> str:
    """The address of ours that the peer connected to."""
    return endpoint(tcp.getsockname()).host
