"""Two good viewers watch, one over UDP and one over TCP, while somebody attacks and a newcomer joins."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from bench.receivers import Receivers
from bench.rtsp_client import Viewer, set_up
from tests.hostile.attack import Attack
from tests.hostile.target import GOOD_ADDRESSES, NEWCOMER_ADDRESS, Target
from tests.network import wait_until

RSS_SLACK_BYTES = 10 << 20
"""Memory came back when at most so much more is resident than before: an allocator keeps some."""

BACK_LIMIT_S = 30.0
JOIN_LIMIT_S = 30.0


class Outcome(NamedTuple):
    """What an attack cost others."""

    gap_ms: float
    """The longest time in which one of the good viewers got nothing."""

    packets_lost: int
    """RTP packets that the good viewers did not get; with each at least one frame is lost."""

    cut_off: int
    """Good viewers whose connection was closed."""

    grown_bytes: int
    """Resident memory of the server at its peak, above what it was before."""

    kept_bytes: int
    """Resident memory above what it was before, once the attackers had left."""

    newcomer_s: float
    """From connecting to a whole IDR picture, at the height of the attack."""


def undergo(attack: Attack, target: Target) -> Outcome:
    """Have the attack waged.

    Raises:
        AssertionError: the server did not answer as it should, or kept something of the attackers.
    """
    with _good_viewers(target) as good:
        descriptors, resident = target.descriptors(), target.resident_bytes()
        target.forget_peak()
        before = good.counters()
        good.gaps_ms()
        with attack.wage(target):
            newcomer_s = _join(target)
            assert target.status()["health"]["live"]["ok"]
        _wait_until_all_is_back(target, descriptors, resident)
        after = good.counters()
        return Outcome(
            gap_ms=max(good.gaps_ms()),
            packets_lost=after.lost - before.lost,
            cut_off=after.closed,
            grown_bytes=max(0, target.peak_bytes() - resident),
            kept_bytes=max(0, target.resident_bytes() - resident),
            newcomer_s=newcomer_s,
        )


@contextmanager
def _good_viewers(target: Target) -> Iterator[Receivers]:
    with ExitStack() as held:
        viewers: list[Viewer] = []
        for transport, address in zip(("udp", "tcp"), GOOD_ADDRESSES, strict=True):
            viewers.append(set_up(target.url, transport, address, target.login))
            held.callback(viewers[-1].close)
            viewers[-1].open_nat()
        good = held.enter_context(Receivers(viewers))
        good.wait_until_playing()
        wait_until(lambda: None not in good.joins_ms(), "a whole picture for both good viewers")
        yield good


def _join(target: Target) -> float:
    """Have a newcomer join over UDP, and leave; gives what it took to be playing, in seconds."""
    begun_s = time.monotonic()
    viewer = set_up(target.url, "udp", NEWCOMER_ADDRESS, target.login)
    try:
        asked_s = time.monotonic()
        with Receivers([viewer]) as newcomer:
            wait_until(lambda: newcomer.joins_ms() != [None], "a picture for the newcomer", timeout_s=JOIN_LIMIT_S)
            (joined_ms,) = newcomer.joins_ms()
    finally:
        viewer.close()
    assert joined_ms is not None
    return asked_s - begun_s + joined_ms / 1000


def _wait_until_all_is_back(target: Target, descriptors: int, resident: int) -> None:
    wait_until(lambda: len(target.status()["viewers"]) == len(GOOD_ADDRESSES), "the end of all other sessions")
    wait_until(lambda: target.descriptors() <= descriptors, f"no more than {descriptors} descriptors")
    wait_until(
        lambda: target.resident_bytes() - resident < RSS_SLACK_BYTES, "memory to come back", timeout_s=BACK_LIMIT_S
    )
