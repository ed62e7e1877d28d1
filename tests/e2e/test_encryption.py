"""Players over RTSPS, with and without Digest; encrypted UDP; and what the operator is told."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.authorization import basic_header
from tests.certificates import Pair
from tests.e2e.operating import Operator
from tests.e2e.players import FFMPEG, FRAMES, GSTREAMER, PLAYERS, TIMEOUT_S, Player, watch
from tests.e2e.server import Server, serving
from tests.e2e.test_auth import PASSWORD, USER, flags
from tests.e2e.viewer import Viewer
from tests.network import free_udp_pair, wait_until, wait_until_bound
from tests.pictures import assert_is_run_of, hashes_of, picture_hashes

KIB_A_VIEWER = 64


@pytest.fixture(scope="module")
def server(clip: Path, pair: Pair, operator: Operator) -> Iterator[Server]:
    with serving(clip, *pair.flags, *operator.flags) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(clip: Path, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("secret") / "password"
    path.write_text(f"{PASSWORD}\n")
    with serving(clip, *pair.flags, *flags(path)) as running:
        yield running


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_players_over_tls(server: Server, player: Player) -> None:
    if not player.installed:
        pytest.skip(f"{player.name} is not installed")
    assert player.finish(player.start(server.encrypted_url, "tcp")) >= FRAMES


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_players_log_in_over_tls(guarded: Server, player: Player) -> None:
    if not player.installed:
        pytest.skip(f"{player.name} is not installed")
    url = guarded.encrypted_url.replace("rtsps://", f"rtsps://{USER}:p4ss%3Aword@")
    assert player.finish(player.start(url, "tcp")) >= FRAMES


def test_pictures_over_tls_are_bit_exact(server: Server, clip: Path) -> None:
    assert_is_run_of(watch(server.encrypted_url, "tcp"), picture_hashes(clip))


def test_a_viewer_over_tls_takes_little_memory(clip: Path, pair: Pair) -> None:
    with serving(clip, *pair.flags) as own, ExitStack() as held:

        def join(count: int) -> None:
            for _ in range(count):
                held.enter_context(Viewer(own.encrypted_url, receive_buffer_bytes=4096).set_up("tcp"))

        join(20)
        before_kib = own.resident_kib()
        join(100)
        assert (own.resident_kib() - before_kib) / 100 < KIB_A_VIEWER


def test_gstreamer_goes_from_udp_to_tcp_where_udp_would_be_readable(server: Server) -> None:
    before = len(server.lines_with("transport=TCP"))
    assert GSTREAMER.finish(GSTREAMER.start(server.encrypted_url, "udp+tcp")) >= FRAMES
    assert len(server.lines_with("transport=TCP")) > before


def test_gstreamer_plays_encrypted_udp_and_its_reports_are_understood(server: Server, operator: Operator) -> None:
    source = f"rtspsrc location={server.encrypted_url}?srtp protocols=udp tls-validation-flags=0"
    command = ["gst-launch-1.0", *f"{source} ! rtph264depay ! h264parse ! avdec_h264 ! fakesink".split()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as player:
        try:
            server.wait_for("transport=SRTP")

            def is_understood() -> bool:
                viewers = operator.json("/status")["viewers"]
                return any(viewer["transport"] == "SRTP" and viewer["jitter_s"] is not None for viewer in viewers)

            wait_until(is_understood, "a receiver report")
        finally:
            player.terminate()


def test_gstreamer_decodes_encrypted_udp(server: Server) -> None:
    before = len(server.lines_with("Client connected"))
    assert GSTREAMER.finish(GSTREAMER.start(f"{server.encrypted_url}?srtp", "udp")) >= FRAMES
    assert "transport=SRTP" in server.lines_with("Client connected")[before]


@pytest.mark.parametrize("query", ["?srtp", "?srtp=32"])
def test_ffmpeg_decrypts_by_the_key_in_the_description(server: Server, clip: Path, tmp_path: Path, query: str) -> None:
    """It speaks no RTP/SAVP in its SETUP, so the dialogue is done for it."""
    with Viewer(server.encrypted_url) as viewer:
        described = viewer.ask("DESCRIBE", viewer.url + query)
        port = free_udp_pair()
        viewer.set_up_for(described, port)
        text = described.body.decode().replace("m=video 0", f"m=video {port}")
        (tmp_path / "stream.sdp").write_text(text.replace("0.0.0.0", "127.0.0.1"))
        command = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,udp,rtp,srtp"]
        command += ["-i", str(tmp_path / "stream.sdp"), "-map", "0:v", "-frames:v", str(FRAMES)]
        command += ["-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as player:
            wait_until_bound(port, player)
            assert viewer.ask("PLAY").status == 200
            out, err = player.communicate(timeout=TIMEOUT_S)
    assert (player.returncode, err) == (0, "")
    assert_is_run_of(hashes_of(out), picture_hashes(clip))


def test_ffmpeg_is_refused_where_it_would_not_understand(server: Server) -> None:
    with FFMPEG.start(f"{server.encrypted_url}?srtp", "tcp") as process:
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode != 0
    assert re.search("461|Nonmatching|Protocol|Unsupported", err)


def test_basic_is_offered_where_nobody_can_listen(guarded: Server) -> None:
    value = basic_header(USER, PASSWORD).partition(": ")[2]
    with Viewer(guarded.encrypted_url) as viewer:
        refusal = viewer.ask("DESCRIBE")
        assert [offer.split()[0] for offer in refusal.headers.get_all("WWW-Authenticate", [])] == [
            "Digest",
            "Digest",
            "Digest",
            "Basic",
        ]
        assert viewer.ask("DESCRIBE", Authorization=value).status == 200


def test_both_urls_are_printed_with_what_opens_them(clip: Path, pair: Pair) -> None:
    command = [sys.executable, "-m", "vstream", "serve", "--source", f"file:{clip}", "--rtsp-host", "127.0.0.1"]
    command += ["--rtsp-port", "0", "--rtp-port", "0", "--metrics-port", "0", *pair.flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    server = Server(process)
    server.wait_for("Video is")
    url = server.encrypted_url
    process.terminate()
    assert server.wait_for_end() == 0
    assert process.stdout is not None
    printed = process.stdout.read()
    assert f"  {url}\n    ffplay " in printed
    assert f"vlc --network-caching=100 {url}" not in printed


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (("--rtsp-tls-cert", "/absent.crt", "--rtsp-tls-key", "KEY"), "cannot be used: /absent.crt: No such file"),
        (("--rtsp-tls-cert", "CERTIFICATE", "--rtsp-tls-key", "CERTIFICATE"), "it holds no key in PEM form"),
        (("--rtsp-tls-cert", "CERTIFICATE"), "RTSP_TLS_CERT and RTSP_TLS_KEY go together"),
    ],
)
def test_a_certificate_that_cannot_be_used_ends_in_one_line(pair: Pair, given: tuple[str, ...], line: str) -> None:
    files = {"CERTIFICATE": str(pair.certificate), "KEY": str(pair.key)}
    command = [sys.executable, "-m", "vstream", "serve", "--source", "test", "--rtsp-port", "0", "--rtp-port", "0"]
    command += ["--metrics-port", "0", "--rtsps-port", "0", *(files.get(word, word) for word in given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 2
    assert line in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
