"""Settings that change while the server runs: when a file is read again, and who has to log in from then on."""

import socket
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.access_units import number_in
from tests.e2e.viewer import Viewer
from tests.network import wait_until
from tests.served import served
from vstream import app
from vstream.config import Settings, load_settings
from vstream.notify import Systemd
from vstream.reload import Reloader
from vstream.rtsp.credentials import Credentials
from vstream.server.password import PasswordKeeper
from vstream.service import Service

FIRST_LINE = "rtsp_max_sessions = 7\n"
WHOLE = FIRST_LINE + 'rtsp_auth = true\nrtsp_username = "viewer"\nrtsp_password = "open sesame"\n'


class Reloading:
    """A reloader, and what its server was told to apply."""

    def __init__(self, path: Path) -> None:
        loaded = load_settings({}, {}, path)
        self.applied: list[Settings] = []
        server = SimpleNamespace(apply=self.applied.append)
        self.service = SimpleNamespace(settings=loaded.settings, source=None, stream=None, server=server)
        self.reloader = Reloader(loaded, cast(Service, self.service))

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


def test_a_file_nested_beyond_all_bounds_is_wrong_like_any_other(
    path: Path, reloading: Reloading, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("a = " + "[" * 3000)
    reloading.reloader.reload()
    (record,) = caplog.records
    assert record.getMessage().startswith(f"Settings kept: --config {path} is no valid TOML")


def test_a_password_file_that_vanishes_within_a_reload_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = Settings(rtsp_auth=True, rtsp_username="other", rtsp_password_file=str(tmp_path / "gone"))
    keeper = PasswordKeeper(Settings(rtsp_auth=True, rtsp_username="viewer", rtsp_password="open sesame"))
    with pytest.raises(ValueError, match="cannot be read"):
        keeper.take(gone)
    keeper.reload()
    assert keeper.credentials(time.monotonic()) == Credentials(b"viewer", b"open sesame")
    assert caplog.records == []


def test_what_cannot_be_applied_is_said_in_one_line(
    path: Path, reloading: Reloading, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with served() as running:
        monkeypatch.setattr(reloading.service, "server", running.server)
        path.write_text(FIRST_LINE + 'rtsp_auth = true\nrtsp_username = "v"\nrtsp_password_file = "/nowhere"\n')
        monkeypatch.setattr("vstream.config.load.problems_with", lambda _settings: [])
        before = reloading.service.settings
        reloading.reloader.reload()
        assert reloading.service.settings is before
        assert not running.server.access.asks_for_password
    (record,) = caplog.records
    assert "/nowhere cannot be read" in record.getMessage()


def test_systemd_hears_of_the_end_of_a_reload_that_fails(tmp_path: Path) -> None:
    class Failing:
        def reload(self) -> None:
            raise RuntimeError("unforeseen")

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        with pytest.raises(RuntimeError):
            app.reload_for(systemd, cast(Reloader, Failing()))
        manager.setblocking(False)
        assert [manager.recv(200).partition(b"\n")[0] for _ in range(2)] == [b"RELOADING=1", b"READY=1"]
