"""Real players through HTTP, in the clear and over TLS, with and without a password."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.authorization import DigestClient, basic_header
from tests.certificates import Pair
from tests.e2e.players import FFMPEG, FRAMES, GSTREAMER, Player, watch
from tests.e2e.server import Server, serving
from tests.e2e.test_auth import PASSWORD, USER, with_user
from tests.e2e.test_auth import flags as login_flags
from tests.e2e.tunnelled import HttpViewer, WebSocketStream, WebSocketViewer
from tests.e2e.viewer import Stream, Viewer
from tests.pictures import assert_is_run_of, picture_hashes

TRUST_ANYBODY = " tls-validation-flags=0"


@pytest.fixture(scope="module")
def server(clip: Path, pair: Pair) -> Iterator[Server]:
    with serving(clip, *pair.flags) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(clip: Path, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    password_file = tmp_path_factory.mktemp("secret") / "password"
    password_file.write_text(PASSWORD)
    with serving(clip, *login_flags(password_file), *pair.flags) as running:
        yield running


def encrypted_url(server: Server) -> str:
    """The rtsp:// URL whose port is the one that takes TLS."""
    return server.encrypted_url.replace("rtsps:", "rtsp:")


def play(server: Server, player: Player, url: str, transport: str) -> None:
    """Let a player play to its end, and see that it went through HTTP."""
    if not player.installed:
        pytest.skip(f"{player.name} is not installed")
    before = len(server.lines_with("Client connected"))
    assert player.finish(player.start(url, transport)) >= FRAMES
    (line, *_) = server.lines_with("Client connected")[before:]
    assert "transport=HTTP" in line


def in_gstreamer(url: str, *, encrypted: bool = False) -> str:
    """The URL by which GStreamer asks for a tunnel, over TLS with a certificate that it need not know."""
    scheme = "rtspsh" if encrypted else "rtsph"
    return url.replace("rtsp://", f"{scheme}://") + (TRUST_ANYBODY if encrypted else "")


def test_ffmpeg(server: Server) -> None:
    play(server, FFMPEG, server.url, "http")


def test_ffmpeg_over_tls(server: Server) -> None:
    play(server, FFMPEG, encrypted_url(server), "https")


def test_gstreamer(server: Server) -> None:
    play(server, GSTREAMER, in_gstreamer(server.url), "tcp+http")


def test_gstreamer_over_tls(server: Server) -> None:
    play(server, GSTREAMER, in_gstreamer(encrypted_url(server), encrypted=True), "tcp+http")


def test_ffmpeg_with_a_password(guarded: Server) -> None:
    play(guarded, FFMPEG, with_user(guarded.url), "http")


def test_ffmpeg_with_a_password_over_tls(guarded: Server) -> None:
    play(guarded, FFMPEG, with_user(encrypted_url(guarded)), "https")


def test_gstreamer_with_a_password(guarded: Server) -> None:
    play(guarded, GSTREAMER, in_gstreamer(with_user(guarded.url)), "tcp+http")


def test_gstreamer_with_a_password_over_tls(guarded: Server) -> None:
    play(guarded, GSTREAMER, in_gstreamer(with_user(encrypted_url(guarded)), encrypted=True), "tcp+http")


def test_pictures_through_a_tunnel_are_bit_exact(server: Server, clip: Path) -> None:
    assert_is_run_of(watch(server.url, "http"), picture_hashes(clip))


@pytest.mark.parametrize("kind", [HttpViewer, WebSocketViewer])
def test_whoever_comes_by_a_tunnel_has_to_log_in(guarded: Server, kind: type[Viewer]) -> None:
    with kind(guarded.url, source="127.0.0.8") as viewer:
        refused = viewer.ask("DESCRIBE")
        assert refused.status == 401
        assert not any("Basic" in value for value in refused.headers.get_all("WWW-Authenticate", []))
        answer = DigestClient(USER, PASSWORD).header(refused.headers["WWW-Authenticate"], "DESCRIBE", viewer.url)
        assert viewer.ask("DESCRIBE", Authorization=answer.partition(": ")[2]).status == 200


def test_a_websocket_over_tls(guarded: Server, pair: Pair) -> None:
    """Where nobody else reads along, Basic is offered, too."""

    class EncryptedViewer(Viewer):
        def _connect(self, source: str, receive_buffer_bytes: int) -> Stream:
            return WebSocketStream(self.url, source, tls=pair.trusting())

    with EncryptedViewer(encrypted_url(guarded)) as viewer:
        basic = basic_header(USER, PASSWORD).partition(": ")[2]
        assert viewer.ask("DESCRIBE", Authorization=basic).status == 200
        reply = viewer.ask("SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=0-1", Authorization=basic)
        assert reply.status == 200
        viewer.session = reply.headers["Session"].partition(";")[0]
        viewer.ssrc = int(reply.headers["Transport"].partition("ssrc=")[2][:8], 16)
        assert viewer.ask("PLAY", Authorization=basic).status == 200
        units = viewer.units()
        assert all(next(units) for _ in range(FRAMES))
        assert "transport=WebSocket" in guarded.lines_with("Client connected")[-1]
