"""What a process used, as the kernel counts it."""

import os
import time
from pathlib import Path
from typing import NamedTuple

CPUCLOCK_SCHED = 2
NS_PER_S = 1_000_000_000
CORES = frozenset(os.sched_getaffinity(0))
SERVER_CORE = min(CORES)
VIEWERS_CORE = max(CORES)


def cpu_ns(pid: int) -> int:
    """Give the user and system time of all threads of a process, also those that ended, in nanoseconds.

    This is the process's CPU clock, counted by the scheduler; /proc/PID/stat has ticks of 10 ms. The number of
    the clock is made from the process id as clock_getcpuclockid(3) makes it.
    """
    return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED)


class CoreUse(NamedTuple):
    """What a process has used of the server's core, and what all together have, in nanoseconds."""

    own_ns: int
    all_ns: int


def core_use(pid: int) -> CoreUse:
    """Read both clocks now. That of the core counts ticks, and also what a hypervisor withheld."""
    lines = Path("/proc/stat").read_text().splitlines()
    fields = next(line.split() for line in lines if line.startswith(f"cpu{SERVER_CORE} "))
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    ticks = user + nice + system + irq + softirq + steal
    return CoreUse(cpu_ns(pid), ticks * NS_PER_S // os.sysconf("SC_CLK_TCK"))


def others_share(before: CoreUse, after: CoreUse, seconds: float) -> float:
    """Give the share of the server's core that others took between two readings, from 0 to 1."""
    others_ns = (after.all_ns - before.all_ns) - (after.own_ns - before.own_ns)
    return max(0.0, others_ns / NS_PER_S / seconds)


def rss_bytes(pid: int) -> int:
    """Give the resident memory of a process in bytes."""
    resident_pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE")


def move_to_viewers_core() -> None:
    """Move this process, and so the receivers it starts, to the viewers' core."""
    os.sched_setaffinity(0, {VIEWERS_CORE})
