"""Viewers that go without a word: closed, reset, or simply no longer there."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.target import ATTACKER_ADDRESSES, Target
from tests.network import reset_on_close

VIEWERS = 100


class VanishingViewers(Attack):
    """A third closes, a third resets, and a third says and reads nothing any more."""

    name = f"{VIEWERS} viewers that vanish"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with ExitStack() as held:
            viewers = []
            for number in range(VIEWERS):
                viewer = held.enter_context(Viewer(target.url, source=ATTACKER_ADDRESSES[0]))
                viewers.append(viewer.play("udp" if number % 2 else "tcp"))
            for viewer in viewers:
                assert viewer.rtp()
            for number, viewer in enumerate(viewers):
                if number % 3 == 0:
                    viewer.close()
                elif number % 3 == 1:
                    assert isinstance(viewer.connection, socket.socket)
                    reset_on_close(viewer.connection)
                    viewer.close()
            yield
