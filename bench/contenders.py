"""Whoever is measured, with viewers that play: vstream, its peer, or the floor."""

import contextlib
import time
from collections.abc import Iterator
from typing import TypeVar

from bench.floor import running_floor
from bench.processes import Pinned
from bench.receivers import Playing, Receivers
from bench.rtsp_client import Viewer, set_up
from bench.servers import running_server

SETTLE_S = 2.0

AnyReceivers = TypeVar("AnyReceivers", bound=Playing)


@contextlib.contextmanager
def playing(name: str, transport: str, count: int) -> Iterator[tuple[Pinned, Receivers]]:
    """Run ours, gst or the floor for `count` viewers that all play and have settled; gives its process and them."""
    with contextlib.ExitStack() as held:
        process: Pinned
        if name == "floor":
            process, viewers = held.enter_context(running_floor(transport, count))
        else:
            process = server = held.enter_context(running_server(name))
            viewers = held.enter_context(set_up_many(server.url, transport, count))
        yield process, held.enter_context(settled(Receivers(viewers)))


@contextlib.contextmanager
def set_up_many(url: str, transport: str, count: int) -> Iterator[list[Viewer]]:
    """Set up `count` viewers, which are closed at the end of the block."""
    with contextlib.ExitStack() as held:
        viewers = []
        for _ in range(count):
            viewers.append(set_up(url, transport))
            held.callback(viewers[-1].close)
        yield viewers


@contextlib.contextmanager
def settled(receivers: AnyReceivers) -> Iterator[AnyReceivers]:
    """Let the viewers play, and wait until all receive and the burst of their joining is over."""
    with receivers:
        receivers.wait_until_playing()
        time.sleep(SETTLE_S)
        yield receivers
