"""Settings that change while the server runs: viewers stay, and what needs a restart is named."""

import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.depacketizer import ReceivedUnit
from tests.e2e.operating import Operator
from tests.e2e.server import Server, serving
from tests.e2e.viewer import Viewer

PICTURE = ("--width", "640", "--height", "360")
SLOW_BPS, FAST_BPS = 80_000, 3_000_000
SECOND = 30
SECONDS_LIMIT = 20
"""So much of the stream is looked at until a change shows."""


class Measured:
    """Access units as they arrive: how large, and when."""

    def __init__(self, units: Iterator[ReceivedUnit]) -> None:
        self._units = units
        self.arrivals_s: list[float] = []

    def bitrate_bps(self, frames: int) -> float:
        """The mean over the next so many frames, at 30 a second."""
        size = 0
        for _ in range(frames):
            size += sum(len(unit) for unit in next(self._units).units)
            self.arrivals_s.append(time.monotonic())
        return size * 8 * SECOND / frames

    @property
    def largest_gap_s(self) -> float:
        return max(later - earlier for earlier, later in pairwise(self.arrivals_s))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "vstream.toml"
    path.write_text(f"h264_bitrate = {SLOW_BPS}\n")
    return path


def hang_up(server: Server) -> None:
    server.process.send_signal(signal.SIGHUP)


def test_the_same_viewer_sees_another_bitrate(config: Path) -> None:
    with serving("test", *PICTURE, "--config", str(config)) as server, Viewer(server.url).play("udp") as viewer:
        measured = Measured(viewer.units())
        slow_bps = measured.bitrate_bps(2 * SECOND)
        config.write_text(f"h264_bitrate = {FAST_BPS}\n")
        hang_up(server)
        assert "H264_BITRATE=3000000" in server.wait_for("Settings reloaded")
        fast_bps = slow_bps
        for _ in range(SECONDS_LIMIT):  # what was encoded before comes first, however much that is
            if (fast_bps := measured.bitrate_bps(SECOND)) > 3 * slow_bps:
                break
        assert fast_bps > 3 * slow_bps
        print(f"largest gap {measured.largest_gap_s * 1000:.0f} ms, from {slow_bps:.0f} to {fast_bps:.0f} bits/s")
        assert b"b=AS:3000" in viewer.ask("DESCRIBE").body or b"b=TIAS:3000000" in viewer.ask("DESCRIBE").body


def test_the_keyframe_interval(config: Path) -> None:
    with serving("test", *PICTURE, "--config", str(config)) as server, Viewer(server.url).play("tcp") as viewer:
        units = viewer.units()
        next(units)
        config.write_text("keyframe_interval = 5\n")
        hang_up(server)
        server.wait_for("Settings reloaded")
        keyframes: list[int] = []
        for number in range(SECONDS_LIMIT * SECOND):  # what was encoded before comes first, however much that is
            keyframes += [number] if any(nal[0] & 31 == 5 for nal in next(units).units) else []
            if distances(keyframes[-5:]) == [5, 5, 5, 5]:
                break
        assert distances(keyframes[-5:]) == [5, 5, 5, 5]


def distances(numbers: list[int]) -> list[int]:
    return [later - earlier for earlier, later in pairwise(numbers)]


def test_a_changed_file_is_noticed(clip: Path, tmp_path: Path) -> None:
    operator = Operator()
    path = tmp_path / "vstream.toml"
    path.write_text('log_level = "info"\n')
    with serving(clip, *operator.flags, "--config", str(path)) as server:
        replacement = tmp_path / "other.toml"
        replacement.write_text('log_level = "debug"\nrtsp_max_sessions = 7\nstream_width = 640\n')
        replacement.replace(path)
        line = server.wait_for("Settings reloaded")
        assert "LOG_LEVEL=debug" in line
        assert "RTSP_MAX_SESSIONS=7" in line
        assert "STREAM_WIDTH" in server.wait_for("need a restart")
        in_force = operator.json("/status")["settings"]
        assert (in_force["RTSP_MAX_SESSIONS"]["value"], in_force["STREAM_WIDTH"]["value"]) == (7, 1920)


def test_wrong_settings_change_nothing(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "vstream.toml"
    path.write_text("rtsp_max_sessions = 7\n")
    operator = Operator()
    with serving(clip, *operator.flags, "--config", str(path)) as server:
        path.write_text("rtsp_max_sessions = -1\nnonsense = 1\n")
        hang_up(server)
        server.wait_for("Settings kept", times=2)
        assert operator.json("/status")["settings"]["RTSP_MAX_SESSIONS"]["value"] == 7


def test_a_password_for_newcomers(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "vstream.toml"
    path.write_text("")
    with serving(clip, "--config", str(path)) as server, Viewer(server.url).play("udp") as early:
        units = early.units()
        path.write_text('rtsp_auth = true\nrtsp_username = "viewer"\nrtsp_password = "open sesame"\n')
        hang_up(server)
        assert "sesame" not in server.wait_for("Settings reloaded")
        with Viewer(server.url) as late:
            assert late.ask("DESCRIBE").status == 401
        for _ in range(SECOND):
            next(units)


def test_a_file_cannot_change_its_bitrate(clip: Path, config: Path) -> None:
    operator = Operator()
    with serving(clip, *operator.flags, "--config", str(config)) as server:
        config.write_text(f"h264_bitrate = {FAST_BPS}\n")
        hang_up(server)
        server.wait_for("H264_BITRATE kept")
        assert operator.json("/status")["settings"]["H264_BITRATE"]["value"] == SLOW_BPS
