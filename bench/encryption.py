"""What encryption costs: CPU time a packet over TLS beside plain TCP, SRTP beside UDP, and memory a TLS viewer."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.contenders import set_up_many, settled
from bench.cpu import cpu_ns, rss_bytes
from bench.errors import BenchError
from bench.options import Options, run
from bench.receivers import Receivers
from bench.rtsp_client import Viewer
from bench.servers import running_encrypted
from bench.table import Row, print_table
from bench.tls_receivers import TlsReceivers

REACH_RATIO = 3.0
REACH_KB_PER_VIEWER = 64.0
GOAL_VIEWERS = 100
PLAIN = {"tls": "tcp", "srtp": "udp"}


class Cost(NamedTuple):
    """What the viewers of one transport cost the server."""

    us_per_packet: float
    kb_per_viewer: float


def _receivers(viewers: Sequence[Viewer], transport: str) -> Receivers | TlsReceivers:
    """Those that count packets; what TLS is needed for is done here."""
    if transport == "tls":
        return TlsReceivers(viewers)
    if transport == "tcp":
        return Receivers(viewers)
    for viewer in viewers:
        assert viewer.connection is not None
        viewer.connection.sendall(viewer.play)
    return Receivers([Viewer(None, b"", viewer.rtp, viewer.rtcp) for viewer in viewers])


def cost(transport: str, viewers: int, seconds: float) -> Cost:
    """Measure a server of its own with its first viewer, then with all.

    Raises:
        BenchError: it sent nothing, or cut a viewer off.
    """
    with running_encrypted() as server:
        url = server.encrypted_url if transport in PLAIN else server.url
        with set_up_many(url, transport, 1) as first, settled(_receivers(first, transport)):
            one_bytes = rss_bytes(server.pid)
            with (
                set_up_many(url, transport, viewers - 1) as others,
                settled(_receivers(others, transport)) as receivers,
            ):
                before, before_ns = receivers.counters(), cpu_ns(server.pid)
                time.sleep(seconds)
                after, after_ns = receivers.counters(), cpu_ns(server.pid)
                all_bytes = rss_bytes(server.pid)
    packets = (after.packets - before.packets) * viewers / (viewers - 1)
    if not packets or after.closed:
        raise BenchError(f"{transport}: {packets} packets, {after.closed} viewers cut off")
    return Cost((after_ns - before_ns) / 1000 / packets, (all_bytes - one_bytes) / 1e3 / (viewers - 1))


def measure(options: Options) -> None:
    rows = []
    for viewers in options.viewers:
        for encrypted, plain in PLAIN.items():
            # Plain first and last, as the machine's own load changes meanwhile.
            costs = [cost(name, viewers, options.seconds) for name in (plain, encrypted, plain)]
            base = (costs[0].us_per_packet + costs[2].us_per_packet) / 2
            judged = viewers == GOAL_VIEWERS and encrypted == "tls"
            rows += [
                Row(f"{viewers} viewers over {plain}, us a packet", base),
                Row(f"{viewers} viewers over {encrypted}, us a packet", costs[1].us_per_packet),
                Row(
                    f"{viewers} viewers, {encrypted} to {plain}",
                    costs[1].us_per_packet / base,
                    reach=REACH_RATIO if judged else None,
                ),
                Row(
                    f"{viewers} viewers over {encrypted}, KB more for each",
                    costs[1].kb_per_viewer,
                    reach=REACH_KB_PER_VIEWER if judged else None,
                ),
            ]
    print_table("What encryption costs the server", rows)


if __name__ == "__main__":
    run(measure, "What encryption costs the server.", (GOAL_VIEWERS,), fewest_viewers=2)
