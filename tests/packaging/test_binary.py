"""The frozen programs do what a checkout does, with nothing around them."""

import json
import re
from pathlib import Path

import pytest

from tests import certificates
from tests.e2e.operating import Operator
from tests.e2e.players import FFMPEG, FRAMES, watch
from tests.packaging.programs import run, serving, start
from tests.pictures import assert_is_run_of, picture_hashes
from vstream import __version__
from vstream.config.settings import SETTINGS

LIMIT_BYTES = 60_000_000


def test_version_names_commit_and_date(program: Path) -> None:
    done = run(program, "--version")
    commit = r"commit [0-9a-f]{7,}(\+changes)?"
    words = rf"vstream {re.escape(__version__)} \({commit}, built \d{{4}}-\d\d-\d\dT[\d:]{{8}}Z\)\n"
    assert re.fullmatch(words, done.stdout), done
    assert (done.returncode, done.stderr) == (0, "")


def test_config_knows_every_setting(program: Path) -> None:
    done = run(program, "config", "--json")
    assert set(json.loads(done.stdout)) == {setting.environment for setting in SETTINGS}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_file_is_played_bit_exact(program: Path, clip: Path, transport: str) -> None:
    with serving([program], f"file:{clip}") as server:
        assert_is_run_of(watch(server.url, transport), picture_hashes(clip))


def test_container(program: Path, film: Path) -> None:
    with serving([program], f"file:{film}") as server:
        assert_is_run_of(watch(server.url, "tcp"), picture_hashes(film))


def test_standard_input(program: Path, clip: Path) -> None:
    with serving([program], "-", "--fps", "5", stdin=clip) as server:
        assert server.process.poll() is None


def test_test_pattern(program: Path) -> None:
    with serving([program], "test", "--width", "320", "--height", "240") as server:
        assert FFMPEG.finish(FFMPEG.start(server.url, "tcp")) >= FRAMES


def test_encrypted(program: Path, clip: Path, tmp_path: Path) -> None:
    with serving([program], f"file:{clip}", *certificates.make(tmp_path).flags) as server:
        assert_is_run_of(watch(server.encrypted_url, "tcp"), picture_hashes(clip))


def test_running_server_is_asked(program: Path, clip: Path) -> None:
    operator = Operator()
    with serving([program], f"file:{clip}", *operator.flags):
        asked = run(program, "healthcheck", operator.url)
        assert asked.returncode == 0, asked
        assert json.loads(run(program, "status", operator.url, "--json").stdout)["version"] == __version__
    assert run(program, "healthcheck", operator.url).returncode == 1


def test_without_libcamera_it_says_what_to_do(program: Path) -> None:
    server = start([program], "camera")
    try:
        server.wait_for("python3-libcamera")
    finally:
        server.process.kill()
        server.wait_for_end()


def test_auto_without_libcamera_shows_the_test_pattern(program: Path) -> None:
    with serving([program], "auto", "--width", "320", "--height", "240") as server:
        assert server.lines_with("streaming the test pattern instead")


def test_probe_sees_its_own_stream(program: Path, tmp_path: Path) -> None:
    small = ("--width", "320", "--height", "240", "--fps", "10")
    ports = ("--rtsp-host", "127.0.0.1", "--rtsp-port", "0", "--rtp-port", "0", "--metrics-port", "0")
    picture = tmp_path / "picture.jpg"
    done = run(program, "probe", "--json", "--source", "auto", *small, *ports, "--snapshot", str(picture))
    checks = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    # A machine too busy to play in time is warned of; so is, here, that there is no camera.
    assert {checks[name]["status"] for name in ("encoder", "playback")} <= {"ok", "warning"}
    assert (checks["snapshot"]["status"], done.returncode, done.stderr) == ("ok", 1, "")
    assert "python3-libcamera" in checks["camera_software"]["seen"] + checks["cameras"]["seen"]
    assert picture.read_bytes().startswith(b"\xff\xd8\xff")


def test_one_file_is_small(program: Path) -> None:
    assert program.stat().st_size <= LIMIT_BYTES
