"""Many connections of one address, each with as many sessions as it gets and none of them played."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.target import ATTACKER_ADDRESSES, Target

CONNECTIONS = 40
SESSIONS_A_CONNECTION = 8
SESSIONS = 100


class SessionHoard(Attack):
    """One address cannot take all the sessions there are."""

    name = f"{CONNECTIONS * SESSIONS_A_CONNECTION} sessions asked for from one address"
    flags = ("--rtsp-max-sessions", str(SESSIONS), "--rtsp-max-connections-per-address", "50")

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with ExitStack() as held:
            statuses: Counter[int] = Counter()
            for _ in range(CONNECTIONS):
                hoarder = held.enter_context(Viewer(target.url, source=ATTACKER_ADDRESSES[0]))
                for _ in range(SESSIONS_A_CONNECTION):
                    statuses[hoarder.ask("SETUP", Transport="RTP/AVP;unicast;client_port=20000-20001").status] += 1
            assert statuses.keys() == {200, 453}
            assert statuses[200] < SESSIONS
            yield
