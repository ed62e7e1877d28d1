"""Clocks as tests see them: a server's, set ahead by the test that watches it, and the one in a sender report."""

import math
import time
from fractions import Fraction
from types import SimpleNamespace

import pytest

from vstream.server import connection, rtsp_server, udp_viewers


class Ahead:
    """By how many seconds connections and sessions believe it is later than it is."""

    def __init__(self) -> None:
        self.s = 0.0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Ahead":
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + self.s)
        for module in (connection, rtsp_server, udp_viewers):
            monkeypatch.setattr(module, "time", clock)
        return self


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> Ahead:
    return Ahead().install(monkeypatch)


def unix_us(ntp_timestamp: int) -> int:
    """Read a 64-bit NTP timestamp as microseconds since 1970, rounded down.

    RFC 4330 section 3: with the top bit clear the seconds count from 2036-02-07 06:28:16, otherwise from 1900.
    """
    seconds = Fraction(ntp_timestamp, 2**32) - (2_208_988_800 if ntp_timestamp >> 63 else -2_085_978_496)
    return math.floor(seconds * 1_000_000)
