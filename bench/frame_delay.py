"""Delay inside the server: from a frame handed to it to the last packet of that frame written."""

import re
import time
from typing import NamedTuple

from bench.contenders import playing
from bench.cpu import core_use, others_share
from bench.errors import BenchError
from bench.options import Options, run
from bench.table import Row, print_table

REACH_MS = {1: 1.0, 100: 6.0}
WRITTEN = re.compile(r"Frames written: (\d+), handed to written median (\d+) us, p99 (\d+) us, worst (\d+) us")


class Delay(NamedTuple):
    """What a server says of its frames at its end, and the share of its core that others took."""

    frames: int
    median_us: int
    p99_us: int
    worst_us: int
    others_used: float


def delay(name: str, transport: str, viewers: int, seconds: float) -> Delay:
    """Measure ours or the floor.

    Raises:
        BenchError: it did not say how long its frames took.
    """
    with playing(name, transport, viewers) as (process, _):
        before = core_use(process.pid)
        time.sleep(seconds)
        others = others_share(before, core_use(process.pid), seconds)
        printed = process.stop()
    found = WRITTEN.search(printed)
    if found is None:
        raise BenchError(f"{name} did not print `Frames written` at its end, but: {process.tail()}")
    frames, median_us, p99_us, worst_us = map(int, found.groups())
    return Delay(frames, median_us, p99_us, worst_us, others)


def measure(options: Options) -> None:
    rows = []
    for transport in ("udp", "tcp"):
        for viewers in options.viewers:
            delays = {}
            for name in ("vstream", "floor"):
                delays[name] = found = delay(name, transport, viewers, options.seconds)
                print(
                    f"{transport} {viewers:4} viewers, {name:8}{found.frames} frames, median {found.median_us} us,"
                    f" p99 {found.p99_us} us, worst {found.worst_us} us ({found.others_used:.0%} others)",
                    flush=True,
                )
            ours, floor = (delays[name].p99_us / 1000 for name in ("vstream", "floor"))
            plural = "viewer" if viewers == 1 else "viewers"
            rows.append(Row(f"{viewers} {plural} over {transport}", ours, None, floor, REACH_MS.get(viewers)))
    print_table("Frame handed to the server -> its last packet written, 99th percentile, in ms", rows)


if __name__ == "__main__":
    run(measure, "Delay of a frame inside the server.", (1, 100), seconds=20)
