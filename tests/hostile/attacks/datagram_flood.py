"""Datagrams by the thousand at the RTP and RTCP ports, some as if a good viewer's host had sent them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.attacks.workers import at_work
from tests.hostile.target import ATTACKER_ADDRESSES, GOOD_ADDRESSES, Target
from vstream import rtcp

DATAGRAMS = 50_000
FLOOD_S = 3.0


class DatagramFlood(Attack):
    """RTCP counts only from the very port that a session named, and everybody else's costs little."""

    name = f"a flood of {DATAGRAMS} datagrams"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with Viewer(target.url, source=ATTACKER_ADDRESSES[0]).set_up("udp") as viewer:
            packets = (b"", b"\x80", bytes(1400), rtcp.goodbye(viewer.ssrc, "not mine"))
            addresses = ATTACKER_ADDRESSES[1], GOOD_ADDRESSES[0]
            jobs = [partial(flood, address, viewer.server_ports, packets) for address in addresses]
            with at_work(jobs, at_least_s=FLOOD_S):
                yield


def flood(source: str, ports: tuple[int, ...], packets: tuple[bytes, ...], enough: threading.Event) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((source, 0))
        for number in range(DATAGRAMS // 2):
            if enough.is_set():
                return
            stranger.sendto(packets[number % len(packets)], ("127.0.0.1", ports[number // 4 % len(ports)]))
