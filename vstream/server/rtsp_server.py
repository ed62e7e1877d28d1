"""The RTSP server: its ports, its connections and viewers, on one event loop."""

import logging
import secrets
import socket
import time
from functools import partial
from typing import cast

from vstream import __version__
from vstream._fastpath import Srtp
from vstream.clock import monotonic_us, ntp_now
from vstream.config import Settings
from vstream.counters import counters
from vstream.multicast_group import parse_group
from vstream.rtsp.dialogue import Dialogue
from vstream.rtsp.keyring import Keyring
from vstream.rtsp.parser import Limits
from vstream.rtsp.profile import AVPF, Avpf
from vstream.rtsp.session import InterleavedTransport, MulticastTransport, Session
from vstream.server.access import Access
from vstream.server.certificate import Certificate
from vstream.server.connection import STALL_LIMIT_S, Connection
from vstream.server.crowd import Crowd
from vstream.server.descriptors import make_room_for_descriptors
from vstream.server.listener import Listener
from vstream.server.loop import EventLoop
from vstream.server.multicast import MulticastCarrier, MulticastGroup
from vstream.server.sockets import Endpoint, tune_connection
from vstream.server.tunnels import Tunnels
from vstream.server.turned_away import TurnedAway
from vstream.server.udp import RtxStream, UdpPorts
from vstream.server.udp_viewers import UdpViewers
from vstream.server.viewer import Carrier, TcpCarrier, UdpCarrier, Viewer
from vstream.stream import RETRANSMISSION, Stream

SERVER_NAME = f"vstream/{__version__}"
SESSIONS_A_CONNECTION = 8
_CHECK_INTERVAL_S = 1.0
_PACE_S = 0.001
_CLOSE_RETRY_S = 0.01
_TURNED_AWAY_LIMIT = 64
SPARE_DESCRIPTORS = 48
"""File descriptors that no RTSP connection takes: for the HTTP port, and for a source that is started again."""

log = logging.getLogger(__name__)


class RtspServer:
    """Serves one stream to any number of viewers."""

    def __init__(self, settings: Settings, stream: Stream, loop: EventLoop) -> None:
        self.loop = loop
        self._stream = stream
        self.access = Access(settings)
        self.tunnels = Tunnels(settings, SERVER_NAME)
        self._take_limits(settings)
        self._cname = f"vstream@{socket.gethostname()}"
        self._connections = Crowd(_connections_limit(settings), settings.rtsp_max_connections_per_address)
        self._turned_away: set[TurnedAway] = set()
        self.viewers: dict[int, Viewer] = {}
        """Everyone who plays or paused, by number; other threads may copy it."""
        self._udp_viewers = UdpViewers(self._connections)
        self._pacing = False
        self._udp = UdpPorts(
            settings.rtsp_host,
            settings.rtp_port,
            loop,
            heard=self._heard_rtcp,
            reached=self._udp_viewers.reached,
            refused=self._udp_viewers.refused,
        )
        try:
            self._group = self._open_group(settings)
            self._listener = Listener(
                settings.rtsp_host, settings.rtsp_port, loop, self._accepted, spares=SPARE_DESCRIPTORS
            )
            self._encrypted = self._listen_encrypted(settings)
        except BaseException:
            self._udp.close()
            raise
        self.checked_us = monotonic_us()
        """When the event loop last looked after its connections; CLOCK_MONOTONIC."""
        loop.every(_CHECK_INTERVAL_S, self._check)

    def _open_group(self, settings: Settings) -> MulticastGroup | None:
        """Have the multicast group ready where there is to be one."""
        if not settings.rtsp_multicast:
            return None
        group = parse_group(settings.rtsp_multicast)
        return MulticastGroup(group, settings.rtsp_multicast_interface, self._udp, self.loop, self._stream)

    def _listen_encrypted(self, settings: Settings) -> Listener | None:
        """Open the RTSPS port where there is a certificate for it."""
        if not settings.rtsp_tls_cert:
            return None
        certificate = Certificate(settings.rtsp_tls_cert, settings.rtsp_tls_key)

        def accepted(tcp: socket.socket, peer: Endpoint) -> None:
            self._accepted(tcp, peer, certificate)

        return Listener(
            settings.rtsp_host,
            settings.rtsps_port,
            self.loop,
            accepted,
            "RTSPS (RTSPS_PORT)",
            spares=SPARE_DESCRIPTORS,
        )

    def apply(self, settings: Settings) -> None:
        """Take on other limits and other rules of access, for all that begins from now on; ports stay.

        Where nobody had to log in and now everybody has, who has no session has to come again.

        Raises:
            ValueError: the password file cannot be read or holds no password; all stays as it was.
        """
        was_open = not self.access.asks_for_password
        self.access.apply(settings)
        self._take_limits(settings)
        self._connections.limit(_connections_limit(settings), settings.rtsp_max_connections_per_address)
        self.tunnels.apply(settings)
        if was_open and self.access.asks_for_password:
            for connection in self._connections:
                connection.close_without_session("a password is wanted now")

    def _take_limits(self, settings: Settings) -> None:
        self.limits = Limits(
            request_line_bytes=settings.rtsp_max_request_line_bytes,
            header_bytes=settings.rtsp_max_header_bytes,
            body_bytes=settings.rtsp_max_body_bytes,
        )
        self.queue_limit_bytes = settings.rtsp_queue_bytes
        self.request_timeout_s = float(settings.rtsp_request_timeout_s)
        self._settings = settings

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def encrypted_port(self) -> int | None:
        """The RTSPS port, if there is one."""
        return self._encrypted.port if self._encrypted else None

    @property
    def is_accepting(self) -> bool:
        """Whether newcomers get in."""
        return self._listener.is_accepting

    def ready(self) -> bool:
        return self._stream.ready

    def want_keyframe(self) -> None:
        self._stream.want_keyframe()

    def pace(self) -> None:
        """Send on what UDP viewers have queued, a burst each millisecond until nothing is left."""
        if not self._pacing:
            self._pacing = True
            self._pace_on()

    def _pace_on(self) -> None:
        self._pacing = False  # should the next line fail, `pace` begins anew
        self._pacing = self._stream.fanout.flush_udp()
        if self._pacing:
            self.loop.after(_PACE_S, self._pace_on)

    def viewer(self, session: Session, connection: Connection) -> Viewer:
        """Make the viewer of a session that begins to play."""
        carrier = self._carrier(session, connection)
        viewer = Viewer(session, connection.peer, carrier, self._stream, self._cname)
        self.viewers[viewer.number] = viewer
        if isinstance(carrier, UdpCarrier):
            self._udp_viewers.add(viewer, carrier, connection)
        elif isinstance(carrier, MulticastCarrier):
            carrier.group.add(viewer, connection)
        return viewer

    def is_alone(self, viewer: Viewer) -> bool:
        carrier = viewer.carrier
        return not isinstance(carrier, UdpCarrier) or self._udp_viewers.is_alone(viewer, carrier)

    def forget(self, viewer: Viewer) -> None:
        """The viewer's session is over."""
        self.viewers.pop(viewer.number, None)
        carrier = viewer.carrier
        if isinstance(carrier, UdpCarrier):
            self._udp_viewers.discard(viewer, carrier)
        elif isinstance(carrier, MulticastCarrier):
            carrier.group.discard(viewer)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def shut_down(self, within_s: float) -> None:
        """Say BYE to every viewer, write what is queued as far as they read it, then close all."""
        self._listener.close()
        if self._encrypted is not None:
            self._encrypted.close()
        for stranger in list(self._turned_away):
            stranger.close()
        for connection in self._connections:
            connection.shut_down()
        limit_s = time.monotonic() + within_s
        self.loop.after(0, lambda: self._close_when_written(limit_s))
        self.loop.run_until(lambda: not len(self._connections))
        self._udp.close()

    def _close_when_written(self, limit_s: float) -> None:
        if not len(self._connections):
            return
        # First, so that one that fails to close keeps none of the others.
        self.loop.after(_CLOSE_RETRY_S, lambda: self._close_when_written(limit_s))
        for connection in self._connections:
            if connection.written or time.monotonic() >= limit_s:
                connection.close("server shuts down")

    def _accepted(self, tcp: socket.socket, peer: Endpoint, certificate: Certificate | None = None) -> None:
        now_s = time.monotonic()
        if not self.access.admits(peer, now_s):
            tcp.close()
            return
        if not self._has_room(peer, now_s):
            if certificate is None:
                self._turn_away(tcp)
            else:
                tcp.close()  # an answer would cost a handshake
            return
        tune_connection(tcp, 2 * STALL_LIMIT_S)
        tls = certificate.context() if certificate else None
        port = self.port if tls is None else self.encrypted_port or 0

        def dialogue(local_address: str) -> Dialogue:
            return self._dialogue(peer, local_address, port, is_encrypted=tls is not None)

        self._connections.add(Connection(tcp, peer, self, dialogue, tls))

    def _has_room(self, peer: Endpoint, now_s: float) -> bool:
        """Whether one more may come, if need be in the place of one that has no session."""
        limit = self._connections.exceeded(peer.host)
        if limit is None:
            return True
        expendable = self._connections.expendable(peer.host, limit, now_s)
        counters.connections_refused[limit.value] += 1
        if expendable is not None:
            expendable.make_room()
        return expendable is not None

    def _turn_away(self, tcp: socket.socket) -> None:
        if len(self._turned_away) < _TURNED_AWAY_LIMIT:
            self._turned_away.add(TurnedAway(tcp, self.loop, SERVER_NAME, self._turned_away.discard))
        else:
            tcp.close()

    def _has_session_to_give(self, host: str) -> bool:
        crowd = self._connections
        return crowd.sessions() < self._settings.rtsp_max_sessions and crowd.may_begin_session(host)

    def _dialogue(self, peer: Endpoint, local_address: str, local_port: int, *, is_encrypted: bool) -> Dialogue:
        return Dialogue(
            media=self._stream,
            path=self._settings.rtsp_path,
            server_name=SERVER_NAME,
            peer_address=peer.host,
            local_address=local_address,
            local_port=local_port,
            server_rtp_port=self._udp.rtp_port,
            server_rtcp_port=self._udp.rtcp_port,
            multicast=self._group.transport if self._group else None,
            session_timeout_s=self._settings.rtsp_session_timeout_s,
            new_session_id=lambda: secrets.token_hex(16),
            sessions_limit=SESSIONS_A_CONNECTION,
            may_begin=partial(self._has_session_to_give, peer.host),
            authenticator=self.access.authenticator(is_encrypted=is_encrypted),
            keyring=Keyring(secrets.token_bytes, ntp_now) if is_encrypted else None,
            avpf=cast(Avpf, self._settings.rtsp_avpf),
        )

    def _carrier(self, session: Session, connection: Connection) -> Carrier:
        transport = session.transport
        if isinstance(transport, InterleavedTransport):
            return TcpCarrier(connection.writer, *transport, connection.carrier_name)
        if isinstance(transport, MulticastTransport):
            assert self._group is not None
            return self._group.carrier(self.queue_limit_bytes)
        # A player opens its NAT a moment before it asks to play.
        self._udp.receive()
        rtp, rtcp = self._udp_viewers.place(connection.peer, transport)
        srtp = session.keys and Srtp(session.keys.sending, session.keys.receiving, tag_bytes=session.keys.tag_bytes)
        rtx = None
        if transport.profile == AVPF:
            rtx = RtxStream(RETRANSMISSION.payload_type, self._stream.rtx_ssrc, secrets.randbits(16))
        writer = self._udp.writer(rtp, connection.local_address, self.queue_limit_bytes, srtp, rtx)
        return UdpCarrier(writer, rtp, rtcp, partial(self._udp.send_rtcp, connection.local_address), srtp, rtx=rtx)

    def _heard_rtcp(self, sender: Endpoint, packet: bytes) -> None:
        if not self._udp_viewers.heard(sender, packet) and self._group is not None:
            self._group.heard(sender, packet)

    def _check(self) -> None:
        now_s = time.monotonic()
        self.checked_us = monotonic_us()
        for connection in self._connections:
            connection.check(now_s)
        for stranger in list(self._turned_away):
            stranger.check(now_s)


def _connections_limit(settings: Settings) -> int:
    """How many connections there may be: as many as are wanted, or as file descriptors there are for them."""
    wanted = settings.rtsp_max_connections
    fitting = max(1, make_room_for_descriptors(wanted + _TURNED_AWAY_LIMIT) - _TURNED_AWAY_LIMIT)
    if fitting < wanted:
        log.warning(
            "RTSP_MAX_CONNECTIONS is %d, but the limit of open files leaves room for %d; raise it with ulimit -n",
            wanted,
            fitting,
        )
    return fitting
