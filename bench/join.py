"""Joining: from PLAY sent to the last packet of the first IDR picture, when all join within a second."""

import math
import time

from bench.contenders import SETTLE_S, set_up_many
from bench.errors import BenchError
from bench.options import Options, run
from bench.receivers import Receivers
from bench.servers import running_server
from bench.table import Row, print_table

REACH_P99_MS = 50.0
JOINING_S = 1.0


def joins_ms(name: str, transport: str, viewers: int, seconds: float) -> list[float]:
    """Let `viewers` join a stream that one more is watching already, and give how long each took, in order of length.

    Raises:
        BenchError: one got no whole IDR within `seconds`.
    """
    times_us = [0, *(int((SETTLE_S + JOINING_S * number / viewers) * 1e6) for number in range(viewers))]
    with (
        running_server(name) as server,
        set_up_many(server.url, transport, viewers + 1) as waiting,
        Receivers(waiting, times_us) as receivers,
    ):
        deadline_s = time.monotonic() + SETTLE_S + JOINING_S + seconds
        while None in (found := receivers.joins_ms()) and time.monotonic() < deadline_s:
            time.sleep(0.2)
    joined = sorted(took for took in found[1:] if took is not None)
    if len(joined) < viewers:
        raise BenchError(f"{viewers - len(joined)} of {viewers} viewers of {name} over {transport} got no IDR picture")
    return joined


def measure(options: Options) -> None:
    rows = []
    for transport in ("udp", "tcp"):
        for viewers in options.viewers:
            ours, peer = (joins_ms(name, transport, viewers, options.seconds) for name in ("vstream", "gst"))
            title = f"{viewers} viewers over {transport}"
            rows += [
                Row(f"{title}, median", percentile(ours, 50), percentile(peer, 50)),
                Row(f"{title}, 99th percentile", percentile(ours, 99), percentile(peer, 99), reach=REACH_P99_MS),
                Row(f"{title}, worst", ours[-1], peer[-1]),
            ]
    print_table("PLAY sent -> last packet of the first IDR picture, all joining within a second, in ms", rows)


def percentile(ordered: list[float], percent: int) -> float:
    """Give the nearest-rank percentile of values in rising order."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


if __name__ == "__main__":
    run(measure, "Time until a viewer that joins has a whole IDR picture.", (100,))
