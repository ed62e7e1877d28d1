"""Every player that people use decodes the stream over UDP and over TCP, and has nothing to complain about."""

from pathlib import Path

import pytest

from tests.e2e.players import FFMPEG, FRAMES, GSTREAMER, PLAYERS, QGROUNDCONTROL, Player, watch
from tests.e2e.server import Server, serving
from tests.pictures import assert_is_run_of, picture_hashes

TRANSPORTS = ["udp", "tcp"]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_player(server: Server, player: Player, transport: str) -> None:
    if not player.installed:
        pytest.skip(f"{player.name} is not installed")
    asked = f"transport={transport.upper()}"
    before = len([line for line in server.lines_with("Client connected") if asked in line])
    assert player.finish(player.start(server.url, transport)) >= FRAMES
    assert len([line for line in server.lines_with("Client connected") if asked in line]) > before


@pytest.mark.parametrize("player", [GSTREAMER, QGROUNDCONTROL], ids=lambda player: player.name)
def test_who_asks_for_multicast_in_vain_plays_another_way(server: Server, player: Player) -> None:
    if not player.installed:
        pytest.skip(f"{player.name} is not installed")
    assert player.finish(player.start(server.url, "udp-mcast+tcp")) >= FRAMES


def test_ten_at_once(server: Server) -> None:
    chosen = [player for player in PLAYERS if player.installed][:5]
    plays = [(player, player.start(server.url, transport)) for player in chosen for transport in TRANSPORTS]
    assert all(player.finish(process) >= FRAMES for player, process in plays)


def test_pictures_over_tcp_are_bit_exact(server: Server, clip: Path) -> None:
    assert_is_run_of(watch(server.url, "tcp"), picture_hashes(clip))


def test_test_pattern() -> None:
    with serving("test", "--width", "320", "--height", "240") as server:
        assert FFMPEG.finish(FFMPEG.start(server.url, "tcp")) >= FRAMES
