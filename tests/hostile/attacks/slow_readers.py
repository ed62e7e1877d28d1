"""Viewers over TCP that ask for the stream and read none of it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.target import ATTACKER_ADDRESSES, GOOD_ADDRESSES, Target
from tests.network import wait_until

READERS = 50
# The server gives them 10 s without progress.
CLOSED_LIMIT_S = 60


class SlowReaders(Attack):
    """The server drops whole pictures for them, then closes them."""

    name = f"{READERS} slow readers"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with ExitStack() as held:
            for _ in range(READERS):
                reader = Viewer(target.url, receive_buffer_bytes=4096, source=ATTACKER_ADDRESSES[0])
                held.enter_context(reader).play("tcp")
            wait_until(lambda: drops(target) >= READERS, "pictures dropped for those who do not read")
            yield
            wait_until(
                lambda: len(target.status()["viewers"]) == len(GOOD_ADDRESSES),
                "the end of those who read nothing",
                timeout_s=CLOSED_LIMIT_S,
            )


def drops(target: Target) -> int:
    """How many pictures were dropped so far."""
    dropped: int = target.status()["sent"]["frames_dropped"]
    return dropped
