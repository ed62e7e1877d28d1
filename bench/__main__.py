"""All measurements, one after the other, each with its own defaults; or those that are named."""

import subprocess
import sys

BENCHES = (
    "cpu_per_packet",
    "frame_delay",
    "memory",
    "join",
    "startup",
    "loss",
    "encryption",
    "hostile",
    "camera_stream",
    "camera_faults",
    "camera_process",
)

chosen = sys.argv[1:] or BENCHES
unknown = sorted(set(chosen) - set(BENCHES))
if unknown:
    sys.exit(f"no bench is called {', '.join(unknown)}; there are {', '.join(BENCHES)}")
broken = [name for name in chosen if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode]
if broken:
    sys.exit(f"broke: {', '.join(broken)}")
