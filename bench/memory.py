"""Resident memory of the server, and what each further viewer adds to it."""

import time
from typing import NamedTuple

from bench.contenders import set_up_many, settled
from bench.cpu import rss_bytes
from bench.options import Options, run
from bench.receivers import Receivers
from bench.servers import running_server
from bench.table import Row, print_table

REACH_MB = 40.0
REACH_KB_PER_VIEWER = 32.0
GOAL_VIEWERS = 100


class Memory(NamedTuple):
    """Resident memory with one viewer, and with all of them."""

    one_bytes: int
    all_bytes: int


def memory(name: str, transport: str, viewers: int, seconds: float) -> Memory:
    """Measure one server: with its first viewer, then with all, each after `seconds` of play."""
    with (
        running_server(name) as server,
        set_up_many(server.url, transport, 1) as first,
        settled(Receivers(first)),
    ):
        time.sleep(seconds)
        one_bytes = rss_bytes(server.pid)
        with set_up_many(server.url, transport, viewers - 1) as others, settled(Receivers(others)):
            time.sleep(seconds)
            return Memory(one_bytes, rss_bytes(server.pid))


def measure(options: Options) -> None:
    rows = []
    for transport in ("udp", "tcp"):
        for viewers in options.viewers:
            ours, peer = (memory(name, transport, viewers, options.seconds) for name in ("vstream", "gst"))
            judged = viewers == GOAL_VIEWERS
            title = f"{viewers} viewers over {transport}"
            rows += [
                Row(f"1 viewer over {transport}, MB", ours.one_bytes / 1e6, peer.one_bytes / 1e6),
                Row(
                    f"{title}, MB",
                    ours.all_bytes / 1e6,
                    peer.all_bytes / 1e6,
                    reach=REACH_MB if judged else None,
                ),
                Row(
                    f"{title}, KB more for each",
                    _added_kb(ours, viewers),
                    _added_kb(peer, viewers),
                    reach=REACH_KB_PER_VIEWER if judged else None,
                ),
            ]
    print_table("Resident memory of the server, file source", rows)


def _added_kb(found: Memory, viewers: int) -> float:
    return (found.all_bytes - found.one_bytes) / 1e3 / (viewers - 1)


if __name__ == "__main__":
    run(measure, "Resident memory of the server.", (GOAL_VIEWERS,), seconds=5, fewest_viewers=2)
