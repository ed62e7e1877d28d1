"""Which viewer over UDP is at which address and port: where it really is, whose RTCP that is, who refuses its media."""

import time

from vstream.rtsp.session import UdpTransport
from vstream.server.connection import UNREACHABLE, Connection
from vstream.server.crowd import Crowd
from vstream.server.punches import Punches
from vstream.server.refusals import Refusals
from vstream.server.sockets import Endpoint
from vstream.server.viewer import UdpCarrier, Viewer

_Places = dict[Endpoint, tuple[Viewer, Connection]]


class UdpViewers:
    """Media never leaves the address that the RTSP connection came from; the port is where it was reached from."""

    def __init__(self, connections: Crowd) -> None:
        self._connections = connections
        self._by_rtp: _Places = {}
        self._by_rtcp: _Places = {}
        self._rtp_punches, self._rtcp_punches = Punches(), Punches()
        self._refusals = Refusals()

    def place(self, peer: Endpoint, announced: UdpTransport) -> tuple[Endpoint, Endpoint]:
        """Where a viewer that begins to play gets RTP and RTCP."""
        now_s = time.monotonic()
        rtp_port = self._rtp_punches.take(peer.host, announced.rtp_port, now_s)
        rtcp_port = self._rtcp_punches.take(peer.host, announced.rtcp_port, now_s)
        return peer._replace(port=rtp_port), peer._replace(port=rtcp_port)

    def add(self, viewer: Viewer, carrier: UdpCarrier, connection: Connection) -> None:
        self._by_rtp[carrier.rtp] = self._by_rtcp[carrier.rtcp] = viewer, connection

    def discard(self, viewer: Viewer, carrier: UdpCarrier) -> None:
        self._refusals.forget(carrier.rtp)
        for places, punches, place in (
            (self._by_rtp, self._rtp_punches, carrier.rtp),
            (self._by_rtcp, self._rtcp_punches, carrier.rtcp),
        ):
            if places.get(place, (None, None))[0] is viewer:
                del places[place]
                punches.settle(place.host, place.port)

    def reached(self, sender: Endpoint) -> None:
        """A datagram came to the RTP port."""
        if sender in self._by_rtp:
            self._rtp_punches.settle(sender.host, sender.port)
        elif self._connections.includes(sender.host):
            late = self._late(self._rtp_punches, self._by_rtp, sender)
            if late is None:
                self._rtp_punches.note(sender.host, sender.port, time.monotonic())
            else:
                late[0].redirect(rtp=sender)

    def heard(self, sender: Endpoint, packet: bytes) -> bool:
        """RTCP counts only from where a session has its own; of anyone else's at most the port is remembered.

        Gives whether it was a session's.
        """
        known = self._by_rtcp.get(sender)
        if known is not None:
            self._rtcp_punches.settle(sender.host, sender.port)
        elif self._connections.includes(sender.host):
            known = self._late(self._rtcp_punches, self._by_rtcp, sender)
            if known is None:
                self._rtcp_punches.note(sender.host, sender.port, time.monotonic())
            else:
                known[0].redirect(rtcp=sender)
        if known is None:
            return False
        viewer, connection = known
        opened = viewer.carrier.open_rtcp(packet) if isinstance(viewer.carrier, UdpCarrier) else None
        if opened is not None:
            connection.heard_rtcp(viewer.session)
            viewer.heard(opened)
        return True

    def refused(self, receiver: Endpoint) -> None:
        """A viewer's host says that nobody receives RTP there; that ends the session once it is certain."""
        known = self._by_rtp.get(receiver)
        if known is not None and self._refusals.note(receiver, time.monotonic()):
            viewer, connection = known
            connection.end(viewer.session, UNREACHABLE)

    def _late(self, punches: Punches, places: _Places, sender: Endpoint) -> tuple[Viewer, Connection] | None:
        """Who plays already and comes through its NAT with this datagram only; from now on its place is there.

        While another player of that host is about to play, the datagram is rather that one's.
        """
        port = punches.unheard(sender.host, time.monotonic())
        if port is None or self._connections.awaits_play(sender.host):
            return None
        announced = sender._replace(port=port)
        known = places.pop(announced, None)
        punches.settle(sender.host, port)
        if known is not None:
            self._refusals.forget(announced)
            places[sender] = known
        return known
