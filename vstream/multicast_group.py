"""The multicast group that viewers may share: its address, its ports and how far it reaches (RFC 1112, RFC 4291)."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import NamedTuple

_GROUP = re.compile(r"([0-9A-Fa-f:.]+)/([0-9]{1,5})/([0-9]{1,3})")
_LINK_CONTROL = IPv4Network("224.0.0.0/24")
_HIGHEST_RTP_PORT = 65534
_HIGHEST_TTL = 255


class Group(NamedTuple):
    """RTP goes to the even port, RTCP to the next; each router on the way takes one from the TTL."""

    address: IPv4Address | IPv6Address
    rtp_port: int
    ttl: int

    @property
    def rtcp_port(self) -> int:
        return self.rtp_port + 1


def parse_group(text: str) -> Group:
    """The group in `239.255.42.1/5004/16` or `ff15::42/5004/16`: address, even port, TTL.

    The block 224.0.0.0/24 is refused: it is for routing protocols, and every switch floods it (RFC 5771 section 4).

    Raises:
        ValueError: the text is no such group.
    """
    match = _GROUP.fullmatch(text)
    if not match:
        raise ValueError(text)
    group = Group(ip_address(match[1]), int(match[2]), int(match[3]))
    if not group.address.is_multicast or group.address in _LINK_CONTROL:
        raise ValueError(text)
    if group.rtp_port % 2 or not 0 < group.rtp_port <= _HIGHEST_RTP_PORT or not 0 < group.ttl <= _HIGHEST_TTL:
        raise ValueError(text)
    return group
