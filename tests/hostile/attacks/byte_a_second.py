"""Connections that send one byte a second of a request which never ends."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.hostile.attack import Attack
from tests.hostile.attacks.raw import connect
from tests.hostile.target import ATTACKER_ADDRESSES, Target
from tests.network import read_to_end

SENDERS = 200
REQUEST = b"OPTIONS rtsp://h/video RTSP/1.0\r\nCSeq: 1\r\n"
TIMEOUT_S = 3


class ByteASecond(Attack):
    """Each is answered 408 when its time is over."""

    name = f"{SENDERS} byte-a-second senders"
    flags = ("--rtsp-request-timeout-s", str(TIMEOUT_S))

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with ExitStack() as held:
            senders = [held.enter_context(connect(target, ATTACKER_ADDRESSES[0])) for _ in range(SENDERS)]
            send(senders, REQUEST[:1])
            yield
            for at in range(1, TIMEOUT_S):
                time.sleep(1)  # the pace of their bytes, not a wait for anything
                send(senders, REQUEST[at : at + 1])
            for one in senders:
                assert read_to_end(one).startswith(b"RTSP/1.0 408 ")


def send(senders: list[socket.socket], data: bytes) -> None:
    for one in senders:
        with contextlib.suppress(ConnectionError):  # it may have had its answer by now, which is read later
            one.sendall(data)
