"""One address that tries out passwords, as fast as it can, on many connections."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.authorization import basic_header
from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.target import ATTACKER_ADDRESSES, USER, Target
from tests.network import wait_until

GUESSERS = 8


class BruteForce(Attack):
    """It is slowed down, then refused; who logs in from elsewhere notices nothing."""

    name = "a brute force from one address"
    needs_login = True

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        enough = threading.Event()
        found: list[int] = []
        guessers = [threading.Thread(target=guess, args=(target, number, found, enough)) for number in range(GUESSERS)]
        for one in guessers:
            one.start()
        try:
            wait_until(lambda: target.status()["refused"]["connections"].get("failures", 0) > 0, "the refusal")
            yield
        finally:
            enough.set()
            for one in guessers:
                one.join()
        assert found
        assert set(found) <= {401, 403}


def guess(target: Target, number: int, found: list[int], enough: threading.Event) -> None:
    """Guess until it is enough; a connection that is closed is followed by the next one at once."""
    guesses = 0
    while not enough.is_set():
        try:
            with Viewer(target.url, source=ATTACKER_ADDRESSES[0]) as guesser:
                while not enough.is_set():
                    guesses += 1
                    password = basic_header(USER, f"guess {number}.{guesses}").partition(": ")[2]
                    found.append(guesser.ask("DESCRIBE", Authorization=password).status)
        except OSError:
            enough.wait(0.01)
