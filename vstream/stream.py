"""One encoded stream: packetized once, handed to all its viewers."""

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vstream import sdp
from vstream._fastpath import Fanout, Pacer, Packetizer, TcpWriter, Train, UdpWriter, split
from vstream.clock import monotonic_us, ntp_now
from vstream.errors import H264Error
from vstream.h264 import NalType, Sps, has_recovery_point, parse_sps
from vstream.histogram import Histogram
from vstream.keyframes import KeyframeRequests
from vstream.rtp import rtp_timestamp
from vstream.rtsp.profile import AVPF
from vstream.rtsp.session import StartPoint
from vstream.sources.base import AccessUnit, DueUnit, Player
from vstream.stages import Stages

PAYLOAD_TYPE = 96
RETRANSMISSION = sdp.Retransmission(payload_type=97, time_ms=1000)
GOP_LIMIT_BYTES = 16 << 20
_JOIN_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

log = logging.getLogger(__name__)


class Clocks(NamedTuple):
    """One instant on both clocks of a sender report (RFC 3550 section 6.4.1)."""

    ntp_timestamp: int
    rtp_timestamp: int


class _ReadyTrain(NamedTuple):
    """What of an access unit waits for its time."""

    due_us: int
    train: Train
    packetizing_us: int


@dataclass(frozen=True, slots=True)
class Description:
    """What the newest parameter sets say of the stream; `version` rises with each change."""

    version: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    picture: Sps


class Stream(Player):
    """Takes access units from the source's thread and serves viewers that the server's thread brings.

    One SSRC, one line of sequence numbers and one of timestamps serve all viewers, so a packet is built once.
    """

    def __init__(
        self,
        *,
        max_packet_bytes: int,
        fps: float,
        bitrate_bps: int | None,
        request_keyframe: Callable[[], bool],
    ) -> None:
        """`fps` and `bitrate_bps` go into the SDP where the video itself does not tell; None where nobody knows."""
        self.ssrc = secrets.randbits(32)
        self.rtx_ssrc = self.ssrc ^ (1 + secrets.randbits(31))
        """Of the packets that are sent again by RFC 4588."""
        self._session_id = secrets.randbits(31)
        self._fps = fps
        self._bitrate_bps = bitrate_bps
        self._timestamp_offset = secrets.randbits(32)
        self._packetizer = Packetizer(
            ssrc=self.ssrc,
            payload_type=PAYLOAD_TYPE,
            max_packet_bytes=max_packet_bytes,
            sequence=secrets.randbits(16),
        )
        self.fanout = Fanout(gop_limit_bytes=GOP_LIMIT_BYTES, history_us=RETRANSMISSION.time_ms * 1000)
        self._keyframes = KeyframeRequests(request_keyframe)
        self._generation = 0
        self._awaits_keyframe = False
        self._description: Description | None = None
        self.on_backlog: Callable[[], None] = _nobody_flushes
        """Called on the source's thread when UDP viewers have something left to send."""
        self.stages = Stages()
        self.joins = Histogram(_JOIN_BOUNDS_S)
        """From PLAY until a viewer's first keyframe is on its way; the event loop's thread adds to it."""
        self.begun_us = monotonic_us()

    def publish(self, unit: AccessUnit) -> None:
        """Send one access unit to every viewer; on the source's thread, which waits for nobody."""
        handed_us = monotonic_us()
        train = self._packetize(unit.data, unit.pts_us)
        if train is None:
            return
        if self._packetizer.generation != self._generation:
            self._renew_description()
        packetized_us = monotonic_us()
        if self.fanout.publish(train, handed_us):
            self.on_backlog()
        self.stages.add(handed_us - unit.pts_us, packetized_us - handed_us, self.fanout.newest_us - packetized_us)

    __call__ = publish

    def play(self, units: Iterable[DueUnit], pacer: Pacer) -> int:
        """Send access units when they are due, all packetized before the first; on the source's thread.

        After each wait the processor's caches are cold, and then code costs a multiple: so what a frame needs when it
        is due is no more than its system calls.
        """
        moved_us = 0
        ready: list[_ReadyTrain] = []
        for due_us, unit in units:
            begun_us = monotonic_us()
            train = self._packetize(unit.data, unit.pts_us + moved_us)
            if train is None:
                continue
            if self._packetizer.generation != self._generation:
                # What is described is not to be ahead of what is sent.
                moved_now_us = self._play_ready(ready, pacer)
                train.postpone(moved_now_us)
                moved_us += moved_now_us
                ready = []
                self._renew_description()
            ready.append(_ReadyTrain(due_us + moved_us, train, monotonic_us() - begun_us))
        return moved_us + self._play_ready(ready, pacer)

    def _play_ready(self, ready: list[_ReadyTrain], pacer: Pacer) -> int:
        """Gives by how much they were moved, as the machine was late."""
        trains, due_us = [one.train for one in ready], [one.due_us for one in ready]
        at = moved_us = 0
        while at < len(ready) and not pacer.stopped:
            sent, moved_now_us, backlog = self.fanout.play(trains, due_us, pacer, at)
            for one, (late_us, writing_us) in zip(ready[at:], sent, strict=False):
                self.stages.add(late_us, one.packetizing_us, writing_us)
            at += len(sent)
            if moved_now_us:
                moved_us += moved_now_us
                due_us = [one_us + moved_now_us for one_us in due_us]
            if backlog:
                self.on_backlog()
        return moved_us

    def _packetize(self, data: bytes | bytearray | memoryview, pts_us: int) -> Train | None:
        """None where nothing of it is to be sent."""
        if self._awaits_keyframe:
            if not _is_keyframe(data):
                return None
            self._awaits_keyframe = False
        return self._packetizer.packetize(data, rtp_timestamp(pts_us, self._timestamp_offset))

    def _renew_description(self) -> None:
        self._generation = self._packetizer.generation
        leading, pps = self._packetizer.leading_sps, self._packetizer.pps
        if leading is None or not pps:
            return
        # An encoder that begins anew may number its sets on; players look at the first.
        sps = (leading, *(other for other in self._packetizer.sps if other != leading))
        try:
            picture = parse_sps(leading)
        except H264Error as error:
            log.warning("The stream's SPS cannot be read: %s", error)
            return
        before, version = (self._description.picture, self._description.version + 1) if self._description else (None, 1)
        self._description = Description(version, sps, pps, picture)
        if picture != before:
            log.info("Video is %s", _words(picture))

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Tell those who ask from now on that the encoder aims at another bitrate."""
        self._bitrate_bps = bitrate_bps

    @property
    def picture(self) -> Sps | None:
        """What the stream's parameter sets say of its pictures; None before the first."""
        return self._description.picture if self._description else None

    @property
    def newest_frame_age_us(self) -> int:
        """How long ago the newest frame left, or since when there could have been one."""
        return monotonic_us() - (self.fanout.newest_us or self.begun_us)

    @property
    def ready(self) -> bool:
        """Whether the source has given parameter sets, so that a viewer can be told what it will get."""
        return self._description is not None

    def description(self, base_url: str, address: str, profile: str, keys: Sequence[str] = ()) -> bytes | None:
        """The SDP; `address` is the server's own, `profile` that of RTP. None before the first parameter sets."""
        current = self._description
        if current is None:
            return None
        return sdp.describe(
            session_id=self._session_id,
            session_version=current.version,
            sps=current.sps,
            pps=current.pps,
            width=current.picture.width,
            height=current.picture.height,
            framerate=current.picture.fps or self._fps,
            address=address,
            payload_type=PAYLOAD_TYPE,
            bitrate_bps=self._bitrate_bps,
            profile=profile,
            keys=keys,
            retransmission=RETRANSMISSION if profile == AVPF else None,
        )

    def start_point(self) -> StartPoint:
        """The packet a viewer that joins now begins with; not known while that is a keyframe yet to come."""
        cached = self.fanout.cached()
        if cached is None or not self._keyframes.serves_cached(cached[2], monotonic_us()):
            return StartPoint(None, None)
        return StartPoint(cached[0], cached[1])

    def join_tcp(self, writer: TcpWriter, channel: int) -> None:
        """Serve an interleaved viewer from a keyframe on."""
        self.fanout.join_tcp(writer, channel=channel, cached=self._prepare_keyframe())

    def join_udp(self, writer: UdpWriter) -> None:
        """Serve a UDP viewer from a keyframe on."""
        self.fanout.join_udp(writer, cached=self._prepare_keyframe())
        if writer.queued_bytes:
            self.on_backlog()

    def _prepare_keyframe(self) -> bool:
        """Whether the kept keyframe serves a newcomer; otherwise a new one is asked for."""
        now_us = monotonic_us()
        keyframe_us = self.keyframe_us
        if not self._keyframes.serves_cached(keyframe_us, now_us):
            self._keyframes.want(keyframe_us, now_us)
        # A source that says only now that it cannot be asked serves from what is kept.
        return self._keyframes.serves_cached(keyframe_us, now_us)

    @property
    def keyframe_us(self) -> int | None:
        """When the newest keyframe was sent, if it is still kept."""
        cached = self.fanout.cached()
        return cached[2] if cached else None

    def want_keyframe(self) -> None:
        """A viewer lost its place and needs a keyframe soon."""
        self._keyframes.want(self.keyframe_us, monotonic_us())

    def interrupted(self) -> None:
        """The source begins anew: all go on with its next keyframe, and nobody begins with an old one.

        What comes before that keyframe is no use to anyone, and would leave a gap in the sequence numbers.
        """
        self._awaits_keyframe = True
        self.fanout.interrupt()

    def clocks(self) -> Clocks:
        """Now, as wall-clock time and as capture time in RTP's units."""
        now_us = monotonic_us()
        return Clocks(ntp_now(), rtp_timestamp(now_us, self._timestamp_offset))

    def log_summary(self) -> None:
        """One line on how fast frames left, for the end of the run."""
        fanout = self.fanout
        if fanout.units:
            log.info(
                "Frames written: %d, handed to written median %d us, p99 %d us, worst %d us",
                *(fanout.units, fanout.delay_us(0.5), fanout.delay_us(0.99), fanout.delay_us(1.0)),
            )


def _is_keyframe(data: bytes | bytearray | memoryview) -> bool:
    """Whether decoding can start here, as a `Train` tells it."""
    with memoryview(data) as view:
        return any(
            view[start] & 0x1F == NalType.IDR
            or (view[start] & 0x1F == NalType.SEI and has_recovery_point(bytes(view[start : start + length])))
            for start, length in split(data)
        )


def _nobody_flushes() -> None:
    """A stream without a server has no UDP viewers."""


def _words(picture: Sps) -> str:
    rate = f" at {picture.fps:g} frames/s" if picture.fps else ""
    return f"{picture.width}x{picture.height}{rate}"
