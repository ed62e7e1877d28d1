"""Frames and bits a second, now: counters compared with what they were a few seconds ago."""

from collections import deque
from typing import NamedTuple

from vstream.clock import monotonic_us
from vstream.service import Service

SAMPLE_INTERVAL_S = 2.0
_SAMPLES = 3


class _Sample(NamedTuple):
    at_us: int
    frames: int
    octets: int
    viewer_octets: dict[int, int]


class Rates:
    """Means over the last four to six seconds; `sample` is called every other second."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._samples: deque[_Sample] = deque(maxlen=_SAMPLES)
        self.sample()

    def sample(self) -> None:
        """Remember the counters as they are now."""
        self._samples.append(self._read())

    def fps(self) -> float:
        """Frames a second that the source gives."""
        old, new = self._samples[0], self._read()
        return (new.frames - old.frames) / _seconds(old, new)

    def bitrate_bps(self) -> float:
        """Bits a second that the source gives."""
        old, new = self._samples[0], self._read()
        return (new.octets - old.octets) * 8 / _seconds(old, new)

    def viewer_bps(self) -> dict[int, float]:
        """Bits a second of RTP payload that left for each viewer, by number."""
        old, new = self._samples[0], self._read()
        seconds = _seconds(old, new)
        return {
            number: max(octets - old.viewer_octets.get(number, 0), 0) * 8 / seconds
            for number, octets in new.viewer_octets.items()
        }

    def _read(self) -> _Sample:
        stream = self._service.stream
        viewers = list(self._service.server.viewers.values())
        return _Sample(
            monotonic_us(),
            stream.fanout.units,
            stream.fanout.unit_bytes,
            {viewer.number: viewer.carrier.writer.octets_sent for viewer in viewers},
        )


def _seconds(old: _Sample, new: _Sample) -> float:
    return max(new.at_us - old.at_us, 1) / 1e6
