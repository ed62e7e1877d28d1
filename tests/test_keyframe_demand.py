"""How many of one viewer's requests for keyframes are passed on; times are made up."""

from hypothesis import given
from hypothesis import strategies as st

from vstream.feedback import FullIntraRequest
from vstream.server.keyframe_demand import INTERVAL_US, KeyframeDemand


def test_who_asks_is_granted_once() -> None:
    demand = KeyframeDemand()
    assert not demand.grants(None, 0)
    demand.ask(5)
    assert demand.grants(None, 5)
    assert not demand.grants(None, 10 * INTERVAL_US)


def test_what_comes_too_soon_waits() -> None:
    demand = KeyframeDemand()
    demand.ask(0)
    assert demand.grants(None, 0)
    demand.ask(1000)
    assert not demand.grants(500, INTERVAL_US - 1)
    assert demand.grants(500, INTERVAL_US)


def test_a_keyframe_that_came_meanwhile_is_the_answer() -> None:
    demand = KeyframeDemand()
    demand.ask(0)
    assert demand.grants(None, 0)
    demand.ask(1000)
    assert not demand.grants(1001, INTERVAL_US)
    assert not demand.grants(None, 2 * INTERVAL_US)


def test_a_command_is_repeated_until_its_number_changes() -> None:
    demand = KeyframeDemand()
    commands = [(7, 1), (7, 1), (7, 2), (7, 2), (8, 2), (7, 1)]
    heard = [demand.is_repeated(FullIntraRequest(ssrc, number)) for ssrc, number in commands]
    assert heard == [False, True, False, True, False, False]


@given(st.lists(st.integers(0, 300_000), max_size=300), st.integers(1, 20))
def test_however_often_one_asks_keyframes_are_few(pauses_us: list[int], check_every: int) -> None:
    demand = KeyframeDemand()
    now_us = granted = 0
    for number, pause_us in enumerate(pauses_us):
        now_us += pause_us
        demand.ask(now_us)
        granted += demand.grants(None, now_us)
        if number % check_every == 0:
            granted += demand.grants(None, now_us)
    assert granted <= 1 + now_us // INTERVAL_US
