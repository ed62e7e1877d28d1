"""Attackers that go on by themselves, each on a thread of its own."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

Job = Callable[[threading.Event], None]


def _nothing() -> None:
    """Every job looks at its event by itself."""


@contextmanager
def at_work(jobs: Iterable[Job], *, at_least_s: float, wake: Callable[[], object] = _nothing) -> Iterator[None]:
    """Run every job beside the block, and for some seconds behind it; its event tells a job that it is enough.

    `wake` makes jobs look that wait for something else.
    """
    enough = threading.Event()
    threads = [threading.Thread(target=job, args=(enough,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
        enough.wait(at_least_s)
    finally:
        enough.set()
        wake()
        for thread in threads:
            thread.join()
