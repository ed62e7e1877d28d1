"""A viewer made of plain sockets, for what players do not show: packets, stalls, goodbyes, sudden ends."""

import contextlib
import socket
import struct
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from pylibsrtp import Policy
from pylibsrtp import Session as SrtpSession

from bench.rtsp_client import RECEIVE_BUFFER_BYTES, udp_pair, unverified_context
from tests.depacketizer import Depacketizer, ReceivedUnit
from tests.network import reset_on_close

TIMEOUT_S = 20
PAYLOAD_TYPE = 96
MAX_PACKET_BYTES = 1400
BYE = 203


class Stream(Protocol):
    """Bytes both ways."""

    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def getsockname(self) -> tuple[str, int]: ...
    def close(self) -> None: ...


@dataclass
class Reply:
    status: int
    headers: Message
    body: bytes


class Viewer:
    """One RTSP connection over TCP or TLS to loopback, with one session; `source` is the address it comes from."""

    def __init__(self, url: str, *, receive_buffer_bytes: int = 0, source: str = "") -> None:
        self.url = url
        self.session = ""
        self.server_ports: tuple[int, ...] = ()
        self.ssrc = 0
        self.udp: tuple[socket.socket, socket.socket] | None = None
        self.srtp: SrtpSession | None = None
        self.srtp_key = b""
        self._cseq = 0
        self._received = b""
        self._frames: deque[tuple[int, bytes]] = deque()
        self.source = source or ("::1" if ":" in (urlsplit(url).hostname or "") else "127.0.0.1")
        self.connection = self._connect(self.source, receive_buffer_bytes)
        self.address = "{}:{}".format(*self.connection.getsockname())

    def _connect(self, source: str, receive_buffer_bytes: int) -> Stream:
        """The connection to go over; tests of tunnels have others."""
        return connected(self.url, source, receive_buffer_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End without a word, as a player that was killed."""
        self.connection.close()
        self.leave_udp()

    def reset(self) -> None:
        """Have the connection end by RST, as where a player's machine was started anew; UDP sockets stay."""
        assert isinstance(self.connection, socket.socket)
        reset_on_close(self.connection)
        self.connection.close()

    def leave_udp(self) -> None:
        """Close the sockets of a session over UDP."""
        for one in self.udp or ():
            one.close()
        self.udp = None

    def ask(self, method: str, url: str = "", **headers: str) -> Reply:
        """Send a request and wait for its reply."""
        self.send(method, url, **headers)
        return self.reply()

    def reply(self) -> Reply:
        """Wait for the reply to the newest request; media that comes meanwhile is kept."""
        while not self._received.startswith(b"RTSP/") or b"\r\n\r\n" not in self._received:
            if not self._take_frame():
                self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status_line, _, fields = head.decode().partition("\r\n")
        headers_read = Parser().parsestr(fields)
        assert headers_read["CSeq"] == str(self._cseq)
        size = int(headers_read.get("Content-Length", "0"))
        while len(self._received) < size:
            self._receive()
        body, self._received = self._received[:size], self._received[size:]
        return Reply(int(status_line.split()[1]), headers_read, body)

    def send(self, method: str, url: str = "", **headers: str) -> None:
        """Send a request; its reply is for `reply` to read, unless the connection is closed first."""
        self._cseq += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self._cseq}"]
        lines += [f"Session: {self.session}"] if self.session else []
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())

    def set_up(self, transport: str, profile: str = "RTP/AVP") -> Self:
        """Describe the stream and make a session over `udp`, `tcp`, `srtp` or `multicast`."""
        described = self.ask("DESCRIBE", f"{self.url}?srtp" if transport == "srtp" else "")
        assert described.status == 200
        offer = f"{profile}/TCP;unicast;interleaved=0-1"
        if transport in {"udp", "srtp"}:
            self.udp = bound_pair(self.source)
            port = self.udp[0].getsockname()[1]
            offer = f"{'RTP/SAVP' if transport == 'srtp' else profile};unicast;client_port={port}-{port + 1}"
        elif transport == "multicast":
            offer = "RTP/AVP;multicast"
        if transport == "srtp":
            self.srtp_key = b64decode(described.body.partition(b" inline:")[2].partition(b"\r")[0])
            self.srtp = SrtpSession(policy=Policy(key=self.srtp_key, ssrc_type=Policy.SSRC_ANY_INBOUND))
        reply = self.ask("SETUP", described.headers["Content-Base"] + "trackID=0", Transport=offer)
        assert reply.status == 200
        self.session = reply.headers["Session"].partition(";")[0]
        agreed = dict(parameter.partition("=")[::2] for parameter in reply.headers["Transport"].split(";"))
        self.server_ports = tuple(map(int, agreed["server_port"].split("-"))) if "server_port" in agreed else ()
        if transport == "multicast":
            self.udp = group_pair(agreed["destination"], int(agreed["port"].partition("-")[0]), self.source)
        else:
            self.ssrc = int(agreed["ssrc"], 16)
        return self

    def set_up_for(self, described: Reply, rtp_port: int) -> None:
        """Make a session over SRTP whose media goes to the port of somebody else on this host."""
        offer = f"RTP/SAVP;unicast;client_port={rtp_port}-{rtp_port + 1}"
        reply = self.ask("SETUP", described.headers["Content-Base"] + "trackID=0", Transport=offer)
        assert reply.status == 200
        self.session = reply.headers["Session"].partition(";")[0]

    def play(self, transport: str, profile: str = "RTP/AVP") -> Self:
        """Set up over `udp`, `tcp`, `srtp` or `multicast` and play."""
        self.set_up(transport, profile)
        reply = self.ask("PLAY")
        assert reply.status == 200
        return self

    def rtp(self) -> bytes:
        """Wait for the next RTP packet."""
        packet = self.udp[0].recv(65536) if self.udp else self._frame(0)
        return packet if self.srtp is None else self.srtp.unprotect(packet)

    def rtcp(self) -> bytes:
        """Wait for the next RTCP packet."""
        packet = self.udp[1].recv(65536) if self.udp else self._frame(1)
        return packet if self.srtp is None else self.srtp.unprotect_rtcp(packet)

    def send_rtcp(self, packet: bytes, source: socket.socket | None = None) -> None:
        """Send RTCP to the server; over UDP it may come from another socket, as a stranger's does."""
        if self.udp:
            (source or self.udp[1]).sendto(packet, ("127.0.0.1", self.server_ports[1]))
        else:
            self.connection.sendall(b"$\x01" + len(packet).to_bytes(2) + packet)

    def units(self) -> Iterator[ReceivedUnit]:
        """Access units as they come; any loss is an error."""
        receiver = Depacketizer(ssrc=self.ssrc, payload_type=PAYLOAD_TYPE, max_packet_bytes=MAX_PACKET_BYTES)
        while True:
            unit = receiver.push(self.rtp())
            if unit:
                yield unit

    def wait_for_goodbye(self) -> bytes:
        """Wait for an RTCP compound with a BYE in it."""
        while BYE not in packet_types(packet := self.rtcp()):
            pass
        return packet

    def wait_for_close(self) -> None:
        """Read all that still comes, until the server closes the connection."""
        with contextlib.suppress(ConnectionResetError):
            while self.connection.recv(65536):
                pass

    def _frame(self, channel: int) -> bytes:
        while True:
            for kept in self._frames:
                if kept[0] == channel:
                    self._frames.remove(kept)
                    return kept[1]
            if not self._take_frame():
                self._receive()

    def _take_frame(self) -> bool:
        """Move one whole interleaved frame from the bytes received to the frames kept."""
        if not self._received.startswith(b"$") or len(self._received) < 4:
            return False
        end = 4 + int.from_bytes(self._received[2:4], "big")
        if len(self._received) < end:
            return False
        self._frames.append((self._received[1], self._received[4:end]))
        self._received = self._received[end:]
        return True

    def _receive(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self._received += data


def connected(url: str, source: str = "127.0.0.1", receive_buffer_bytes: int = 0) -> socket.socket:
    """A socket that is connected to where the URL says."""
    server = urlsplit(url)
    tcp = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    if receive_buffer_bytes:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    tcp.settimeout(TIMEOUT_S)
    tcp.bind((source, 0))
    tcp.connect((server.hostname, server.port))
    return unverified_context().wrap_socket(tcp) if url.startswith("rtsps:") else tcp


def bound_pair(address: str = "127.0.0.1") -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets on neighbouring ports of a loopback address, with room for a keyframe at any bitrate."""
    pair = udp_pair(address)
    for one in pair:
        one.settimeout(TIMEOUT_S)
    return pair


def group_pair(group: str, port: int, interface: str) -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets that hear what comes to a group's RTP and RTCP port at the interface with that address."""
    return _joined(group, port, interface), _joined(group, port + 1, interface)


def _joined(group: str, port: int, interface: str) -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    udp.settimeout(TIMEOUT_S)
    udp.bind((group, port))
    wanted = socket.inet_aton(group) + socket.inet_aton(interface)
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, wanted)
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
    return udp


def packet_types(compound: bytes) -> list[int]:
    """The packet types of an RTCP compound (RFC 3550 section 6.4.1)."""
    kinds = []
    while compound:
        kinds.append(compound[1])
        compound = compound[4 + 4 * int.from_bytes(compound[2:4], "big") :]
    return kinds


def receiver_report(ssrc: int, *, fraction_lost: int = 0, lost: int = 0) -> bytes:
    """A receiver report on one source: 256ths lost since the last one, packets lost ever (RFC 3550 section 6.4.2)."""
    return bytes.fromhex("81c90007 00000001") + struct.pack("!IIIIII", ssrc, fraction_lost << 24 | lost, 0, 0, 0, 0)
