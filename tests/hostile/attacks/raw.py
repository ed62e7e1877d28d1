"""Connections below RTSP, from addresses of loopback."""

import contextlib
import resource
import socket
import struct

from tests.hostile.target import Target

ANSWER_LIMIT_S = 30
"""Whoever hears nothing for so long is not answered at all; far beyond any limit that the server keeps."""


def connect(target: Target, source: str) -> socket.socket:
    """Connect from that address."""
    return socket.create_connection(target.address, ANSWER_LIMIT_S, (source, 0))


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            data += part
    return data


def reset_on_close(connection: socket.socket) -> None:
    """Have it end with a RST, as the kernel does for a process that was killed with data unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def allow_descriptors(count: int) -> None:
    """Let this process hold so many sockets, beside what it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 512
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
