"""Which core does what loopback leaves to the receiving side: the sender's, unless the kernel is told to steer packets.

On a network each viewer's own machine does that work (kernel documentation, networking/scaling, RPS).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.cpu import VIEWERS_CORE
from bench.errors import BenchError

CORES_OF_LOOPBACK = Path("/sys/class/net/lo/queues/rx-0/rps_cpus")


@contextlib.contextmanager
def received_by_viewers() -> Iterator[None]:
    """Have the viewers' core do the receiving in the block, for all who use loopback.

    Raises:
        BenchError: it takes root, or a kernel with RPS.
    """
    try:
        before = CORES_OF_LOOPBACK.read_text()
        CORES_OF_LOOPBACK.write_text(f"{1 << VIEWERS_CORE:x}")
    except OSError as error:
        raise BenchError(f"{CORES_OF_LOOPBACK} cannot be set: {error.strerror}; run this as root") from error
    try:
        yield
    finally:
        CORES_OF_LOOPBACK.write_text(before)
