"""Counters that Prometheus reads while others count: one that went down would be taken for a restart."""

from typing import cast

from tests.served import served
from tests.test_status import service_of
from vstream._fastpath import Fanout
from vstream.http.metrics import ServiceMetrics
from vstream.http.rates import Rates


class MissedFrames:
    """A fanout with ten frames that did not fit, and a viewer that waits for a keyframe since."""

    def __init__(self, fanout: Fanout) -> None:
        self._fanout = fanout
        self._missed = 0
        self.comes_between = False
        """Whether that viewer misses a frame between any two looks at the counts."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._fanout, name)

    @property
    def units_dropped(self) -> int:
        return 10 + self._count()

    @property
    def units_skipped(self) -> int:
        return self._count()

    def _count(self) -> int:
        before = self._missed
        self._missed += self.comes_between
        return before


def test_frames_dropped_while_they_are_counted_never_become_fewer() -> None:
    with served() as running:
        running.keyframe()
        service = service_of(running)
        fanout = MissedFrames(running.stream.fanout)
        running.stream.fanout = cast(Fanout, fanout)
        metrics = ServiceMetrics(service, Rates(service))
        counts = [queue_full(metrics)]
        fanout.comes_between = True
        counts += [queue_full(metrics) for _ in range(3)]
    assert counts[0] == 10
    assert counts == sorted(counts)


def queue_full(metrics: ServiceMetrics) -> float:
    (family,) = (family for family in metrics.collect() if family.name == "video_streamer_frames_dropped")
    (sample,) = (sample for sample in family.samples if sample.labels["reason"] == "queue_full")
    return sample.value
