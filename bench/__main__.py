"""All measurements, one after the other, each with its own defaults."""

import subprocess
import sys

BENCHES = ("cpu_per_packet", "frame_delay", "memory", "join", "startup")

broken = [name for name in BENCHES if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode]
if broken:
    sys.exit(f"broke: {', '.join(broken)}")
