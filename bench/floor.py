"""The floor (floor.c): the bare system calls and nothing else."""

import contextlib
import socket
import tempfile
from collections.abc import Iterator

from bench.clip import FPS, frame_sizes
from bench.processes import Pinned
from bench.programs import program
from bench.rtsp_client import Viewer, udp_pair

PACKET_BYTES = 1400


@contextlib.contextmanager
def running_floor(transport: str, count: int) -> Iterator[tuple[Pinned, list[Viewer]]]:
    """Run the floor over `transport`, udp or tcp; gives it and its `count` viewers, which have nothing to ask."""
    with contextlib.ExitStack() as held:
        sizes = held.enter_context(tempfile.NamedTemporaryFile("w"))
        sizes.write("\n".join(map(str, frame_sizes())))
        sizes.flush()
        viewers, targets, fds = _udp_viewers(count) if transport == "udp" else _tcp_viewers(count, held)
        for viewer in viewers:
            held.callback(viewer.close)
        command = [str(program("floor")), transport, str(PACKET_BYTES), str(FPS), sizes.name, *map(str, targets)]
        yield held.enter_context(Pinned(command, fds)), viewers


def _udp_viewers(count: int) -> tuple[list[Viewer], list[int], list[int]]:
    pairs = [udp_pair() for _ in range(count)]
    viewers = [Viewer(None, b"", rtp, rtcp) for rtp, rtcp in pairs]
    return viewers, [rtp.getsockname()[1] for rtp, _ in pairs], []


def _tcp_viewers(count: int, held: contextlib.ExitStack) -> tuple[list[Viewer], list[int], list[int]]:
    viewers = []
    fds = []
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listener:
        for _ in range(count):
            viewers.append(Viewer(socket.create_connection(listener.getsockname()), b""))
            fds.append(held.enter_context(listener.accept()[0]).fileno())
    return viewers, fds, fds
