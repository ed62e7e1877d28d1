"""One connection that sets up session after session."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.target import ATTACKER_ADDRESSES, Target

SETUPS = 500
SESSIONS_A_CONNECTION = 8


class ManySetups(Attack):
    """It gets a few, then 453."""

    name = f"{SETUPS} SETUPs on one connection"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with Viewer(target.url, source=ATTACKER_ADDRESSES[0]) as greedy:
            statuses = Counter(
                greedy.ask("SETUP", Transport=f"RTP/AVP;unicast;client_port={port}-{port + 1}").status
                for port in range(20000, 20000 + 2 * SETUPS, 2)
            )
            assert statuses == {200: SESSIONS_A_CONNECTION, 453: SETUPS - SESSIONS_A_CONNECTION}
            yield
