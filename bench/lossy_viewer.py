"""One GStreamer viewer in a network that loses packets: prints how many frames were sent, and how many it has whole."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO

from bench.clip import FPS
from bench.errors import BenchError
from bench.servers import running_server
from tests.framed_rtp import packets

TICKS_A_FRAME = 90_000 // FPS
LATENCY_MS = 500
RECEIVE_BUFFER_BYTES = 4 << 20


def frames(url: str, seconds: float, *, asks_again: bool) -> tuple[int, int]:
    """Play for so long; gives the frames from the first that came to the last one, and those of them that are whole.

    Raises:
        BenchError: none came.
    """
    wanted = str(asks_again).lower()
    source = f"rtspsrc location={url} protocols=udp latency={LATENCY_MS} udp-buffer-size={RECEIVE_BUFFER_BYTES}"
    pipeline = f"{source} do-retransmission={wanted} ! rtpstreampay ! fdsink fd=1"
    with subprocess.Popen(["gst-launch-1.0", "-q", *pipeline.split()], stdout=subprocess.PIPE) as player:
        assert player.stdout
        try:
            times = list(_whole(player.stdout, time.monotonic() + seconds))
        finally:
            player.kill()
    if not times:
        raise BenchError("GStreamer received no frame")
    span = (times[-1] - times[0]) & 0xFFFFFFFF
    return round(span / TICKS_A_FRAME) + 1, len(times)


def _whole(pipe: IO[bytes], until_s: float) -> Iterator[int]:
    """The RTP timestamps of frames of which no packet is missing, from what rtpstreampay writes (RFC 4571)."""
    due: int | None = None
    whole = False
    for packet in packets(pipe):
        if time.monotonic() > until_s:
            return
        sequence = int.from_bytes(packet[2:4])
        whole = whole and sequence == due
        due = (sequence + 1) & 0xFFFF
        if packet[1] & 0x80:  # the marker: with the next packet another frame begins
            if whole:
                yield int.from_bytes(packet[4:8])
            whole = True


def main() -> None:
    seconds, asks_again = float(sys.argv[1]), sys.argv[2] == "asks-again"
    with running_server("vstream") as server:
        print(json.dumps(frames(server.url, seconds, asks_again=asks_again)))


if __name__ == "__main__":
    main()
