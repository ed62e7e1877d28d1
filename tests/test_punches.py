"""Which of a host's ports a viewer is reached at."""

from vstream.server.port_memory import PORTS_LIMIT, SITE_PORTS_LIMIT
from vstream.server.punches import Punches

HOST, OTHER = "192.0.2.7", "192.0.2.8"


def test_without_a_datagram_the_announced_port_stands() -> None:
    assert Punches().take(HOST, 5000, 1.0) == 5000


def test_a_port_that_a_nat_chose_stands_for_the_announced_one() -> None:
    punches = Punches()
    punches.note(HOST, 61000, 1.0)
    assert punches.take(OTHER, 5000, 2.0) == 5000
    assert punches.take(HOST, 5000, 2.0) == 61000


def test_the_announced_port_is_right_where_datagrams_come_from_it() -> None:
    punches = Punches()
    for port in (61000, 5000, 61001):
        punches.note(HOST, port, 1.0)
    assert punches.take(HOST, 5000, 2.0) == 5000


def test_viewers_behind_one_nat_are_told_apart_by_their_order() -> None:
    punches = Punches()
    punches.note(HOST, 61000, 1.0)
    assert punches.take(HOST, 5000, 1.0) == 61000
    punches.note(HOST, 61002, 1.1)
    assert punches.take(HOST, 5000, 1.1) == 61002
    assert punches.take(HOST, 5000, 1.2) == 5000


def test_old_datagrams_count_no_more() -> None:
    punches = Punches()
    punches.note(HOST, 61000, 1.0)
    assert punches.take(HOST, 5000, 60.0) == 5000


def test_many_hosts_and_ports_displace_only_the_oldest() -> None:
    punches = Punches()
    for number in range(5000):
        punches.note(f"10.0.{number >> 8}.{number & 255}", 61000, 1.0)
        punches.note(HOST, 1024 + number, 1.0)
    assert punches.take(HOST, 1024 + 4999, 1.0) == 1024 + 4999
    assert punches.take("10.0.0.0", 5000, 1.0) == 5000


def test_who_plays_unheard_is_found_by_a_datagram_that_comes_late() -> None:
    punches = Punches()
    assert punches.unheard(HOST, 61000, 1.0) is None
    punches.take(HOST, 5000, 1.0)
    punches.take(HOST, 6000, 2.0)
    assert (punches.unheard(HOST, 61000, 3.0), punches.unheard(OTHER, 61000, 3.0)) == (5000, None)
    punches.settle(HOST, 5000)
    assert punches.unheard(HOST, 61000, 3.0) == 6000
    punches.settle(HOST, 6000)
    punches.settle(HOST, 6000)
    assert punches.unheard(HOST, 61000, 3.0) is None


def test_who_was_heard_before_it_played_is_where_it_was_heard() -> None:
    punches = Punches()
    punches.note(HOST, 61000, 1.0)
    punches.take(HOST, 5000, 1.0)
    assert punches.unheard(HOST, 61002, 1.0) is None


def test_who_seemed_to_be_elsewhere_is_where_it_announced_once_it_is_heard_from_there() -> None:
    punches = Punches()
    punches.note(HOST, 61000, 1.0)
    punches.take(HOST, 5000, 1.0)
    punches.take(HOST, 6000, 1.0)
    assert (punches.unheard(HOST, 5000, 2.0), punches.unheard(HOST, 61002, 2.0)) == (61000, 6000)
    punches.settle(HOST, 61000)
    punches.settle(HOST, 6000)
    assert punches.unheard(HOST, 5000, 2.0) is None


def test_a_datagram_that_comes_very_late_finds_nobody() -> None:
    punches = Punches()
    punches.take(HOST, 5000, 1.0)
    assert punches.unheard(HOST, 61000, 60.0) is None


def test_the_last_datagram_of_who_left_is_nobody_elses() -> None:
    punches = Punches()
    punches.retire(HOST, 61000, 5000, 1.0)
    punches.note(HOST, 61000, 1.0)
    assert punches.take(HOST, 6000, 2.0) == 6000
    assert punches.unheard(HOST, 61000, 2.0) is None
    assert punches.unheard(HOST, 61002, 2.0) == 6000


def test_who_comes_back_with_its_ports_is_still_behind_its_nat() -> None:
    """Whose mapping of them is still the one of last time."""
    punches = Punches()
    punches.retire(HOST, 61000, 5000, 1.0)
    punches.take(HOST, 5000, 2.0)
    assert punches.unheard(HOST, 61000, 2.0) == 5000
    punches.note(HOST, 61000, 2.0)
    assert punches.take(HOST, 5000, 2.0) == 61000


def test_a_port_that_was_left_long_ago_is_as_any_other() -> None:
    punches = Punches()
    punches.retire(HOST, 61000, 5000, 1.0)
    punches.note(HOST, 61000, 60.0)
    assert punches.take(HOST, 6000, 60.0) == 61000


def test_a_crowd_at_one_address_that_plays_at_once_is_not_mixed_up() -> None:
    punches = Punches()
    ports = range(40_000, 40_400, 2)
    for port in ports:
        punches.note(HOST, port, 1.0)
    assert [punches.take(HOST, port, 2.0) for port in ports] == list(ports)


def test_what_is_remembered_is_bounded_however_many_hosts_and_ports_speak() -> None:
    punches = Punches()
    for number in range(3 * PORTS_LIMIT):
        host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        punches.note(host, 61000, 1.0)
        punches.retire(host, 61002, 5000, 1.0)
        punches.take(host, 5000, 1.0)
        punches.note(host, 61000, 1.0)
    assert remembered(punches) == [PORTS_LIMIT] * 3


def remembered(punches: Punches) -> list[int]:
    return [len(memory) for memory in (punches._noted, punches._unheard, punches._left)]


def test_what_is_old_is_forgotten_with_the_next_datagram() -> None:
    punches = Punches()
    for port in range(60_000, 60_100):
        punches.note(HOST, port, 1.0)
    punches.note(OTHER, 61000, 60.0)
    assert remembered(punches)[0] == 1
    punches.note(HOST, 60_000, 61.0)
    punches.note(HOST, 60_001, 65.0)
    punches.note(HOST, 60_002, 72.0)
    assert remembered(punches)[0] == 2, "nor does what is new of a host keep what is old of it"


def test_a_network_of_ipv6_displaces_nobody_but_itself() -> None:
    punches = Punches()
    punches.note(HOST, 61000, 1.0)
    for number in range(3 * PORTS_LIMIT):
        punches.note(f"2001:db8::{number:x}", 61000, 1.0)
    assert remembered(punches)[0] == SITE_PORTS_LIMIT + 1
    assert punches.take(HOST, 5000, 2.0) == 61000
