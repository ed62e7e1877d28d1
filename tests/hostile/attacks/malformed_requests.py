"""Malformed requests of every kind, each on a connection of its own, all at once."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.hostile.attack import Attack
from tests.hostile.attacks.raw import connect
from tests.hostile.target import ATTACKER_ADDRESSES, Target
from tests.network import read_to_end
from tests.test_rtsp_malformed import ANSWERED, CLOSED

TIMEOUT_S = 3

UNFINISHED: dict[str, bytes] = {
    "one letter": b"O",
    "a method": b"OPTIONS ",
    "a request line": b"OPTIONS * RTSP/1.0\r\n",
    "half a header": b"OPTIONS * RTSP/1.0\r\nCSe",
    "headers without their end": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n",
    "no body": b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 10\r\n\r\n",
    "half a body": b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 10\r\n\r\nhalf",
    "an interleaved frame without length": b"$\x01",
    "half an interleaved frame": b"$\x01\x10\x00rtcp",
    "a status line": b"RTSP/1.0 200 OK\r\n",
}
"""Requests that never come whole."""

KINDS = len(CLOSED) + len(ANSWERED) + len(UNFINISHED)


class MalformedRequests(Attack):
    """Each is answered with the status that names its fault; those that never come whole with 408 after a while."""

    name = f"{KINDS} malformed requests of as many kinds"
    flags = ("--rtsp-request-timeout-s", str(TIMEOUT_S))

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        assert KINDS >= 100
        wanted = [(data, 408) for data in UNFINISHED.values()] + [*CLOSED.values(), *ANSWERED.values()]
        with ExitStack() as held:
            senders = []
            for number, (data, _) in enumerate(wanted):
                source = ATTACKER_ADDRESSES[number % len(ATTACKER_ADDRESSES)]
                senders.append(held.enter_context(connect(target, source)))
                senders[-1].sendall(data)
            yield
            answers = dict(zip([*UNFINISHED, *CLOSED, *ANSWERED], map(answer, senders), strict=True))
            assert answers == {kind: status for kind, (_, status) in zip(answers, wanted, strict=True)}


def answer(sender: socket.socket) -> int:
    """The status of the answer. Silence is an error, and so is another answer behind it."""
    head = sender.recv(65536)
    sender.shutdown(socket.SHUT_WR)
    assert (head + read_to_end(sender)).count(b"RTSP/1.0 ") == 1
    return int(head.split(b" ")[1])
