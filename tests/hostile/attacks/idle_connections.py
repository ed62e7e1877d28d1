"""Connections that ask nothing, more than the server takes, from several addresses."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.hostile.attack import Attack
from tests.hostile.attacks.raw import allow_descriptors, connect
from tests.hostile.target import ATTACKER_ADDRESSES, Target

CONNECTIONS = 1500


class IdleConnections(Attack):
    """The oldest of them give way to newcomers."""

    name = f"{CONNECTIONS} idle connections"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        allow_descriptors(CONNECTIONS)
        with ExitStack() as held:
            for number in range(CONNECTIONS):
                held.enter_context(connect(target, ATTACKER_ADDRESSES[number % len(ATTACKER_ADDRESSES)]))
            yield
            assert target.status()["refused"]["connections"]["connections"] >= CONNECTIONS - 1000
