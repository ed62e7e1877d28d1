"""How viewers come by a keyframe: from the pictures kept since the newest one, or by asking the encoder for one."""

from collections.abc import Callable

FRESH_US = 200_000
"""A keyframe this young still serves newcomers; also the least time from one request to the next."""

_ANSWER_DUE_US = 1_000_000


class KeyframeRequests:
    """Asks an encoder for keyframes, no more often than viewers can profit from; any thread may call.

    However many viewers join, the encoder makes at most 5 keyframes a second: who comes within 200 ms of one begins
    with it, who comes while one is on its way waits for that.
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._asked_us: int | None = None
        self.granted = 0
        self.can_be_asked = True

    def serves_cached(self, keyframe_us: int | None, now_us: int) -> bool:
        """Whether a newcomer begins with the kept keyframe that was sent at `keyframe_us`."""
        return keyframe_us is not None and (not self.can_be_asked or now_us - keyframe_us <= FRESH_US)

    def want(self, keyframe_us: int | None, now_us: int) -> None:
        """A viewer needs a keyframe newer than the one sent at `keyframe_us`."""
        if self._on_its_way(keyframe_us, now_us):
            return
        self._asked_us = now_us
        self.can_be_asked = self._ask()
        self.granted += self.can_be_asked

    def _on_its_way(self, keyframe_us: int | None, now_us: int) -> bool:
        if self._asked_us is None:
            return False
        if now_us - self._asked_us < FRESH_US:
            return True
        unanswered = keyframe_us is None or keyframe_us < self._asked_us
        return unanswered and now_us - self._asked_us < _ANSWER_DUE_US
