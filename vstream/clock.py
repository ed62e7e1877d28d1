"""The two clocks: CLOCK_MONOTONIC, by which everything here happens, and the wall clock as RTP tells it."""

import time

from vstream.rtp import ntp_from_unix_us


def monotonic_us() -> int:
    """CLOCK_MONOTONIC in microseconds, the clock of every `*_us`."""
    return time.monotonic_ns() // 1000


def ntp_now() -> int:
    """The wall clock as a 64-bit NTP timestamp (RFC 3550 section 4)."""
    return ntp_from_unix_us(time.time_ns() // 1000)
