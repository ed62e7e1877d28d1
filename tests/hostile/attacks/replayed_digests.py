"""Authorization headers that somebody overheard, sent again: on their connection, on others, from other addresses."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.authorization import DigestClient
from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.target import ATTACKER_ADDRESSES, PASSWORD, USER, Target

REPLAYS = 20


class ReplayedDigests(Attack):
    """Each answer to a challenge is good once, and on one connection."""

    name = "replayed digests"
    needs_login = True

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with ExitStack() as held:
            victim = held.enter_context(Viewer(target.url, source=ATTACKER_ADDRESSES[1]))
            challenge: str = victim.ask("DESCRIBE").headers["WWW-Authenticate"]
            header = DigestClient(USER, PASSWORD).header(challenge, "DESCRIBE", target.url)
            overheard = header.partition(": ")[2]
            assert victim.ask("DESCRIBE", Authorization=overheard).status == 200
            for number in range(REPLAYS):
                source = ATTACKER_ADDRESSES[number % 2]
                replayer = held.enter_context(Viewer(target.url, source=source))
                assert replayer.ask("DESCRIBE", Authorization=overheard).status == 401
            yield
            for method in ("DESCRIBE", "SETUP"):
                assert victim.ask(method, Authorization=overheard).status == 401
