"""Which viewer over UDP is at which address and port: where it really is, whose RTCP that is, who refuses its media."""

import time

from vstream.rtsp.session import UdpTransport
from vstream.server.connection import UNREACHABLE, Connection
from vstream.server.crowd import Crowd
from vstream.server.punches import Punches
from vstream.server.sockets import Endpoint
from vstream.server.unreachable import Unreachable
from vstream.server.viewer import UdpCarrier, Viewer

_Places = dict[Endpoint, dict[Viewer, Connection]]
"""Who is served where; several are where one came back before its last session was over, or announced another's."""


class UdpViewers:
    """Media never leaves the address that the RTSP connection came from; the port is where it was reached from."""

    def __init__(self, connections: Crowd) -> None:
        self._connections = connections
        self._by_rtp: _Places = {}
        self._by_rtcp: _Places = {}
        self._rtp_punches, self._rtcp_punches = Punches(), Punches()
        self._unreachable = Unreachable()

    def place(self, peer: Endpoint, announced: UdpTransport) -> tuple[Endpoint, Endpoint]:
        """Where a viewer that begins to play gets RTP and RTCP."""
        now_s = time.monotonic()
        rtp_port = self._rtp_punches.take(peer.host, announced.rtp_port, now_s)
        rtcp_port = self._rtcp_punches.take(peer.host, announced.rtcp_port, now_s)
        return peer._replace(port=rtp_port), peer._replace(port=rtcp_port)

    def add(self, viewer: Viewer, carrier: UdpCarrier, connection: Connection) -> None:
        for places, place in ((self._by_rtp, carrier.rtp), (self._by_rtcp, carrier.rtcp)):
            places.setdefault(place, {})[viewer] = connection

    def discard(self, viewer: Viewer, carrier: UdpCarrier) -> None:
        announced, now_s = viewer.transport, time.monotonic()
        assert isinstance(announced, UdpTransport)
        for punches, places, place, port in (
            (self._rtp_punches, self._by_rtp, carrier.rtp, announced.rtp_port),
            (self._rtcp_punches, self._by_rtcp, carrier.rtcp, announced.rtcp_port),
        ):
            self._leave(punches, places, place, viewer)
            punches.retire(place.host, place.port, port, now_s)

    def is_alone(self, viewer: Viewer, carrier: UdpCarrier) -> bool:
        """Whether nobody else takes for its own what comes to this viewer's RTCP port.

        Every session has the same SSRC, so that the BYE of one would be that of all who are served there.
        """
        others = self._by_rtcp.get(carrier.rtcp, {}).keys() - {viewer}
        return all(other.carrier.name != carrier.name for other in others)

    def reached(self, sender: Endpoint) -> None:
        """A datagram came to the RTP port."""
        if sender in self._by_rtp:
            self._rtp_punches.settle(sender.host, sender.port)
            return
        supposed = self._late(self._rtp_punches, self._by_rtp, sender)
        if supposed is not None:
            newest = next(reversed(self._by_rtp[supposed]))
            self._move(self._rtp_punches, self._by_rtp, supposed, sender, newest)
            newest.redirect(rtp=sender)
        elif self._connections.includes(sender.host):
            self._rtp_punches.note(sender.host, sender.port, time.monotonic())

    def heard(self, sender: Endpoint, packet: bytes) -> bool:
        """RTCP counts only from where a session has its own; of anyone else's at most the port is remembered.

        It counts for all who are served there. Gives whether it was a session's.
        """
        here = list(self._by_rtcp.get(sender, {}).items())
        taken = [_take_rtcp(viewer, connection, packet) for viewer, connection in here]
        if any(taken):
            self._rtcp_punches.settle(sender.host, sender.port)
        return bool(here) or self._heard_late(sender, packet)

    def _heard_late(self, sender: Endpoint, packet: bytes) -> bool:
        """RTCP from where nobody is served may be of one of those who are not yet found behind their NAT."""
        supposed = self._late(self._rtcp_punches, self._by_rtcp, sender)
        if supposed is not None:
            for viewer, connection in reversed(self._by_rtcp[supposed].items()):
                if _take_rtcp(viewer, connection, packet):
                    self._move(self._rtcp_punches, self._by_rtcp, supposed, sender, viewer)
                    viewer.redirect(rtcp=sender)
                    return True
        if self._connections.includes(sender.host):
            self._rtcp_punches.note(sender.host, sender.port, time.monotonic())
        return False

    def refused(self, receiver: Endpoint) -> None:
        """A viewer's host says that nobody receives RTP there; that ends the session once it is certain."""
        here = self._by_rtp.get(receiver)
        if here and self._unreachable.note(receiver, time.monotonic()):
            for viewer, connection in list(here.items()):
                connection.end(viewer.session, UNREACHABLE)

    def _late(self, punches: Punches, places: _Places, sender: Endpoint) -> Endpoint | None:
        """The place of whoever plays already and, as this datagram seems to show, is where it came from instead.

        While another player of that host is about to play, the datagram is rather that one's.
        """
        port = punches.unheard(sender.host, sender.port, time.monotonic())
        if port is None or self._connections.awaits_play(sender.host):
            return None
        supposed = sender._replace(port=port)
        if supposed in places:
            return supposed
        punches.settle(sender.host, port)
        return None

    def _move(self, punches: Punches, places: _Places, supposed: Endpoint, sender: Endpoint, viewer: Viewer) -> None:
        """From now on this viewer's place is where the datagram came from; of several at one it is the newest's."""
        places[sender] = {viewer: places[supposed][viewer]}
        self._leave(punches, places, supposed, viewer)

    def _leave(self, punches: Punches, places: _Places, place: Endpoint, viewer: Viewer) -> None:
        """The viewer is served there no more; what is known of the place goes with the last one."""
        here = places.get(place, {})
        here.pop(viewer, None)
        if not here:
            places.pop(place, None)
            punches.settle(place.host, place.port)
            self._unreachable.forget(place)


def _take_rtcp(viewer: Viewer, connection: Connection, packet: bytes) -> bool:
    """Give a packet to a viewer, unless it would have to be signed with that one's key and is not."""
    opened = viewer.carrier.open_rtcp(packet) if isinstance(viewer.carrier, UdpCarrier) else None
    if opened is None:
        return False
    connection.heard_rtcp(viewer.session)
    viewer.heard(opened)
    return True
