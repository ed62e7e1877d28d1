"""Durations counted in buckets with fixed bounds: what took how long, at the cost of a search among a dozen numbers."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """One thread adds to it; any may read, and then finds at worst one duration in `sum_s` and not yet in `counts`."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        """`bounds_s` rise; each is the longest duration of its bucket, and one more bucket is for what is longer."""
        self.bounds_s = tuple(bounds_s)
        self.counts = [0] * (len(self.bounds_s) + 1)
        """How many durations fell into each bucket."""
        self.sum_s = 0.0

    def add(self, duration_s: float) -> None:
        """Count one duration; less than nothing, as clocks of two devices may give, is nothing."""
        duration_s = max(duration_s, 0.0)
        self.sum_s += duration_s
        self.counts[bisect_left(self.bounds_s, duration_s)] += 1
