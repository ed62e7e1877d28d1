"""Tunnels through HTTP of which only one end ever comes, and ends that say nothing meant for them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.e2e.tunnelled import get_head, post_head
from tests.hostile.attack import Attack
from tests.hostile.attacks.raw import allow_descriptors, connect
from tests.hostile.target import ATTACKER_ADDRESSES, Target
from tests.network import read_to_end

TUNNELS = 150


class HalfTunnels(Attack):
    """Each is given up after a while, whatever it sends."""

    name = f"{3 * TUNNELS} halves of tunnels"
    flags = ("--rtsp-request-timeout-s", "2")

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        allow_descriptors(3 * TUNNELS)
        with ExitStack() as held:
            halves = []
            for number in range(TUNNELS):
                for kind, head in enumerate(
                    (get_head("get"), post_head("early") + b"T1BU" * 2000, post_head("none") + b"!")
                ):
                    half = held.enter_context(connect(target, ATTACKER_ADDRESSES[kind]))
                    half.sendall(head.replace(b"cookie: ", b"cookie: %d" % number))
                    halves.append(half)
            yield
            assert {read_to_end(half)[:15] for half in halves} == {b"HTTP/1.0 200 OK", b""}
