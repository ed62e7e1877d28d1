"""CPU time of the server for each RTP packet that reached a viewer."""

import time
from typing import NamedTuple

from bench.contenders import playing
from bench.cpu import NS_PER_S, core_use, others_share
from bench.errors import BenchError
from bench.options import Options, run
from bench.table import Row, print_table

REACH_US = {("udp", 1): 9.0, ("tcp", 1): 9.0, ("udp", 100): 1.5, ("tcp", 100): 0.6}
CONTENDERS = ("vstream", "gst", "floor")


class Sample(NamedTuple):
    """What one contender did in the time measured; `others_used` is the share of its core that others took."""

    us_per_packet: float
    core_used: float
    others_used: float
    packets_per_viewer_s: float
    lost: int


def sample(name: str, transport: str, viewers: int, seconds: float) -> Sample:
    """Measure one contender.

    Raises:
        BenchError: it sent nothing, or cut a viewer off.
    """
    with playing(name, transport, viewers) as (process, receivers):
        before, use_before = receivers.counters(), core_use(process.pid)
        time.sleep(seconds)
        after, use_after = receivers.counters(), core_use(process.pid)
    packets = after.packets - before.packets
    if not packets or after.closed:
        raise BenchError(f"{name} over {transport}: {packets} packets, {after.closed} of {viewers} viewers cut off")
    used_ns = use_after.own_ns - use_before.own_ns
    return Sample(
        us_per_packet=used_ns / 1000 / packets,
        core_used=used_ns / NS_PER_S / seconds,
        others_used=others_share(use_before, use_after, seconds),
        packets_per_viewer_s=packets / viewers / seconds,
        lost=after.lost - before.lost,
    )


def measure(options: Options) -> None:
    rows = []
    for transport in ("udp", "tcp"):
        for viewers in options.viewers:
            samples = {}
            for name in CONTENDERS:
                samples[name] = found = sample(name, transport, viewers, options.seconds)
                print(
                    f"{transport} {viewers:4} viewers, {name:8}{found.us_per_packet:6.2f} us a packet,"
                    f"{found.core_used:6.1%} of a core ({found.others_used:.0%} others),"
                    f"{found.packets_per_viewer_s:6.0f} packets a viewer and second, {found.lost} lost",
                    flush=True,
                )
            ours, peer, floor = (samples[name].us_per_packet for name in CONTENDERS)
            plural = "viewer" if viewers == 1 else "viewers"
            what = f"{viewers} {plural} over {transport}"
            rows.append(Row(what, ours, peer, floor, REACH_US.get((transport, viewers))))
    print_table("CPU time, user and system, in us for each RTP packet delivered", rows)


if __name__ == "__main__":
    run(measure, "CPU time of the server for each RTP packet delivered.", (1, 10, 50, 100))
