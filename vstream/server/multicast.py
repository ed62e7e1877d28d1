"""Viewers by multicast: one train to the group however many there are, and one ear for what they report."""

import contextlib
import logging
import socket
from ipaddress import ip_address

from vstream.addresses import interface_index
from vstream.errors import ListenError
from vstream.multicast_group import Group
from vstream.rtsp.session import MulticastTransport
from vstream.server.connection import Connection
from vstream.server.loop import EventLoop
from vstream.server.sockets import Endpoint, bind_to_group, endpoint, join_group
from vstream.server.udp import UdpPorts
from vstream.server.viewer import Sent, Viewer
from vstream.stream import Stream

_REPORT_BYTES = 2048
_REPORTS_A_TURN = 64
_SENDER_SSRC = slice(4, 8)

log = logging.getLogger(__name__)


class MulticastGroup:
    """Sends to the group while anybody plays there; its members are the viewers whose sessions live."""

    def __init__(self, group: Group, interface: str, ports: UdpPorts, loop: EventLoop, stream: Stream) -> None:
        """`interface` is a name or an address; empty is that of the ports' own address, or the routes' choice.

        Raises:
            ListenError: this machine has no such interface, or the ports cannot send to such an address.
        """
        self.transport = MulticastTransport(str(group.address), group.rtp_port, group.rtcp_port, group.ttl)
        self.report_due_s = 0.0
        """When the group is to get its next sender report."""
        self._interface = interface or ports.own_address
        self._source = _source(self._interface, group.address.version)
        self._ports = ports
        self._loop = loop
        self._stream = stream
        self._members: dict[Viewer, Connection] = {}
        self._playing: set[MulticastCarrier] = set()
        self._ear: socket.socket | None = None
        self._rtp = Endpoint(self.transport.destination, group.rtp_port)
        self._rtcp = self._rtp._replace(port=group.rtcp_port)
        if not ports.reaches(self._rtp.host):
            raise ListenError(
                f"RTSP_MULTICAST {group.address} is not of a family that RTSP_HOST has; change one of them"
            )
        self._aim()
        self._renew_writer(limit_bytes=0)

    def carrier(self, limit_bytes: int) -> "MulticastCarrier":
        """The way to one more viewer; the queue's limit is the one of whoever came first."""
        if not self._members:
            self._renew_writer(limit_bytes)
        return MulticastCarrier(self, self._stream)

    def _renew_writer(self, limit_bytes: int) -> None:
        self.writer = self._ports.writer(self._rtp, self._source, limit_bytes)

    def add(self, viewer: Viewer, connection: Connection) -> None:
        """A viewer that begins to play; what is reported from its address keeps its session alive."""
        self._members[viewer] = connection

    def discard(self, viewer: Viewer) -> None:
        self._members.pop(viewer, None)

    def join(self, carrier: "MulticastCarrier") -> bool:
        """Somebody plays; gives whether nobody did, so that the stream begins for all of them.

        To those who play already nothing is sent twice: who comes later begins with a keyframe yet to come.
        """
        is_first = not self._playing
        self._playing.add(carrier)
        self.report_due_s = 0.0
        if is_first:
            self._listen()
            self._stream.join_udp(self.writer)
        else:
            self._stream.want_keyframe()
        return is_first

    def leave(self, carrier: "MulticastCarrier") -> None:
        """One plays no more; with the last one the group falls silent."""
        self._playing.discard(carrier)
        if not self._playing:
            self._stream.fanout.leave_udp(self.writer)
            self._stop_listening()

    def end(self, goodbye: bytes) -> None:
        """A member's session is over; the group is told when that was the last."""
        if len(self._members) == 1:
            self.send_rtcp(goodbye)

    def send_rtcp(self, packet: bytes) -> None:
        self._follow_interface()
        self._ports.send_rtcp(self._source, self._rtcp, packet)

    def heard(self, sender: Endpoint, packet: bytes) -> None:
        """Take in RTCP that came to the group or to us, where it is a member's.

        Viewers on one host share the group's ports, so a report counts for all members at its address.
        """
        if packet[_SENDER_SSRC] == self._stream.ssrc.to_bytes(4, "big"):
            return  # our own, which the group hears as everybody else's
        for viewer, connection in list(self._members.items()):
            if viewer.peer.host == sender.host:
                connection.heard_rtcp(viewer.session)
                viewer.heard(packet)

    def _aim(self) -> None:
        index = self._current_index()
        self._ports.aim_multicast(self._rtp.host, index, self.transport.ttl)
        self._index = index

    def _current_index(self) -> int:
        """The interface's number, 0 for that of the routes. One plugged in again has another."""
        try:
            return interface_index(self._interface) if self._interface else 0
        except LookupError:
            what = f"RTSP_MULTICAST_INTERFACE {self._interface} is no interface or address of this machine"
            raise ListenError(f"{what}; `ip address` shows those it has") from None

    def _follow_interface(self) -> None:
        """Those who play get on when the interface was away and came again; while it is away they wait."""
        with contextlib.suppress(ListenError, OSError):
            if self._playing and self._current_index() != self._index:
                self._stop_listening()
                self._listen()
            elif self._ear is not None and not self._interface:
                join_group(self._ear, self._rtcp.host, self._index)  # the kernel refuses where nothing changed

    def _listen(self) -> None:
        try:
            self._aim()
            self._ear = bind_to_group(self._rtcp, self._index)
        except (ListenError, OSError) as error:
            log.warning("Multicast group not joined, RTSP_MULTICAST_INTERFACE may have to name the way: %s", error)
        else:
            self._loop.add(self._ear.fileno(), self._receive)

    def _stop_listening(self) -> None:
        if self._ear is not None:
            self._loop.remove(self._ear.fileno())
            self._ear.close()
            self._ear = None

    def _receive(self, _events: int) -> None:
        for _ in range(_REPORTS_A_TURN):
            if self._ear is None:
                return
            try:
                packet, address = self._ear.recvfrom(_REPORT_BYTES)
            except OSError:
                return
            self.heard(endpoint(address), packet)


class MulticastCarrier:
    """One viewer's share in the group."""

    name = "multicast"

    def __init__(self, group: MulticastGroup, stream: Stream) -> None:
        self.writer = group.writer
        self.group = group
        self._stream = stream
        self._opens = False
        self._keyframes_before = 0
        self._begun_us = 0

    @property
    def report_due_s(self) -> float:
        return self.group.report_due_s

    @report_due_s.setter
    def report_due_s(self, due_s: float) -> None:
        self.group.report_due_s = due_s

    @property
    def begun_us(self) -> int:
        """When the group was sent the first keyframe since this viewer joined; 0 before."""
        if self._opens:
            return self.writer.begun_us
        if not self._begun_us and self._stream.fanout.keyframes > self._keyframes_before:
            newest = self._stream.fanout.cached()
            self._begun_us = newest[2] if newest else self._stream.fanout.newest_us
        return self._begun_us

    def join(self, stream: Stream) -> None:
        self._keyframes_before, self._begun_us = stream.fanout.keyframes, 0
        self._opens = self.group.join(self)

    def leave(self, _stream: Stream) -> None:
        self.group.leave(self)

    def send_rtcp(self, packet: bytes) -> None:
        self.group.send_rtcp(packet)

    def sent(self, stream: Stream) -> list[Sent]:
        return [Sent(stream.ssrc, self.writer.packets_sent, self.writer.octets_sent)]

    def retransmit(self, stream: Stream, sequences: list[int]) -> None:
        """What one lost the others have."""

    def end(self, goodbye: bytes, *, is_told: bool) -> None:
        """The group is told whether or not this viewer ended by itself: there may be listeners without a session."""
        self.group.end(goodbye)


def _source(interface: str, version: int) -> str:
    """The address to send from where an interface is given by one of that family, else empty.

    A link-local one of IPv6 only says which interface is meant: to send from, it would need the interface again.
    """
    try:
        address = ip_address(interface)
    except ValueError:
        return ""
    is_usable = address.version == version and not (version == 6 and address.is_link_local)
    return interface if is_usable else ""
