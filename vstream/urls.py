"""What to open: the URLs that reach this server, with the commands of common players (RFC 2326 section 3.2)."""

import socket

from vstream.addresses import local_addresses

_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
EVERY_ADDRESS = {
    "": {socket.AF_INET, socket.AF_INET6},
    "0.0.0.0": {socket.AF_INET},
    "::": {socket.AF_INET6},
}
"""The families of addresses that the RTSP_HOST setting stands for, where it is not one address."""


def stream_urls(host: str, port: int, path: str, *, scheme: str = "rtsp") -> list[str]:
    """The stream's URL at each address that a server listening on `host` can be reached at.

    `host` is the RTSP_HOST setting: empty, `0.0.0.0` and `::` stand for every address (of their family).
    """
    families = EVERY_ADDRESS.get(host)
    if families is None:
        return [stream_url(host, port, path, scheme=scheme)]
    addresses = [address.text for address in local_addresses() if address.family in families]
    return [stream_url(address, port, path, scheme=scheme) for address in addresses]


def stream_url(host: str, port: int, path: str, *, scheme: str = "rtsp") -> str:
    """One URL; an IPv6 address goes in brackets (RFC 3986 section 3.2.2), the port that the scheme has is left out."""
    authority = f"[{host}]" if ":" in host else host
    return f"{scheme}://{authority}{'' if port == _DEFAULT_PORTS[scheme] else f':{port}'}{path}"


def opening_help(urls: list[str]) -> str:
    """Lines for the terminal: each URL and how VLC and ffplay open it; VLC knows no rtsps."""
    lines = ["Open the stream with any RTSP player:"]
    for url in urls:
        lines.append(f"  {url}")
        if not url.startswith("rtsps:"):
            lines.append(f"    vlc --network-caching=100 {url}")
        lines.append(f"    ffplay -fflags nobuffer -flags low_delay -rtsp_transport tcp {url}")
    return "\n".join(lines)
