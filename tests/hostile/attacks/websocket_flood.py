"""WebSockets that send empty messages as fast as they can, which ask for no answer and cost the server most."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from tests.e2e.tunnelled import opened_websocket
from tests.hostile.attack import Attack
from tests.hostile.attacks.workers import at_work
from tests.hostile.target import ATTACKER_ADDRESSES, Target
from tests.network import reset_on_close

CONNECTIONS = 4
BURST = b"\x82\x80mask" * 10_000
FLOOD_S = 4.0


class WebSocketFlood(Attack):
    """Everybody else has their turn in between."""

    name = f"a flood of empty messages on {CONNECTIONS} WebSockets"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with ExitStack() as held:
            sockets = [
                held.enter_context(opened_websocket(target.url, ATTACKER_ADDRESSES[0])).socket
                for _ in range(CONNECTIONS)
            ]
            try:
                with at_work([partial(send, one_socket) for one_socket in sockets], at_least_s=FLOOD_S):
                    yield
            finally:
                for one_socket in sockets:
                    # Or each would wait for its words of parting to be answered, behind all that it sent.
                    reset_on_close(one_socket)
                    one_socket.shutdown(socket.SHUT_RDWR)


def send(connection: socket.socket, enough: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not enough.is_set():
            connection.sendall(BURST)
