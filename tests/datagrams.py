"""A viewer's end of UDP: a socket that takes all that comes, and a writer to it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.access_units import Trains
from tests.interleaved import Media
from vstream._fastpath import Fanout, Srtp, UdpWriter

TIMEOUT_S = 10
RECEIVE_BUFFER_BYTES = 8 << 20


class UdpViewer:
    """Receives at a port of its own; `writer` sends there from the shared socket."""

    def __init__(
        self,
        sender: socket.socket,
        host: str,
        *,
        limit_bytes: int,
        source: str,
        segmentation: bool,
        srtp: Srtp | None = None,
        rtx: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.socket.bind((host, 0))
        self.socket.settimeout(TIMEOUT_S)
        port: int = self.socket.getsockname()[1]
        mapped = f"::ffff:{host}" if sender.family == socket.AF_INET6 and ":" not in host else host
        self.writer = UdpWriter(
            sender.fileno(),
            mapped.encode(),
            port,
            limit_bytes=limit_bytes,
            source=source.encode(),
            segmentation=segmentation,
            srtp=srtp,
            rtx_payload_type=rtx[0],
            rtx_ssrc=rtx[1],
            rtx_sequence=rtx[2],
        )

    def packets(self, count: int) -> list[bytes]:
        """Wait for so many packets; no more may be there."""
        packets = [self.socket.recv(65536) for _ in range(count)]
        assert self.rest() == []
        return packets

    def rest(self) -> list[bytes]:
        """What has come and was not read yet; loopback delivers before a send returns."""
        packets: list[bytes] = []
        self.socket.setblocking(False)
        try:
            while True:
                packets.append(self.socket.recv(65536))
        except BlockingIOError:
            return packets
        finally:
            self.socket.settimeout(TIMEOUT_S)


class Sender:
    """One fanout with its shared socket."""

    def __init__(self, stack: ExitStack, sender: socket.socket, history_us: int) -> None:
        self.socket = stack.enter_context(sender)
        self.fanout = Fanout(gop_limit_bytes=1 << 24, history_us=history_us)
        self.trains = Trains()
        self._stack = stack

    def viewer(
        self,
        host: str = "127.0.0.1",
        *,
        limit_bytes: int = 1 << 20,
        source: str = "",
        segmentation: bool = True,
        rtx: tuple[int, int, int] = (0, 0, 0),
        srtp: Srtp | None = None,
    ) -> UdpViewer:
        """`rtx` is the payload type, SSRC and first sequence number of RFC 4588."""
        viewer = UdpViewer(
            self.socket, host, limit_bytes=limit_bytes, source=source, segmentation=segmentation, rtx=rtx, srtp=srtp
        )
        self._stack.enter_context(viewer.socket)
        return viewer

    def encrypted(self, srtp: Srtp, *, segmentation: bool = True) -> UdpViewer:
        """One that has joined, and gets SRTP."""
        viewer = self.viewer(limit_bytes=1 << 24, segmentation=segmentation, srtp=srtp)
        self.fanout.join_udp(viewer.writer, cached=False)
        return viewer

    def joined(
        self,
        host: str = "127.0.0.1",
        *,
        limit_bytes: int = 1 << 20,
        source: str = "",
        segmentation: bool = True,
        rtx: tuple[int, int, int] = (0, 0, 0),
    ) -> UdpViewer:
        viewer = self.viewer(host, limit_bytes=limit_bytes, source=source, segmentation=segmentation, rtx=rtx)
        self.fanout.join_udp(viewer.writer, cached=False)
        return viewer


@contextmanager
def sending(
    *, dual_stack: bool = False, send_buffer_bytes: int = 4 << 20, history_us: int = 60_000_000
) -> Iterator[Sender]:
    """A shared socket of IPv4, or of IPv6 and IPv4 both."""
    sender = socket.socket(socket.AF_INET6 if dual_stack else socket.AF_INET, socket.SOCK_DGRAM)
    if dual_stack:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, False)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
    sender.bind(("::" if dual_stack else "0.0.0.0", 0))
    with ExitStack() as stack:
        yield Sender(stack, sender, history_us)


def media_in(packets: list[bytes]) -> Media:
    media = Media()
    for packet in packets:
        media.push(packet)
    media.assert_decodable()
    return media
