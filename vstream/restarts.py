"""How often a source may be started again before that is no help any more."""

from collections import deque

WINDOW_S = 60.0
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 4.0


class RestartBudget:
    """So many restarts within a minute, each after a longer pause than the one before."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._spent_s: deque[float] = deque()

    def spend(self, now_s: float) -> bool:
        """Take one restart; False where the minute that ends `now_s` has had them all."""
        self._forget(now_s)
        if len(self._spent_s) >= self.limit:
            return False
        self._spent_s.append(now_s)
        return True

    def pause_s(self, now_s: float) -> float:
        """How long to wait before the restart just taken: nothing before the first of a minute."""
        self._forget(now_s)
        earlier = len(self._spent_s) - 1
        return min(_FIRST_PAUSE_S * 2 ** (earlier - 1), _LONGEST_PAUSE_S) if earlier > 0 else 0.0

    def _forget(self, now_s: float) -> None:
        while self._spent_s and now_s - self._spent_s[0] > WINDOW_S:
            self._spent_s.popleft()
