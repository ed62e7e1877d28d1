"""Settings that change while the server runs: when a file is read again, and who has to log in from then on."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.access_units import number_in
from tests.e2e.viewer import Viewer
from tests.network import wait_until
from tests.served import served
from vstream.config import Settings, load_settings
from vstream.reload import Reloader
from vstream.service import Service

FIRST_LINE = "rtsp_max_sessions = 7\n"
WHOLE = FIRST_LINE + 'rtsp_auth = true\nrtsp_username = "viewer"\nrtsp_password = "open sesame"\n'


class Reloading:
    """A reloader, and what its server was told to apply."""

    def __init__(self, path: Path) -> None:
        loaded = load_settings({}, {}, path)
        self.applied: list[Settings] = []
        server = SimpleNamespace(apply=self.applied.append)
        service = SimpleNamespace(settings=loaded.settings, source=None, stream=None, server=server)
        self.reloader = Reloader(loaded, cast(Service, service))

    def looks(self, times: int) -> int:
        """Look so often; gives how often it reloaded."""
        before = len(self.applied)
        for _ in range(times):
            self.reloader.look()
        return len(self.applied) - before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "vstream.toml"
    path.write_text(WHOLE)
    return path


@pytest.fixture
def reloading(path: Path) -> Reloading:
    return Reloading(path)


def test_a_file_is_read_again_once_it_stays_as_it_is(path: Path, reloading: Reloading) -> None:
    assert reloading.looks(3) == 0
    with path.open("w") as file:
        file.write(FIRST_LINE)
        file.flush()
        assert reloading.looks(1) == 0, "it may be half written"
        file.write(WHOLE.removeprefix(FIRST_LINE).replace("sesame", "barley and rye"))
    assert reloading.looks(1) == 0
    assert reloading.looks(3) == 1
    assert reloading.applied[0].rtsp_auth
    assert reloading.applied[0].rtsp_password == "open barley and rye"


def test_a_file_that_was_away_meanwhile_is_none_that_stayed(path: Path, reloading: Reloading) -> None:
    path.unlink()
    assert reloading.looks(2) == 0
    path.write_text(FIRST_LINE)
    assert reloading.looks(1) == 0
    path.unlink()
    assert reloading.looks(1) == 0


def test_a_change_of_mode_alone_is_seen(path: Path, reloading: Reloading) -> None:
    changed_ns = path.stat().st_ctime_ns

    def chmod() -> bool:
        path.chmod(0o600)
        return path.stat().st_ctime_ns != changed_ns

    wait_until(chmod, "the file system's next tick")
    assert reloading.looks(2) == 1


def test_a_reload_that_is_asked_for_does_not_wait(path: Path, reloading: Reloading) -> None:
    path.write_text(WHOLE.replace("7", "8"))
    reloading.reloader.reload()
    assert [settings.rtsp_max_sessions for settings in reloading.applied] == [8]
    assert reloading.looks(3) == 0


def test_who_came_before_there_was_a_password_has_to_log_in_or_watches_already() -> None:
    password = Settings(rtsp_auth=True, rtsp_username="viewer", rtsp_password="open sesame")
    with served() as running, Viewer(running.url) as watching, Viewer(running.url) as idle:
        running.keyframe()
        watching.play("tcp")
        assert idle.ask("OPTIONS").status == 200
        running.on_loop(lambda: running.server.apply(password))
        idle.wait_for_close()
        with Viewer(running.url) as late:
            assert late.ask("DESCRIBE").status == 401
            running.on_loop(lambda: running.server.apply(replace(password, rtsp_password="open barley")))
            assert late.ask("DESCRIBE").status == 401
        running.keyframe()
        assert number_in(next(watching.units()).units) == 0
