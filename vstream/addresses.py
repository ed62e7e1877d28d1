"""The IP addresses of this machine, asked of the kernel by rtnetlink (rtnetlink(7), RFC 3549)."""

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_NLM_F_REQUEST, _NLM_F_DUMP = 0x001, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
# Temporary, no duplicate-address check yet or a failed one, deprecated: nobody should note such an address down.
_UNSTEADY_FLAGS = 0x01 | 0x40 | 0x08 | 0x20

_HEADER = struct.Struct("=IHHII")
_IFADDRMSG = struct.Struct("=BBBBi")
_ATTRIBUTE = struct.Struct("=HH")
_FAMILIES = {int(socket.AF_INET), int(socket.AF_INET6)}


class Address(NamedTuple):
    """One address in its usual spelling."""

    family: int
    text: str

    @property
    def is_loopback(self) -> bool:
        return self.text == "::1" or self.text.startswith("127.")

    @property
    def is_link_local(self) -> bool:
        """Whether it is good on one link only (RFC 4291 section 2.5.6); in a URL it would need a zone."""
        return self.family == socket.AF_INET6 and self.text.startswith("fe80:")


LOOPBACK = (Address(socket.AF_INET, "127.0.0.1"),)


def local_addresses() -> tuple[Address, ...]:
    """Every steady address of every interface; IPv4 before IPv6, loopback last.

    Where the kernel may not be asked (a sandbox without netlink), only 127.0.0.1.
    """
    try:
        found = {address for message in _dump() for _, address in _parse(message)}
    except OSError:
        return LOOPBACK
    usable = [address for address in found if not address.is_link_local]
    order = sorted(usable, key=lambda address: (address.is_loopback, address.family, address.text))
    return tuple(order) or LOOPBACK


def interface_index(interface: str) -> int:
    """The kernel's number of a network interface, by its name or by one of its addresses.

    Raises:
        LookupError: this machine has no such interface.
    """
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        pass
    try:
        wanted = ip_address(interface)
        return next(
            index for message in _dump() for index, address in _parse(message) if ip_address(address.text) == wanted
        )
    except (ValueError, OSError, StopIteration):
        raise LookupError(interface) from None


def _dump() -> Iterator[bytes]:
    """Ask for all addresses; gives the body of each message that holds one."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(1)
        body = _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        flags = _NLM_F_REQUEST | _NLM_F_DUMP
        kernel.send(_HEADER.pack(_HEADER.size + len(body), _RTM_GETADDR, flags, 1, 0) + body)
        while True:
            data = kernel.recv(65536)
            while len(data) >= _HEADER.size:
                length, kind, *_ = _HEADER.unpack_from(data)
                if kind in {_NLMSG_DONE, _NLMSG_ERROR} or length < _HEADER.size:
                    return
                if kind == _RTM_NEWADDR:
                    yield data[_HEADER.size : length]
                data = data[(length + 3) & ~3 :]


def _parse(message: bytes) -> Iterator[tuple[int, Address]]:
    """The steady address in a message, if there is one, and the number of its interface."""
    family, _, flags, _, index = _IFADDRMSG.unpack_from(message)
    if family not in _FAMILIES or flags & _UNSTEADY_FLAGS:
        return
    attributes = dict(_attributes(message[_IFADDRMSG.size :]))
    # On a point-to-point link IFA_ADDRESS is the other end and IFA_LOCAL is ours.
    packed = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
    if packed:
        yield index, Address(family, socket.inet_ntop(family, packed))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
