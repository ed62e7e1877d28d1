"""What it costs that the camera has a process of its own: the way of a frame from there to the server, and memory."""

import subprocess
import sys
import time

from bench.cpu import cpu_ns
from bench.errors import BenchError
from bench.join import percentile
from bench.options import Options, run
from bench.table import Row, print_table
from vstream.sources.channel import FRAME, Inbox, open_pair

FPS = 30
BITRATES = (4_000_000, 8_000_000, 25_000_000)
SENDER = """
import socket, sys, time
from vstream.sources.channel import send_frame
end, frame = socket.socket(fileno=int(sys.argv[1])), bytes(int(sys.argv[2]))
due_s = time.monotonic()
while True:
    due_s += 1 / {fps}
    time.sleep(max(0, due_s - time.monotonic()))
    send_frame(end, frame, time.monotonic_ns())
"""


class _Sender:
    """A process that does nothing but hand frames over, as the camera's does."""

    def __init__(self, frame_bytes: int) -> None:
        self.end, theirs = open_pair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SENDER.format(fps=FPS), str(theirs.fileno()), str(frame_bytes)],
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.end.close()


def way_us(frame_bytes: int, seconds: float) -> tuple[list[float], float]:
    """How long each frame took from hand to hand, in rising order, and the processor time of both sides for one, in us.

    Raises:
        BenchError: the frames ended.
    """
    sender = _Sender(frame_bytes)
    took: list[float] = []
    try:
        inbox = Inbox(sender.end)
        deadline_s = time.monotonic() + seconds
        while not took and inbox.read():
            took += _ages_us(inbox)
        took.clear()
        used_ns = cpu_ns(sender.process.pid) + time.process_time_ns()
        while time.monotonic() < deadline_s:
            if not inbox.read():
                raise BenchError("the process that hands frames over ended")
            took += _ages_us(inbox)
        used_ns = cpu_ns(sender.process.pid) + time.process_time_ns() - used_ns
    finally:
        sender.close()
    return sorted(took), used_ns / 1000 / len(took)


def _ages_us(inbox: Inbox) -> list[float]:
    return [(time.monotonic_ns() - sent_ns) / 1000 for kind, sent_ns, _ in inbox.messages() if kind == FRAME]


def measure(options: Options) -> None:
    rows = []
    for bitrate_bps in BITRATES:
        frame_bytes = bitrate_bps // 8 // FPS
        took, used_us = way_us(frame_bytes, options.seconds)
        what = f"{bitrate_bps / 1e6:.0f} Mbit/s, frames of {frame_bytes / 1000:.0f} kB"
        rows += [
            Row(f"{what}: median", percentile(took, 50)),
            Row(f"{what}: 99th percentile", percentile(took, 99)),
            Row(f"{what}: processor time a frame, both sides", used_us),
        ]
    print_table("A frame's way from the camera's process into the server, in us", rows)


if __name__ == "__main__":
    run(measure, "Cost of the camera's process.", seconds=10, pins=False)
