"""A network that loses packets: the share of frames that a GStreamer viewer over UDP does not get whole."""

import json
import shutil
import subprocess
import sys

from bench.clip import clip
from bench.cpu import CORES
from bench.errors import BenchError
from bench.options import Options, run
from bench.table import Row, print_table

LOST_PERCENT = (1, 2, 5)
REACH_PERCENT = {2: 0.1}
TOOLS = ("unshare", "ip", "nft", "ethtool", "gst-launch-1.0")
# Every UDP packet counts by itself, so trains are cut apart before they are counted; reports and requests are lost too.
NETWORK = """
ip link set lo up
ethtool -K lo tx-udp-segmentation off
nft add table inet lossy
nft add chain inet lossy input '{{ type filter hook input priority 0 ; }}'
nft add rule inet lossy input meta l4proto udp numgen random mod 100 '<' {percent} drop
exec taskset -c {cores} {python} -m bench.lossy_viewer {seconds} {mode}
"""


def frames_lost_percent(lost_percent: int, mode: str, seconds: float) -> float:
    """Play in a network of its own that loses so many of all UDP packets; `mode` is asks-again or plain.

    Raises:
        BenchError: no such network can be made here, or nothing came through it.
    """
    cores = ",".join(map(str, CORES))
    script = NETWORK.format(percent=lost_percent, cores=cores, python=sys.executable, seconds=seconds, mode=mode)
    command = ["unshare", "--net", "--map-root-user", "sh", "-e", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(done.stderr.strip())
    counted: tuple[int, int] = json.loads(done.stdout)
    sent, whole = counted
    return 100 * (sent - whole) / sent


def measure(options: Options) -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise BenchError(f"{', '.join(missing)} not installed")
    clip()  # made before any clock runs
    rows = []
    for percent in LOST_PERCENT:
        again, plain = (frames_lost_percent(percent, mode, options.seconds) for mode in ("asks-again", "plain"))
        title = f"{percent} % of packets lost"
        rows += [
            Row(f"{title}, lost ones asked for again", again, reach=REACH_PERCENT.get(percent)),
            Row(f"{title}, plain RTP", plain),
        ]
    print_table("frames that GStreamer does not get whole over UDP, in %", rows)


if __name__ == "__main__":
    run(measure, "Frames lost in a network that loses packets.", seconds=40.0)
