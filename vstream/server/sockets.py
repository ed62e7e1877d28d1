"""Sockets as this server wants them, and addresses in one spelling whichever family carried them."""

import contextlib
import errno
import socket
import struct
from typing import NamedTuple

from vstream.errors import ListenError

SEND_BUFFER_BYTES = 4 << 20
NOT_SENT_LIMIT_BYTES = 256 << 10
RECEIVE_BUFFER_BYTES = 1 << 16
_SO_SNDBUFFORCE = 32
_KEEPALIVE_AFTER_S, _KEEPALIVE_EVERY_S, _KEEPALIVE_PROBES = 60, 10, 3
_TCP_NOTSENT_LOWAT = 25
_IP_PKTINFO = 8
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_MSG_ERRQUEUE = 0x2000
_QUOTED_BYTES = 64
_ERROR_CONTROL_BYTES = 256
_MAPPED = "::ffff:"


class Endpoint(NamedTuple):
    """An address and port of IPv4 or IPv6; `scope_id` is the interface of a link-local address."""

    host: str
    port: int
    scope_id: int = 0

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


SocketAddress = tuple[str, int] | tuple[str, int, int, int]


def endpoint(address: SocketAddress) -> Endpoint:
    """An address as a socket gives it, with IPv4 in its own form (RFC 4291 section 2.5.5.2) and no zone in its text."""
    host = address[0].removeprefix(_MAPPED) if address[0].startswith(_MAPPED) and "." in address[0] else address[0]
    return Endpoint(host.partition("%")[0], address[1], address[3] if len(address) == 4 else 0)


def as_carried(host: str, family: socket.AddressFamily) -> str:
    """The address as a socket of `family` wants it: IPv4 mapped into IPv6 where the socket speaks both."""
    return _MAPPED + host if family == socket.AF_INET6 and ":" not in host else host


def sent_from(source: str, family: socket.AddressFamily) -> tuple[int, int, bytes]:
    """The control message that makes a datagram leave from our address `source` (ip(7), RFC 3542 section 6.2)."""
    address = socket.inet_pton(family, as_carried(source, family))
    any_interface = bytes(4)
    if family == socket.AF_INET6:
        return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, address + any_interface
    return socket.IPPROTO_IP, _IP_PKTINFO, any_interface + address + bytes(4)


def bind(kind: socket.SocketKind, host: str, port: int, what: str) -> socket.socket:
    """A bound socket; an empty `host` is every address of IPv4 and IPv6.

    Raises:
        ListenError: the port is taken, or the address is not this machine's.
    """
    try:
        family, address = _resolve(kind, host, port)
        bound = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise ListenError(f"Cannot listen on {host or 'any address'} for {what}: {error.strerror or error}") from error
    try:
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, bool(host))
        bound.bind(address)
    except OSError as error:
        bound.close()
        advice = "another program has it; stop that or choose another port" if error.errno == 98 else error.strerror
        raise ListenError(f"Cannot listen on port {port} for {what}: {advice}") from error
    return bound


def _resolve(kind: socket.SocketKind, host: str, port: int) -> tuple[socket.AddressFamily, SocketAddress]:
    if not host:
        return (socket.AF_INET6, ("::", port, 0, 0)) if _has_ipv6() else (socket.AF_INET, ("0.0.0.0", port))
    family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
    return family, (str(address[0]), port, 0, int(address[3])) if len(address) == 4 else (str(address[0]), port)


def _has_ipv6() -> bool:
    """Whether a socket can be bound to IPv6; a kernel may know it and still have it switched off."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def enlarge_send_buffer(udp: socket.socket) -> None:
    """Room for a whole keyframe to many viewers; past the system's limit where we may."""
    with contextlib.suppress(OSError):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    with contextlib.suppress(OSError):
        udp.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, SEND_BUFFER_BYTES)


def aim_multicast(udp: socket.socket, group: str, interface: int, ttl: int) -> None:
    """Have what this socket sends to `group` leave by the interface of that number and live for `ttl` hops."""
    if ":" in group:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, ttl)
    else:
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _ip_mreqn("0.0.0.0", interface))
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)


def bind_to_group(group: Endpoint, interface: int) -> socket.socket:
    """A socket that hears what is sent to a group's port, beside any other program that does.

    Raises:
        OSError: no interface can join the group, or another program has the port for itself.
    """
    family = socket.AF_INET6 if ":" in group.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((group.host, group.port, 0, interface) if family == socket.AF_INET6 else (group.host, group.port))
        join_group(bound, group.host, interface)
    except OSError:
        bound.close()
        raise
    return bound


def join_group(udp: socket.socket, group: str, interface: int) -> None:
    """Hear a group at the interface of that number (0: where the routes say).

    Raises:
        OSError: no interface can join it, or this socket has done so there.
    """
    if udp.family == socket.AF_INET6:
        wanted = socket.inet_pton(socket.AF_INET6, group) + struct.pack("=I", interface)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, wanted)
    else:
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _ip_mreqn(group, interface))


def _ip_mreqn(group: str, interface: int) -> bytes:
    return socket.inet_aton(group) + bytes(4) + struct.pack("=i", interface)


def keep_refusals(udp: socket.socket) -> None:
    """Have the kernel keep the errors that datagrams of this socket draw, with the address each was sent to (ip(7))."""
    udp.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    if udp.family == socket.AF_INET6:
        udp.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)


def kept_refusals(udp: socket.socket, most: int) -> list[Endpoint]:
    """Where datagrams went of which ICMP says since that nobody receives them there; takes at most so many errors."""
    refused: list[Endpoint] = []
    for _ in range(most):
        try:
            _, control, _, address = udp.recvmsg(_QUOTED_BYTES, _ERROR_CONTROL_BYTES, _MSG_ERRQUEUE)
        except OSError:
            break
        # sock_extended_err begins with the errno, whichever family's ICMP it was.
        if any(struct.unpack_from("=I", error)[0] == errno.ECONNREFUSED for _, _, error in control):
            refused.append(endpoint(address))
    return refused


def tune_connection(tcp: socket.socket, dead_after_s: float) -> None:
    """No delay by Nagle, little data of either side in the kernel, and a dead peer is noticed.

    What is unsent in the kernel cannot be dropped any more, and what is unread there would still be worked through long
    after somebody who sent without end has left.
    """
    tcp.setblocking(False)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # The kernel's own two hours are for connections that cost nobody a place.
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_AFTER_S)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_EVERY_S)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
    with contextlib.suppress(OSError):
        tcp.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOT_SENT_LIMIT_BYTES)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_after_s * 1000))


def reset_on_close(tcp: socket.socket) -> None:
    """Drop what the kernel still holds for a peer that does not read it."""
    with contextlib.suppress(OSError):
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
