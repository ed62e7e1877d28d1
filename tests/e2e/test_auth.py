"""Logging in with real players, and what becomes of those who try to get in without."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.authorization import DigestClient, basic_header
from tests.e2e.players import FFMPEG, FRAMES, PLAYERS, Player
from tests.e2e.server import Server, serving
from tests.e2e.viewer import Viewer, bound_pair
from tests.network import wait_until

USER, PASSWORD = "viewer", "p4ss:word"
REFUSED_AFTER_FAILURES = 10


@pytest.fixture(scope="module")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


@pytest.fixture(scope="module")
def guarded(clip: Path, password_file: Path) -> Iterator[Server]:
    with serving(clip, *flags(password_file)) as running:
        yield running
        assert not [line for line in running.lines if PASSWORD in line or "response=" in line]


def flags(password_file: Path, *more: str) -> list[str]:
    return ["--rtsp-auth", "--rtsp-username", USER, "--rtsp-password-file", str(password_file), *more]


def with_user(url: str, password: str = "p4ss%3Aword") -> str:
    return url.replace("rtsp://", f"rtsp://{USER}:{password}@")


def login(viewer: Viewer, player: DigestClient) -> int:
    """Ask for a description, then again with credentials; gives the final status."""
    challenge: str = viewer.ask("DESCRIBE").headers["WWW-Authenticate"]
    value = player.header(challenge, "DESCRIBE", viewer.url)
    return viewer.ask("DESCRIBE", Authorization=value.partition(": ")[2]).status


def is_closed_at_once(url: str, source: str) -> bool:
    """Whether a connection from there is closed before it is answered."""
    with Viewer(url, source=source) as viewer:
        try:
            viewer.ask("OPTIONS")
        except ConnectionError:
            return True
    return False


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_players_log_in(guarded: Server, player: Player) -> None:
    if not player.installed:
        pytest.skip(f"{player.name} is not installed")
    assert player.finish(player.start(with_user(guarded.url), "tcp")) >= FRAMES


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_names_and_passwords_may_hold_any_character(clip: Path, tmp_path: Path, player: Player) -> None:
    if not player.installed:
        pytest.skip(f"{player.name} is not installed")
    user, password = "vi@wer/ü 1", 'p@ss/w%rd "#?&+=;, ü\\'
    (tmp_path / "password").write_text(password)
    given = ["--rtsp-auth", "--rtsp-username", user, "--rtsp-password-file", str(tmp_path / "password")]
    with serving(clip, *given) as server:
        url = server.url.replace("rtsp://", f"rtsp://{quote(user, safe='')}:{quote(password, safe='')}@")
        assert player.finish(player.start(url, "tcp")) >= FRAMES
        assert not server.lines_with("Authentication failed")


@pytest.mark.parametrize("player", PLAYERS[:3:2], ids=lambda player: player.name)
def test_players_log_in_over_udp(guarded: Server, player: Player) -> None:
    if not player.installed:
        pytest.skip(f"{player.name} is not installed")
    assert player.finish(player.start(with_user(guarded.url), "udp")) >= FRAMES


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_told_to_the_player_and_noted(clip: Path, password_file: Path, password: str) -> None:
    with serving(clip, *flags(password_file)) as server:
        with FFMPEG.start(with_user(server.url, password), "tcp") as process:
            _, err = process.communicate(timeout=30)
        assert process.returncode != 0
        assert "401 Unauthorized" in err
        line = server.wait_for("Authentication failed")
        assert re.search(rf'address=127\.0\.0\.1:\d+ user={USER} reason="wrong user or password"', line)
        assert not server.lines_with("Client connected")


def test_without_credentials_nothing_is_sent(guarded: Server) -> None:
    noted = len(guarded.lines_with("Authentication failed"))
    with Viewer(guarded.url) as stranger:
        stranger.udp = bound_pair()
        port = stranger.udp[0].getsockname()[1]
        assert stranger.ask("OPTIONS").status == 200
        assert stranger.ask("DESCRIBE").status == 401
        for transport in (f"RTP/AVP;unicast;client_port={port}-{port + 1}", "RTP/AVP;multicast", "RTP/AVP/TCP"):
            assert stranger.ask("SETUP", Transport=transport).status == 401
        assert stranger.ask("PLAY").status == 401
        assert FFMPEG.finish(FFMPEG.start(with_user(guarded.url), "udp")) >= FRAMES
        for one in stranger.udp:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)
    assert len(guarded.lines_with("Authentication failed")) == noted


def test_basic_is_refused_on_a_readable_connection_unless_it_is_wanted(
    clip: Path, guarded: Server, password_file: Path
) -> None:
    value = basic_header(USER, PASSWORD).partition(": ")[2]
    with Viewer(guarded.url, source="127.0.0.9") as viewer:
        assert viewer.ask("DESCRIBE", Authorization=value).status == 401
    with serving(clip, *flags(password_file, "--rtsp-auth-basic")) as server, Viewer(server.url) as viewer:
        assert viewer.ask("DESCRIBE", Authorization=value).status == 200


def test_a_new_password_is_in_force_without_a_restart(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("first")
    with serving(clip, *flags(path)) as server:
        with Viewer(server.url, source="127.0.0.3") as viewer:
            assert login(viewer, DigestClient(USER, "first")) == 200
        path.write_text("second\r\n")

        def takes_the_second() -> bool:
            with Viewer(server.url, source="127.0.0.4") as viewer:
                return login(viewer, DigestClient(USER, "second")) == 200

        wait_until(takes_the_second, "the new password")
        path.unlink()
        with Viewer(server.url, source="127.0.0.3") as viewer:
            assert login(viewer, DigestClient(USER, "second")) == 200


def test_who_keeps_guessing_is_refused_and_nobody_else(clip: Path, password_file: Path) -> None:
    with serving(clip, *flags(password_file)) as server, ExitStack() as stack:
        good, player = stack.enter_context(Viewer(server.url)), DigestClient(USER, PASSWORD)
        assert login(good, player) == 200
        guessers = [stack.enter_context(Viewer(server.url, source="127.0.0.66")) for _ in range(REFUSED_AFTER_FAILURES)]
        for guesser in guessers:
            guesser.send("DESCRIBE", Authorization=f"Basic {'x' * 8}")
        wait_until(lambda: is_closed_at_once(server.url, "127.0.0.66"), "the refusal of the guesser's address")
        assert "reason=failures" in server.wait_for("Connection refused")
        assert login(good, player) == 200
        newcomer = stack.enter_context(Viewer(server.url))
        assert login(newcomer, player) == 200
        # The first ones failed before they were refused, and their connections stand; they may ask no more.
        assert guessers[0].reply().status == 401
        assert guessers[0].ask("DESCRIBE").status == 403
        guessers[0].wait_for_close()


def test_only_chosen_networks_may_connect(clip: Path) -> None:
    with serving(clip, "--rtsp-auth-read-networks", "127.0.0.2, fd00::/8") as server:
        with Viewer(server.url) as outsider:
            outsider.wait_for_close()
        assert "reason=network" in server.wait_for("Connection refused")
        with Viewer(server.url, source="127.0.0.2") as insider:
            assert insider.ask("DESCRIBE").status == 200


def test_a_flood_of_strangers_does_not_flood_the_log(clip: Path) -> None:
    with serving(clip, "--rtsp-auth-read-networks", "127.0.0.2") as server:
        for _ in range(200):
            with Viewer(server.url) as outsider:
                outsider.wait_for_close()
        with Viewer(server.url, source="127.0.0.2") as insider:
            assert insider.ask("DESCRIBE").status == 200
        assert 1 <= len(server.lines_with("Connection refused")) < 200


def test_gstreamer_with_a_wrong_password_is_told(guarded: Server) -> None:
    source = f"rtspsrc location={guarded.url} user-id={USER} user-pw=no protocols=tcp ! fakesink"
    done = subprocess.run(["gst-launch-1.0", *source.split()], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "Unauthorized" in done.stdout + done.stderr
