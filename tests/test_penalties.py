"""Who fails again and again waits longer, then is refused for a while, and nobody else notices."""

import itertools

from vstream.server.penalties import (
    FORGOTTEN_AFTER_S,
    FREE_FAILURES,
    REFUSED_AFTER_FAILURES,
    REFUSED_S,
    SITES_LIMIT,
    Penalties,
)

BAD, GOOD = "192.0.2.66", "192.0.2.1"


def fail(penalties: Penalties, host: str, times: int, now_s: float = 100.0) -> list[float]:
    return [penalties.failed(host, now_s) for _ in range(times)]


def test_waits_grow_and_end_in_refusal() -> None:
    penalties = Penalties()
    waits_s = fail(penalties, BAD, REFUSED_AFTER_FAILURES - 1)
    assert waits_s[:FREE_FAILURES] == [0.0] * FREE_FAILURES
    assert all(0 < earlier <= later <= 5 for earlier, later in itertools.pairwise(waits_s[FREE_FAILURES:]))
    assert not penalties.refuses(BAD, 100.0)
    fail(penalties, BAD, 1)
    assert penalties.refuses(BAD, 100.0 + REFUSED_S - 1)
    assert not penalties.refuses(BAD, 100.0 + REFUSED_S + 1)
    assert not penalties.refuses(GOOD, 100.0)
    assert penalties.failed(GOOD, 100.0) == 0.0


def test_after_the_refusal_one_failure_is_enough() -> None:
    penalties = Penalties()
    fail(penalties, BAD, REFUSED_AFTER_FAILURES)
    later_s = 100.0 + REFUSED_S + 1
    fail(penalties, BAD, 1, later_s)
    assert penalties.refuses(BAD, later_s + 1)


def test_old_failures_are_forgotten() -> None:
    penalties = Penalties()
    fail(penalties, BAD, REFUSED_AFTER_FAILURES - 1)
    assert fail(penalties, BAD, 1, 100.0 + FORGOTTEN_AFTER_S + 1) == [0.0]


def test_a_network_of_ipv6_counts_as_one() -> None:
    penalties = Penalties()
    for host in range(REFUSED_AFTER_FAILURES):
        penalties.failed(f"2001:db8::{host:x}", 100.0)
    assert penalties.refuses("2001:db8::ffff", 100.0)
    assert not penalties.refuses("2001:db8:0:1::1", 100.0)


def test_memory_is_bounded_and_the_newest_offender_is_kept() -> None:
    penalties = Penalties()
    for number in range(SITES_LIMIT + 100):
        penalties.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 100.0)
        if number % 1000 == 0:
            fail(penalties, BAD, REFUSED_AFTER_FAILURES)
    assert len(penalties) == SITES_LIMIT
    assert penalties.refuses(BAD, 100.0)
