"""The status document of a running server: how long things last, whatever happens to the wall clock."""

import time
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.e2e.viewer import Viewer
from tests.network import wait_until
from tests.served import Served, served
from vstream.config import Settings
from vstream.http import status
from vstream.http.rates import Rates
from vstream.service import Service
from vstream.sources.base import Source
from vstream.supervisor import Supervisor

DAY_S = 86400


def service_of(running: Served) -> Service:
    supervisor = SimpleNamespace(restarts={}, is_running=True, moved_us=0)
    source = SimpleNamespace(name="test", is_waiting=False, remedies=())
    return Service(Settings(), cast(Source, source), running.stream, cast(Supervisor, supervisor), running.server)


@pytest.mark.parametrize("step_s", [-40 * DAY_S, 40 * DAY_S])
def test_a_wall_clock_that_is_set_changes_no_duration_and_rights_dates(
    step_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Pi has no clock of its own that runs on without power."""
    begun_s = time.monotonic()
    with served() as running:
        running.keyframe()
        service = service_of(running)
        with Viewer(running.url).play("udp"):
            wait_until(lambda: bool(running.server.viewers), "the viewer")
            wall = time.time
            monkeypatch.setattr(time, "time", lambda: wall() + step_s)
            told: Mapping[str, Any] = status.status(service, Rates(service))
    now_s = time.time()
    (viewer,) = told["viewers"]
    for seconds in (told["uptime_s"], viewer["seconds"]):
        assert 0 <= seconds <= round(time.monotonic() - begun_s, 1)
    for since in (told["since"], viewer["since"]):
        assert now_s - (time.monotonic() - begun_s) - 1 <= datetime.fromisoformat(since).timestamp() <= now_s
