"""One viewer: where its media goes, and what it says of how that arrives."""

import itertools
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from vstream import feedback, rtcp
from vstream._fastpath import Srtp, TcpWriter, UdpWriter, Writer
from vstream.clock import monotonic_us, ntp_now
from vstream.counters import counters
from vstream.errors import RtcpError
from vstream.rtp import ntp_middle32
from vstream.rtsp.session import Session
from vstream.server.keyframe_demand import KeyframeDemand
from vstream.server.sockets import Endpoint
from vstream.server.udp import RtxStream
from vstream.stream import Stream

SENDER_REPORT_INTERVAL_S = 5.0

WriterT = TypeVar("WriterT", bound=Writer)

_numbers = itertools.count(1)

log = logging.getLogger(__name__)


class Sent(NamedTuple):
    """What left of one RTP stream, as a sender report counts it (RFC 3550 section 6.4.1)."""

    ssrc: int
    packets: int
    octets: int


class Carrier(Protocol):
    """The way to a viewer: joins its writer to the stream, and carries RTCP."""

    name: str
    report_due_s: float
    """When the next sender report is due, on CLOCK_MONOTONIC."""

    @property
    def writer(self) -> Writer: ...
    @property
    def begun_us(self) -> int:
        """When the viewer was given its first keyframe since it joined (CLOCK_MONOTONIC); 0 before."""

    def join(self, stream: Stream) -> None: ...
    def leave(self, stream: Stream) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...
    def sent(self, stream: Stream) -> list[Sent]:
        """Of each RTP stream that has begun, the media's first."""

    def retransmit(self, stream: Stream, sequences: list[int]) -> None:
        """Send lost packets again."""

    def end(self, goodbye: bytes, *, is_told: bool) -> None:
        """The session is over; `is_told` where its viewer did not end it itself."""


class _OwnWriter(ABC, Generic[WriterT]):
    """What the ways to a viewer who shares its writer with nobody have in common."""

    def __init__(self, writer: WriterT) -> None:
        self.writer = writer
        self.report_due_s = 0.0

    @property
    def begun_us(self) -> int:
        return self.writer.begun_us

    def end(self, goodbye: bytes, *, is_told: bool) -> None:
        if is_told:
            self.send_rtcp(goodbye)

    def sent(self, stream: Stream) -> list[Sent]:
        return [Sent(stream.ssrc, self.writer.packets_sent, self.writer.octets_sent)]

    @abstractmethod
    def send_rtcp(self, packet: bytes) -> None: ...


class UdpCarrier(_OwnWriter[UdpWriter]):
    """Media and RTCP as datagrams to two ports of the viewer: `rtp` and `rtcp`, where it really is."""

    def __init__(
        self,
        writer: UdpWriter,
        rtp: Endpoint,
        rtcp: Endpoint,
        send: Callable[[Endpoint, bytes], None],
        srtp: Srtp | None = None,
        *,
        rtx: RtxStream | None = None,
    ) -> None:
        """`srtp` is what RTCP is encrypted with; the writer does so with media."""
        super().__init__(writer)
        self.name = "UDP" if srtp is None else "SRTP"
        self._rtx = rtx
        self.rtp = rtp
        self.rtcp = rtcp
        self._send = send
        self._srtp = srtp

    def join(self, stream: Stream) -> None:
        stream.join_udp(self.writer)

    def leave(self, stream: Stream) -> None:
        stream.fanout.leave_udp(self.writer)

    def send_rtcp(self, packet: bytes) -> None:
        self._send(self.rtcp, packet if self._srtp is None else self._srtp.seal_rtcp(packet))

    def open_rtcp(self, packet: bytes) -> bytes | None:
        """What a datagram from `rtcp` says; None where it is to be signed and is not, or came before."""
        return packet if self._srtp is None else self._srtp.open_rtcp(packet)

    def redirect(self, rtp: Endpoint) -> None:
        """Send media to another port of the same address; the writer must have left the stream."""
        self.writer.set_port(rtp.port)
        self.rtp = rtp

    def sent(self, stream: Stream) -> list[Sent]:
        writer, streams = self.writer, super().sent(stream)
        if self._rtx and writer.packets_retransmitted:
            streams.append(Sent(self._rtx.ssrc, writer.packets_retransmitted, writer.octets_retransmitted))
        return streams

    def retransmit(self, stream: Stream, sequences: list[int]) -> None:
        stream.fanout.retransmit(self.writer, sequences)


class TcpCarrier(_OwnWriter[TcpWriter]):
    """Media and RTCP interleaved on the RTSP connection (RFC 2326 section 10.12)."""

    def __init__(self, writer: TcpWriter, rtp_channel: int, rtcp_channel: int, name: str) -> None:
        """`name` says what the connection goes through."""
        super().__init__(writer)
        self.name = name
        self._rtp_channel = rtp_channel
        self._rtcp_channel = rtcp_channel

    def join(self, stream: Stream) -> None:
        stream.join_tcp(self.writer, self._rtp_channel)

    def leave(self, stream: Stream) -> None:
        stream.fanout.leave_tcp(self.writer)

    def send_rtcp(self, packet: bytes) -> None:
        self.writer.write(b"$" + bytes([self._rtcp_channel]) + len(packet).to_bytes(2, "big") + packet)

    def retransmit(self, stream: Stream, sequences: list[int]) -> None:
        """TCP loses nothing; what a full queue dropped would only fill it again."""


class Reception:
    """How the stream arrives, by the newest receiver report; None before the first (RFC 3550 section 6.4.1)."""

    fraction_lost: float | None = None
    packets_lost: int | None = None
    jitter_s: float | None = None
    round_trip_s: float | None = None

    def take(self, block: rtcp.ReportBlock, now_ntp_middle32: int) -> None:
        self.fraction_lost = block.fraction_lost / 256
        self.packets_lost = block.cumulative_lost
        self.jitter_s = block.jitter / 90_000
        self.round_trip_s = rtcp.round_trip_s(block.last_sr, block.delay_since_last_sr, now_ntp_middle32)


class Viewer:
    """One session that plays or has played; `number` names it in the log, as its session id is a secret."""

    def __init__(self, session: Session, peer: Endpoint, carrier: Carrier, stream: Stream, cname: str) -> None:
        self.number = next(_numbers)
        self.session = session
        self.transport = session.transport
        """What the session agreed on when this viewer was made; another SETUP makes another viewer."""
        self.keys = session.keys
        self.peer = peer
        self.carrier = carrier
        self.reception = Reception()
        self._demand = KeyframeDemand()
        self._stream = stream
        self._cname = cname
        self.since_s = time.monotonic()
        """When it came, by the clock that nobody sets."""
        self._asked_us: int | None = None
        self._playing = False

    def play(self) -> None:
        """Begin, or go on, with a keyframe; the first sender report comes at once so that clocks are known."""
        self._playing = True
        self._asked_us = monotonic_us()
        self.carrier.join(self._stream)
        self.report(time.monotonic())

    def pause(self) -> None:
        """Stop sending; one that paused already may share its connection with one that plays."""
        self._note_join()
        if self._playing:
            self._playing = False
            self.carrier.leave(self._stream)

    def redirect(self, *, rtp: Endpoint | None = None, rtcp: Endpoint | None = None) -> None:
        """A viewer over UDP is reached at another port of its address; what it was sent before is lost."""
        assert isinstance(self.carrier, UdpCarrier)
        if rtcp is not None:
            self.carrier.rtcp = rtcp
        if rtp is not None:
            self.log(logging.INFO, "Client reached behind its NAT", port=rtp.port)
            self.carrier.leave(self._stream)
            self.carrier.redirect(rtp)
            if self._playing:
                self.carrier.join(self._stream)

    @property
    def waits_for_keyframe(self) -> bool:
        """Whether it plays, has all that was queued, and can go on with nothing but a keyframe."""
        writer = self.carrier.writer
        return self._playing and (writer.awaiting_keyframe or not self.carrier.begun_us) and not writer.queued_bytes

    def end(self, reason: str, *, goodbye: bool) -> None:
        """Stop sending; a viewer that did not end it itself is told."""
        self.pause()
        ssrc, *others = (sent.ssrc for sent in self.carrier.sent(self._stream))
        self.carrier.end(rtcp.goodbye(ssrc, reason, cname=self._cname, others=others), is_told=goodbye)
        writer = self.carrier.writer
        seconds = time.monotonic() - self.since_s
        counts = {"packets": writer.packets_sent, "dropped_units": writer.units_dropped}
        self.log(logging.INFO, "Client disconnected", reason=reason, seconds=f"{seconds:.1f}", **counts)

    def report(self, now_s: float) -> None:
        """Send a sender report where one is due."""
        self._note_join()
        if not self._playing or now_s < self.carrier.report_due_s:
            return
        self.carrier.report_due_s = now_s + SENDER_REPORT_INTERVAL_S
        clocks = self._stream.clocks()
        self.carrier.send_rtcp(
            b"".join(
                rtcp.sender_report(ssrc, *clocks, packets, octets, cname=self._cname)
                for ssrc, packets, octets in self.carrier.sent(self._stream)
            )
        )

    @property
    def is_playing(self) -> bool:
        return self._playing

    def _note_join(self) -> None:
        """Note, once for each time it began to play, how long its first keyframe took."""
        begun_us = self.carrier.begun_us
        if self._asked_us is not None and begun_us:
            self._stream.joins.add((begun_us - self._asked_us) / 1e6)
            self._asked_us = None

    def heard(self, packet: bytes) -> None:
        """Take in an RTCP packet of this viewer; a malformed one is only noted."""
        try:
            packets = rtcp.parse(packet)
        except RtcpError as error:
            self.log(logging.DEBUG, f"RTCP not understood: {error}")
            return
        now = ntp_middle32(ntp_now())
        for one in packets:
            if isinstance(one, rtcp.ReceiverReport | rtcp.SenderReport):
                for block in one.reports:
                    if block.ssrc == self._stream.ssrc:
                        self.reception.take(block, now)
            elif isinstance(one, rtcp.FeedbackPacket):
                self._feedback(one)

    def _feedback(self, packet: rtcp.FeedbackPacket) -> None:
        try:
            request = feedback.read(packet, self._stream.ssrc)
        except RtcpError as error:
            self.log(logging.DEBUG, f"RTCP not understood: {error}")
            return
        if request is None or not self._playing:
            return
        if isinstance(request, feedback.Nack):
            counters.feedback["nack"] += 1
            self.carrier.retransmit(self._stream, request.sequences)
            return
        counters.feedback["pli" if isinstance(request, feedback.PictureLoss) else "fir"] += 1
        if isinstance(request, feedback.PictureLoss) or not self._demand.is_repeated(request):
            self._demand.ask(monotonic_us())
            self.grant_keyframe()

    def grant_keyframe(self) -> None:
        """Pass on a request for a keyframe that came, or had to wait."""
        if self._playing and self._demand.grants(self._stream.keyframe_us, monotonic_us()):
            self._stream.want_keyframe()

    def log(self, level: int, text: str, **more: object) -> None:
        """A log line that names this viewer."""
        extra = {"viewer": self.number, "address": str(self.peer), "transport": self.carrier.name, **more}
        log.log(level, text, extra=extra)
