"""Connections below RTSP, from addresses of loopback."""

import resource
import socket

from tests.hostile.target import Target

ANSWER_LIMIT_S = 30
"""Whoever hears nothing for so long is not answered at all; far beyond any limit that the server keeps."""


def connect(target: Target, source: str) -> socket.socket:
    """Connect from that address."""
    return socket.create_connection(target.address, ANSWER_LIMIT_S, (source, 0))


def allow_descriptors(count: int) -> None:
    """Let this process hold so many sockets, beside what it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 512
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
