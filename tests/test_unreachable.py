"""When a viewer's port counts as one where nobody receives."""

from vstream.server.sockets import Endpoint
from vstream.server.unreachable import Unreachable

PORT = Endpoint("192.0.2.7", 5000)


def noted(refusals: Unreachable, port: Endpoint, *times_s: float) -> list[bool]:
    return [refusals.note(port, time_s) for time_s in times_s]


def test_a_stray_answer_or_a_burst_of_them_says_nothing() -> None:
    assert not any(noted(Unreachable(), PORT, *[100 + number * 0.001 for number in range(500)]))


def test_answers_that_go_on_say_that_nobody_receives() -> None:
    assert noted(Unreachable(), PORT, 100.0, 100.4, 100.8, 101.2) == [False, False, False, True]


def test_few_answers_say_nothing_however_far_apart() -> None:
    assert not any(noted(Unreachable(), PORT, 100.0, 102.0, 104.0))


def test_after_a_pause_counting_begins_anew() -> None:
    refusals = Unreachable()
    assert not any(noted(refusals, PORT, *[100.0 + 6 * number for number in range(100)]))
    assert noted(refusals, PORT, 1000.0, 1001.0, 1002.0, 1003.0)[-1]


def test_each_address_and_port_counts_for_itself() -> None:
    refusals = Unreachable()
    others = [PORT._replace(port=5001), PORT._replace(host="192.0.2.8"), Endpoint("fe80::1", 5000, 2)]
    for other in [*others, Endpoint("fe80::1", 5000, 3)]:
        assert not any(noted(refusals, other, 100.0, 101.0, 102.0))
    assert not refusals.note(PORT, 103.0)


def test_who_comes_later_to_the_same_port_begins_at_nothing() -> None:
    refusals = Unreachable()
    assert noted(refusals, PORT, 100.0, 101.0, 102.0, 103.0)[-1]
    refusals.forget(PORT)
    assert not any(noted(refusals, PORT, 103.1, 104.2, 105.3))
