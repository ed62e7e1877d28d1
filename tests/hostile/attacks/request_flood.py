"""Requests as fast as the server takes them, many in one packet, none waiting for the answer before."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from tests.hostile.attack import Attack
from tests.hostile.attacks.raw import connect
from tests.hostile.attacks.workers import at_work
from tests.hostile.target import ATTACKER_ADDRESSES, Target

CONNECTIONS = 4
BURST = b"OPTIONS * RTSP/1.0\nCSeq:1\n\n" * 4000
FLOOD_S = 4.0


class RequestFlood(Attack):
    """Everybody else has their turn in between."""

    name = f"a flood of requests on {CONNECTIONS} connections"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with ExitStack() as held:
            connections = [held.enter_context(connect(target, ATTACKER_ADDRESSES[0])) for _ in range(CONNECTIONS)]
            jobs = [partial(work, connection) for connection in connections for work in (send, read)]
            with at_work(jobs, at_least_s=FLOOD_S, wake=held.close):
                yield


def send(connection: socket.socket, enough: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not enough.is_set():
            connection.sendall(BURST)


def read(connection: socket.socket, enough: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not enough.is_set() and connection.recv(1 << 20):
            pass
