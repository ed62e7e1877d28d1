"""The UDP port pair that serves every viewer: RTP leaves by the even port, RTCP uses the next (RFC 3550 section 11)."""

import contextlib
import logging
import select
import socket
from collections.abc import Callable
from typing import NamedTuple

from vstream._fastpath import Srtp, UdpWriter
from vstream.errors import ListenError
from vstream.server.loop import EventLoop
from vstream.server.sockets import (
    Endpoint,
    SocketAddress,
    aim_multicast,
    as_carried,
    bind,
    endpoint,
    enlarge_send_buffer,
    keep_refusals,
    kept_refusals,
    sent_from,
)
from vstream.urls import EVERY_ADDRESS

_PAIR_TRIES = 50
_DATAGRAM_BYTES = 2048
_DATAGRAMS_A_TURN = 64

log = logging.getLogger(__name__)

Heard = Callable[[Endpoint, bytes], None]
Reached = Callable[[Endpoint], None]


class RtxStream(NamedTuple):
    """The stream in which one viewer's lost packets are sent again (RFC 4588 section 4)."""

    payload_type: int
    ssrc: int
    sequence: int
    """Of its first packet."""


class UdpPorts:
    """Both sockets; `heard` is given each RTCP datagram and its sender, `reached` who sent one to the RTP port.

    `refused` is given each port of a viewer that answered that nobody receives RTP there.
    """

    def __init__(
        self, host: str, rtp_port: int, loop: EventLoop, *, heard: Heard, reached: Reached, refused: Reached
    ) -> None:
        self._loop = loop
        self._heard = heard
        self._reached = reached
        self._refused = refused
        self._rtp, self._rtcp = _bind_pair(host, rtp_port)
        enlarge_send_buffer(self._rtp)
        keep_refusals(self._rtp)
        loop.add(self._rtp.fileno(), self._receive_rtp)
        loop.add(self._rtcp.fileno(), self._receive_rtcp)

    @property
    def rtp_port(self) -> int:
        return int(self._rtp.getsockname()[1])

    @property
    def rtcp_port(self) -> int:
        return int(self._rtcp.getsockname()[1])

    @property
    def own_address(self) -> str:
        """The address that they are bound to; empty where that is every address."""
        host = endpoint(self._rtp.getsockname()).host
        return "" if host in EVERY_ADDRESS else host

    def reaches(self, host: str) -> bool:
        """Whether datagrams can be sent to an address of this family."""
        if self._rtp.family == socket.AF_INET:
            return ":" not in host
        return ":" in host or not self._rtp.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)

    def aim_multicast(self, group: str, interface: int, ttl: int) -> None:
        """Have RTP and RTCP to a group leave by the interface of that number (0: as the routes say) with that TTL."""
        for udp in (self._rtp, self._rtcp):
            aim_multicast(udp, group, interface, ttl)

    def writer(
        self,
        viewer: Endpoint,
        source: str,
        limit_bytes: int,
        srtp: Srtp | None = None,
        rtx: RtxStream | None = None,
    ) -> UdpWriter:
        """A writer to a viewer's RTP port, from the local address `source` that it asked; empty is any."""
        family = self._rtp.family
        return UdpWriter(
            self._rtp.fileno(),
            as_carried(viewer.host, family).encode(),
            viewer.port,
            limit_bytes=limit_bytes,
            scope_id=viewer.scope_id,
            source=as_carried(source, family).encode() if source and not viewer.scope_id else b"",
            srtp=srtp,
            rtx_payload_type=rtx.payload_type if rtx else 0,
            rtx_ssrc=rtx.ssrc if rtx else 0,
            rtx_sequence=rtx.sequence if rtx else 0,
        )

    def send_rtcp(self, source: str, viewer: Endpoint, packet: bytes) -> None:
        """Send RTCP to a viewer's RTCP port from `source`, empty for any; later it would be out of date."""
        family = self._rtcp.family
        address: SocketAddress = (as_carried(viewer.host, family), viewer.port)
        if viewer.scope_id:
            address = (viewer.host, viewer.port, 0, viewer.scope_id)
        control = [sent_from(source, family)] if source and not viewer.scope_id else []
        with contextlib.suppress(OSError):
            self._rtcp.sendmsg([packet], control, 0, address)

    def close(self) -> None:
        for udp in (self._rtp, self._rtcp):
            self._loop.remove(udp.fileno())
            udp.close()

    def receive(self) -> None:
        """Take in what came already, before anything else is done."""
        self._receive_rtp(0)
        self._receive_rtcp(0)

    def _receive_rtcp(self, _events: int) -> None:
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                packet, address = self._rtcp.recvfrom(_DATAGRAM_BYTES)
            except OSError:
                return
            self._heard(endpoint(address), packet)

    def _receive_rtp(self, events: int) -> None:
        """Players open their NAT by sending here; what they say does not matter, but from where."""
        if events & select.EPOLLERR:
            for viewer in kept_refusals(self._rtp, _DATAGRAMS_A_TURN):
                self._refused(viewer)
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                _, address = self._rtp.recvfrom(1)
            except BlockingIOError:
                return
            except OSError:
                continue  # somebody's refusal, which is kept; others' datagrams may stand behind it
            self._reached(endpoint(address))


def _bind_pair(host: str, rtp_port: int) -> tuple[socket.socket, socket.socket]:
    if rtp_port:
        return _bind_two(host, rtp_port)
    for _ in range(_PAIR_TRIES):
        with bind(socket.SOCK_DGRAM, host, 0, "RTP") as probe:
            even_port = int(probe.getsockname()[1]) & ~1
        with contextlib.suppress(ListenError):
            return _bind_two(host, even_port)
    raise ListenError("Cannot find two neighbouring UDP ports for RTP and RTCP; name one with RTP_PORT")


def _bind_two(host: str, rtp_port: int) -> tuple[socket.socket, socket.socket]:
    rtp = bind(socket.SOCK_DGRAM, host, rtp_port, "RTP (RTP_PORT)")
    try:
        return rtp, bind(socket.SOCK_DGRAM, host, rtp_port + 1, "RTCP (RTP_PORT + 1)")
    except ListenError:
        rtp.close()
        raise
