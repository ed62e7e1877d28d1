"""Starting: from the exec of the server to its port accepting a connection."""

import statistics
import time

from bench.options import Options, run
from bench.servers import running_server
from bench.table import Row, print_table

REACH_MS = 250.0


def started_ms(name: str, seconds: float) -> list[float]:
    """Start a server again and again for `seconds`, at least three times, and give what each start took, in order."""
    deadline_s = time.monotonic() + seconds
    took: list[float] = []
    while len(took) < 3 or time.monotonic() < deadline_s:
        with running_server(name) as server:
            took.append(server.started_ms)
    return sorted(took)


def measure(options: Options) -> None:
    ours, peer = (started_ms(name, options.seconds) for name in ("vstream", "gst"))
    print(f"vstream started {len(ours)} times, gst {len(peer)} times")
    print_table(
        "exec -> port open, in ms",
        [
            Row("median", statistics.median(ours), statistics.median(peer), reach=REACH_MS),
            Row("best", ours[0], peer[0]),
            Row("worst", ours[-1], peer[-1]),
        ],
    )


if __name__ == "__main__":
    run(measure, "Time from the start of the server to its port being open.")
