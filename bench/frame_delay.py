"""Delay inside the server: from a frame handed to it to the last packet of that frame written."""

import contextlib
import re
import time
from typing import NamedTuple

from bench.contenders import playing
from bench.cpu import core_use, others_share
from bench.errors import BenchError
from bench.options import Options, run
from bench.steering import received_by_viewers
from bench.table import Row, print_table

REACH_MS = {1: 1.0, 100: 6.0}
WRITTEN = re.compile(r"Frames written: (\d+), handed to written median (\d+) us, p99 (\d+) us, worst (\d+) us")


class Delay(NamedTuple):
    """What a server says of its frames at its end, what viewers missed, and the share of its core others took."""

    frames: int
    median_us: int
    p99_us: int
    worst_us: int
    lost: int
    others_used: float


def delay(name: str, transport: str, viewers: int, seconds: float) -> Delay:
    """Measure ours or the floor.

    Raises:
        BenchError: it did not say how long its frames took.
    """
    with playing(name, transport, viewers) as (process, receivers):
        before, lost_before = core_use(process.pid), receivers.counters().lost
        time.sleep(seconds)
        others = others_share(before, core_use(process.pid), seconds)
        lost = receivers.counters().lost - lost_before
        printed = process.stop()
    found = WRITTEN.search(printed)
    if found is None:
        raise BenchError(f"{name} did not print `Frames written` at its end, but: {process.tail()}")
    frames, median_us, p99_us, worst_us = map(int, found.groups())
    return Delay(frames, median_us, p99_us, worst_us, lost, others)


def compare(what: str, transport: str, viewers: int, seconds: float) -> Row:
    """Measure ours and the floor, one after the other."""
    p99_ms = {}
    for name in ("vstream", "floor"):
        found = delay(name, transport, viewers, seconds)
        p99_ms[name] = found.p99_us / 1000
        print(
            f"{what}, {name}: {found.frames} frames, median {found.median_us} us, p99 {found.p99_us} us,"
            f" worst {found.worst_us} us, {found.lost} lost ({found.others_used:.0%} others)",
            flush=True,
        )
    return Row(what, p99_ms["vstream"], None, p99_ms["floor"], REACH_MS.get(viewers))


def measure(options: Options) -> None:
    rows = []
    for transport, where in (("udp", ""), ("udp", ", received on their core"), ("tcp", "")):
        with received_by_viewers() if where else contextlib.nullcontext():
            for viewers in options.viewers:
                plural = "viewer" if viewers == 1 else "viewers"
                rows.append(compare(f"{viewers} {plural} over {transport}{where}", transport, viewers, options.seconds))
    print_table("Frame handed to the server -> its last packet written, 99th percentile, in ms", rows)


if __name__ == "__main__":
    run(measure, "Delay of a frame inside the server.", (1, 100), seconds=20)
