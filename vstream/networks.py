"""Networks and blocks of addresses: who is meant by a list of them, and whose address it is (RFC 4632, RFC 4291)."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_SEPARATORS = re.compile(r"[,\s]+")
_MAPPED = IPv6Network("::ffff:0:0/96")
_SITE_PREFIX_BITS = 64


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of a list such as `192.168.0.0/16, fd00::/8, 10.0.0.7`; IPv4 mapped into IPv6 is IPv4.

    Raises:
        ValueError: one of them is no network and no address.
    """
    return tuple(_plain(ip_network(item, strict=False)) for item in _SEPARATORS.split(text) if item)


def contains(networks: tuple[Network, ...], host: str) -> bool:
    """Whether the address is in any of them; `host` has no zone, and IPv4 its own form."""
    address = ip_address(host)
    return any(address in network for network in networks)


def site(host: str) -> str:
    """Whom an address stands for: itself with IPv4, its /64 with IPv6, as a host there has as many as it likes."""
    if ":" not in host:
        return host
    return str(ip_network(f"{host}/{_SITE_PREFIX_BITS}", strict=False))


def _plain(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        assert mapped is not None
        return IPv4Network((mapped, network.prefixlen - 96))
    return network
