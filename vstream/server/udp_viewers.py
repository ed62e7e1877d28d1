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
            return
        announced = self._late(self._rtp_punches, self._by_rtp, sender)
        if announced is not None:
            self._move(self._rtp_punches, self._by_rtp, announced, sender).redirect(rtp=sender)
        elif self._connections.includes(sender.host):
            self._rtp_punches.note(sender.host, sender.port, time.monotonic())

    def heard(self, sender: Endpoint, packet: bytes) -> bool:
        """RTCP counts only from where a session has its own; of anyone else's at most the port is remembered.

        Gives whether it was a session's.
        """
        is_known = sender in self._by_rtcp
        place = sender if is_known else self._late(self._rtcp_punches, self._by_rtcp, sender)
        if place is not None and self._take_rtcp(place, packet):
            if is_known:
                self._rtcp_punches.settle(sender.host, sender.port)
            else:
                self._move(self._rtcp_punches, self._by_rtcp, place, sender).redirect(rtcp=sender)
            return True
        if not is_known and self._connections.includes(sender.host):
            self._rtcp_punches.note(sender.host, sender.port, time.monotonic())
        return is_known

    def refused(self, receiver: Endpoint) -> None:
        """A viewer's host says that nobody receives RTP there; that ends the session once it is certain."""
        known = self._by_rtp.get(receiver)
        if known is not None and self._refusals.note(receiver, time.monotonic()):
            viewer, connection = known
            connection.end(viewer.session, UNREACHABLE)

    def _take_rtcp(self, place: Endpoint, packet: bytes) -> bool:
        """Give a packet to the viewer whose place that is, unless it would have to be signed and is not."""
        viewer, connection = self._by_rtcp[place]
        opened = viewer.carrier.open_rtcp(packet) if isinstance(viewer.carrier, UdpCarrier) else None
        if opened is None:
            return False
        connection.heard_rtcp(viewer.session)
        viewer.heard(opened)
        return True

    def _late(self, punches: Punches, places: _Places, sender: Endpoint) -> Endpoint | None:
        """The place of whoever plays already and seems to come through its NAT with this datagram only.

        While another player of that host is about to play, the datagram is rather that one's.
        """
        port = punches.unheard(sender.host, time.monotonic())
        if port is None or self._connections.awaits_play(sender.host):
            return None
        announced = sender._replace(port=port)
        if announced in places:
            return announced
        punches.settle(sender.host, port)
        return None

    def _move(self, punches: Punches, places: _Places, announced: Endpoint, sender: Endpoint) -> Viewer:
        """From now on the place of who announced another is where the datagram came from."""
        viewer, _ = places[sender] = places.pop(announced)
        punches.settle(announced.host, announced.port)
        self._refusals.forget(announced)
        return viewer
