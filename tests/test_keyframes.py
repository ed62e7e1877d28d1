"""When an encoder is asked for a keyframe, and when a kept one does; times are made up."""

from hypothesis import given
from hypothesis import strategies as st

from vstream.keyframes import FRESH_US, KeyframeRequests


class Encoder:
    """Counts what it is asked."""

    def __init__(self, *, obeys: bool = True) -> None:
        self.obeys = obeys
        self.asked = 0

    def ask(self) -> bool:
        self.asked += 1
        return self.obeys


def test_a_young_keyframe_serves_and_an_old_one_does_not() -> None:
    requests = KeyframeRequests(Encoder().ask)
    assert requests.serves_cached(1_000_000, 1_000_000 + FRESH_US)
    assert not requests.serves_cached(1_000_000, 1_000_001 + FRESH_US)
    assert not requests.serves_cached(None, 1_000_000)


def test_any_kept_keyframe_serves_where_none_can_be_asked_for() -> None:
    requests = KeyframeRequests(Encoder(obeys=False).ask)
    requests.want(None, 0)
    assert requests.serves_cached(0, 3_600_000_000)
    assert requests.granted == 0


def test_an_encoder_that_can_be_asked_again_is() -> None:
    encoder = Encoder(obeys=False)
    requests = KeyframeRequests(encoder.ask)
    requests.want(None, 0)
    encoder.obeys = True
    requests.want(None, 5_000_000)
    assert (encoder.asked, requests.granted, requests.can_be_asked) == (2, 1, True)


def test_who_comes_while_one_is_on_its_way_waits_for_that() -> None:
    encoder = Encoder()
    requests = KeyframeRequests(encoder.ask)
    for now_us in range(10_000_000, 10_900_000, 10_000):
        requests.want(9_000_000, now_us)
    assert encoder.asked == 1
    requests.want(9_000_000, 11_000_000)
    assert encoder.asked == 2, "one that never came is asked for again"


@given(st.lists(st.integers(0, 400_000), max_size=200), st.integers(0, 300_000))
def test_however_many_join_keyframes_are_few(pauses_us: list[int], answer_us: int) -> None:
    encoder = Encoder()
    requests = KeyframeRequests(encoder.ask)
    now_us, keyframe_us, due_us = 0, 0, 0
    for pause_us in pauses_us:
        now_us += pause_us
        if due_us and due_us <= now_us:
            keyframe_us, due_us = due_us, 0
        before = encoder.asked
        if not requests.serves_cached(keyframe_us, now_us):
            requests.want(keyframe_us, now_us)
        if encoder.asked > before:
            due_us = now_us + answer_us
    assert encoder.asked <= 1 + now_us // FRESH_US
