"""A server's clock, set ahead by the test that watches it."""

import time
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
