"""How often a source may be started again before that is no help any more, and after which pause."""

from collections import deque

WINDOW_S = 60.0
_FIRST_PAUSE_S = 0.25
_DOUBLINGS = 4


def pause_s(vain_runs: int) -> float:
    """How long to wait before a restart, by the number of runs in a row that gave nothing: 0, 0.25 s, and up to 4 s."""
    return _FIRST_PAUSE_S * 2 ** min(vain_runs - 1, _DOUBLINGS) if vain_runs > 0 else 0.0


class RestartBudget:
    """So many restarts within a minute."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._spent_s: deque[float] = deque()

    def spend(self, now_s: float) -> bool:
        """Take one restart; False where the minute that ends `now_s` has had them all."""
        while self._spent_s and now_s - self._spent_s[0] > WINDOW_S:
            self._spent_s.popleft()
        if len(self._spent_s) >= self.limit:
            return False
        self._spent_s.append(now_s)
        return True
