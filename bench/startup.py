"""Starting: from the exec of the server to its port accepting a connection; the frozen programs too, where built."""

import statistics
import time

from bench.options import Options, run
from bench.servers import FROZEN, running_server
from bench.table import Row, print_table

REACH_MS = {"vstream": 250.0, "one file": 1500.0, "one folder": 500.0}


def started_ms(name: str, seconds: float) -> list[float]:
    """Start a server again and again for `seconds`, at least three times, and give what each start took, in order."""
    deadline_s = time.monotonic() + seconds
    took: list[float] = []
    while len(took) < 3 or time.monotonic() < deadline_s:
        with running_server(name) as server:
            took.append(server.started_ms)
    return sorted(took)


def measure(options: Options) -> None:
    peer = started_ms("gst", options.seconds)
    for name in ["vstream", *(frozen for frozen, program in FROZEN.items() if program.exists())]:
        ours = started_ms(name, options.seconds)
        print(f"{name} started {len(ours)} times, gst {len(peer)} times")
        print_table(
            f"exec -> port open, {name}, in ms",
            [
                Row("median", statistics.median(ours), statistics.median(peer), reach=REACH_MS[name]),
                Row("best", ours[0], peer[0]),
                Row("worst", ours[-1], peer[-1]),
            ],
        )


if __name__ == "__main__":
    run(measure, "Time from the start of the server to its port being open.")
