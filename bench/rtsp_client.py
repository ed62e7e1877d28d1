"""A minimal RTSP client (RFC 2326): the dialogue up to the point where only PLAY is left to be asked."""

import contextlib
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.errors import BenchError

TIMEOUT_S = 10.0
RECEIVE_BUFFER_BYTES = 8 << 20
# Beyond the limit that the system sets for everybody (socket(7)); Python has no name for it.
SO_RCVBUFFORCE = 33
RESPONSE_HEAD_LIMIT_BYTES = 64 << 10


@dataclass
class Viewer:
    """A viewer that is set up: its connection (if any), the PLAY to send there, its UDP sockets (none over TCP)."""

    connection: socket.socket | None
    play: bytes
    rtp: socket.socket | None = None
    rtcp: socket.socket | None = None
    server_ports: tuple[int, ...] = ()

    def open_nat(self) -> None:
        """Send a datagram to each UDP port of the server, as players do; from then on it knows where this viewer is."""
        if self.connection is not None and self.rtp is not None and self.rtcp is not None:
            host = self.connection.getpeername()[0]
            for held, port in zip((self.rtp, self.rtcp), self.server_ports, strict=True):
                held.sendto(b"\0", (host, port))

    def close(self) -> None:
        for held in (self.connection, self.rtp, self.rtcp):
            if held is not None:
                held.close()


@dataclass
class _Dialogue:
    connection: socket.socket
    always: Sequence[str] = ()
    cseq: int = 0
    received: bytearray = field(default_factory=bytearray)

    def ask(self, method: str, url: str, *headers: str) -> tuple[dict[str, str], str]:
        """Send a request and give the response's headers, in lower case, and its body."""
        self.connection.sendall(self.request(method, url, *headers))
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head, _, rest = bytes(self.received).partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        if status.split(" ")[1] != "200":
            raise BenchError(f"{method} {url} was answered with: {status}")
        pairs = (line.partition(":") for line in lines)
        answered = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(answered.get("content-length", "0"))
        while len(self.received) < len(head) + 4 + length:
            self._receive()
            rest = bytes(self.received)[len(head) + 4 :]
        del self.received[: len(head) + 4 + length]
        return answered, rest[:length].decode()

    def request(self, method: str, url: str, *headers: str) -> bytes:
        self.cseq += 1
        return "\r\n".join([f"{method} {url} RTSP/1.0", f"CSeq: {self.cseq}", *self.always, *headers, "", ""]).encode()

    def _receive(self) -> None:
        part = self.connection.recv(65536)
        if not part or len(self.received) > RESPONSE_HEAD_LIMIT_BYTES:
            raise BenchError("the server closed the connection, or its response has no end")
        self.received += part


def set_up(url: str, transport: str, source: str = "127.0.0.1", always: Sequence[str] = ()) -> Viewer:
    """Ask a server for OPTIONS, DESCRIBE and SETUP over `transport`: udp, tcp, or srtp and tls of an rtsps URL.

    `source` is the address that the viewer has, `always` are header lines of every request.

    Raises:
        BenchError: the server answered something else than 200, or closed the connection.
    """
    host, port = re.findall(r"rtsps?://([^:/]+):(\d+)", url)[0]
    connection = socket.create_connection((host, int(port)), TIMEOUT_S, (source, 0))
    if url.startswith("rtsps:"):
        connection = unverified_context().wrap_socket(connection)
    dialogue = _Dialogue(connection, always)
    dialogue.ask("OPTIONS", url)
    query = "?srtp" if transport == "srtp" else ""
    described, sdp = dialogue.ask("DESCRIBE", url + query, "Accept: application/sdp")
    base = described.get("content-base", url)
    rtp, rtcp, wanted = None, None, "RTP/AVP/TCP;unicast;interleaved=0-1"
    if transport in ("udp", "srtp"):
        rtp, rtcp = udp_pair(source)
        profile = "RTP/SAVP" if transport == "srtp" else "RTP/AVP"
        wanted = f"{profile};unicast;client_port={rtp.getsockname()[1]}-{rtcp.getsockname()[1]}"
    answered, _ = dialogue.ask("SETUP", _control_url(base, sdp), f"Transport: {wanted}")
    session = answered["session"].partition(";")[0]
    ports = re.search(r"server_port=(\d+)-(\d+)", answered["transport"])
    play = dialogue.request("PLAY", base, f"Session: {session}", "Range: npt=0.000-")
    connection.settimeout(None)
    server_ports = (int(ports[1]), int(ports[2])) if ports else ()
    return Viewer(connection, play, rtp, rtcp, server_ports)


def unverified_context() -> ssl.SSLContext:
    """Give a client's side of TLS that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def udp_pair(address: str = "127.0.0.1") -> tuple[socket.socket, socket.socket]:
    """Give two bound UDP sockets of neighbouring ports, the first one even (RFC 3550 section 11)."""
    while True:
        rtp, rtcp = udp_socket(0, address), None
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            with contextlib.suppress(OSError):
                rtcp = udp_socket(port + 1, address)
        if rtcp is not None:
            return rtp, rtcp
        rtp.close()


def udp_socket(port: int, address: str) -> socket.socket:
    """Give a UDP socket bound to a loopback address, its buffer large enough for a burst of keyframes."""
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    with contextlib.suppress(PermissionError):
        bound.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def _control_url(base: str, sdp: str) -> str:
    control = re.search(r"^a=control:(\S+)", sdp[sdp.index("m=video") :], re.MULTILINE)
    if control is None:
        raise BenchError("the session description names no control URL for its video")
    if control[1].startswith(("rtsp://", "rtsps://")):
        return control[1]
    return f"{base.rstrip('/')}/{control[1]}"
