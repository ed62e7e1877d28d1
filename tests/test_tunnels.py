"""Tunnels of a running server: what live555, QuickTime and browsers do with them, and what nobody may."""

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests import certificates
from tests.access_units import number_in
from tests.e2e.tunnelled import (
    HttpTunnel,
    HttpViewer,
    WebSocketViewer,
    get_head,
    opened_websocket,
    post_head,
    read_head,
)
from tests.e2e.viewer import Viewer, connected, receiver_report
from tests.network import read_to_end, wait_until
from tests.served import Served, served
from vstream.config import Settings

OPTIONS = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
INTERLEAVED = "RTP/AVP/TCP;unicast;interleaved=0-1"
KINDS = pytest.mark.parametrize("kind", [HttpViewer, WebSocketViewer])


@pytest.fixture
def running() -> Iterator[Served]:
    with served() as server:
        server.keyframe()
        yield server


def give_up_soon(running: Served) -> None:
    """Wait no longer for the rest of what came in part; before that a slow machine has all the time it wants."""
    running.server.request_timeout_s = 0.1


def receive(tcp: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = tcp.recv(size - len(data))
        assert piece, data
        data += piece
    return data


def send_until_closed(tcp: socket.socket, data: bytes) -> None:
    """Send the same again and again."""
    with contextlib.suppress(OSError):
        while True:
            tcp.sendall(data)


@KINDS
def test_a_viewer_through_a_tunnel(running: Served, kind: type[Viewer]) -> None:
    with kind(running.url).play("tcp") as viewer:
        units = viewer.units()
        assert number_in(next(units).units) == 0
        for number in range(1, 30):
            running.picture(number * 300)
            assert number_in(next(units).units) == number
        assert viewer.ask("PAUSE").status == 200
        assert viewer.ask("TEARDOWN").status == 200
    wait_until(lambda: not running.server.viewers, "the end of the viewer")


@KINDS
def test_the_session_ends_with_the_connection_that_media_goes_over(running: Served, kind: type[Viewer]) -> None:
    with kind(running.url).play("tcp") as viewer:
        viewer.rtp()
        assert len(running.server.viewers) == 1
    wait_until(lambda: not running.server.viewers, "the end of the viewer")


@KINDS
def test_udp_is_not_sent_past_a_tunnel(running: Served, kind: type[Viewer]) -> None:
    with kind(running.url) as viewer:
        udp = "RTP/AVP;unicast;client_port=5000-5001"
        assert viewer.ask("SETUP", Transport=udp).status == 461
        reply = viewer.ask("SETUP", Transport=f"{udp},{INTERLEAVED}")
        assert reply.status == 200
        assert "interleaved=0-1" in reply.headers["Transport"]


@KINDS
def test_a_server_that_ends_says_so_through_the_tunnel(running: Served, kind: type[Viewer]) -> None:
    with kind(running.url).play("tcp") as viewer:
        viewer.rtp()
        running.shut_down()
        viewer.wait_for_goodbye()


def test_live555_and_vlc_word_for_word(running: Served) -> None:
    """Their requests are padded each by itself, and their receiver reports come on the GET, as they are."""
    agent = "User-Agent: LibVLC/3.0.24 (LIVE555 Streaming Media v2016.11.28)"
    cookie, url = "1f3870be274f6c49b3e31a0", running.url
    common = ["Host: 127.0.0.1", f"x-sessioncookie: {cookie}"]
    never = ["Pragma: no-cache", "Cache-Control: no-cache"]
    get = ["GET /video HTTP/1.0", "CSeq: 1", agent, *common, "Accept: application/x-rtsp-tunnelled", *never]
    post = ["POST /video HTTP/1.0", "CSeq: 1", agent, *common, "Content-Type: application/x-rtsp-tunnelled", *never]
    post += ["Content-Length: 32767", "Expires: Sun, 9 Jan 1972 00:00:00 GMT"]
    with connected(url) as down, connected(url) as up:
        down.sendall("\r\n".join([*get, "", ""]).encode())
        assert read_head(down).startswith(b"HTTP/1.0 200 OK\r\n")
        up.sendall("\r\n".join([*post, "", ""]).encode())

        def ask(cseq: int, method: str, target: str, *fields: str) -> bytes:
            text = "\r\n".join([f"{method} {target} RTSP/1.0", f"CSeq: {cseq}", agent, *fields, "", ""])
            up.sendall(base64.b64encode(text.encode()))
            head = read_head(down)
            assert head.startswith(b"RTSP/1.0 200 OK\r\n")
            assert f"\r\nCSeq: {cseq}\r\n".encode() in head
            return head

        ask(2, "OPTIONS", url)
        described = ask(3, "DESCRIBE", url, "Accept: application/sdp")
        receive(down, int(described.partition(b"Content-Length: ")[2].split()[0]))
        ready = ask(4, "SETUP", f"{url}/trackID=0", f"Transport: {INTERLEAVED}").decode()
        session = ready.partition("Session: ")[2].partition(";")[0]
        ssrc = int(ready.partition("ssrc=")[2][:8], 16)
        ask(5, "PLAY", f"{url}/", f"Session: {session}", "Range: npt=0.000-")
        assert down.recv(1) == b"$"
        report = receiver_report(ssrc, fraction_lost=64)
        for cut in (b"$\1" + len(report).to_bytes(2, "big") + report[:9], report[9:]):
            down.sendall(cut)
        (viewer,) = running.server.viewers.values()
        wait_until(lambda: viewer.reception.fraction_lost == 0.25, "the receiver report")
        up.sendall(base64.b64encode(f"TEARDOWN {url}/ RTSP/1.0\r\nCSeq: 6\r\nSession: {session}\r\n\r\n".encode()))
    wait_until(lambda: not running.server.viewers, "the end of the viewer")


def test_the_heads_of_gortsplib(running: Served) -> None:
    """MediaMTX as a puller: HTTP/1.1, and a length on the GET, too, behind which nothing follows."""
    cookie = "6fa459eaee8a3ca4894edb77e160355e"
    lines = ["/video HTTP/1.1", "Host: 127.0.0.1:8554", f"X-Sessioncookie: {cookie}"]
    length = ["Content-Length: 30000", "", ""]
    with connected(running.url) as down, connected(running.url) as up:
        down.sendall(
            "\r\n".join(["GET " + lines[0], *lines[1:], "Accept: application/x-rtsp-tunnelled", *length]).encode()
        )
        assert read_head(down).startswith(b"HTTP/1.1 200 OK\r\n")
        content = "Content-Type: application/x-rtsp-tunnelled"
        up.sendall("\r\n".join(["POST " + lines[0], *lines[1:], content, *length]).encode())
        for _ in range(30):
            up.sendall(base64.b64encode(OPTIONS.replace(b"CSeq: 1", b"CSeq: 1\r\nPadding: " + b"x" * 2000)))
            assert read_head(down).startswith(b"RTSP/1.0 200 OK\r\n")


def test_more_than_a_post_claims_to_be_long(running: Served) -> None:
    with HttpViewer(running.url) as viewer:
        for _ in range(30):
            assert viewer.ask("OPTIONS", Padding="x" * 2000).status == 200


def test_a_request_cut_within_base64_and_over_two_posts(running: Served) -> None:
    """QuickTime closes its POST and opens another with the same cookie; media goes on."""
    with HttpViewer(running.url).play("tcp") as viewer:
        viewer.rtp()
        for request in (OPTIONS, OPTIONS[:17]):
            text = base64.b64encode(request)
            for start in range(0, len(text), 3):
                viewer.tunnel.post.sendall(text[start : start + 3])
        viewer.tunnel.post.close()
        running.picture()
        viewer.rtp()
        viewer.tunnel.open_post().sendall(base64.b64encode(OPTIONS[17:]))
        viewer._cseq = 1
        assert [viewer.reply().status for _ in range(2)] == [200, 200]
        assert len(running.server.viewers) == 1


def test_a_new_post_takes_the_place_of_the_old_one(running: Served) -> None:
    with HttpViewer(running.url) as viewer:
        assert viewer.ask("OPTIONS").status == 200
        old = viewer.tunnel.post
        viewer.tunnel.open_post()
        assert viewer.ask("OPTIONS").status == 200
        assert old.recv(1) == b""
        old.close()


def test_a_post_that_comes_first_waits_for_its_get(running: Served) -> None:
    with connected(running.url) as up, connected(running.url) as down:
        up.sendall(post_head("early") + base64.b64encode(OPTIONS))
        wait_until(lambda: len(running.server._connections) == 2, "both connections")
        down.sendall(get_head("early"))
        assert read_head(down).startswith(b"HTTP/1.0 200 ")
        assert read_head(down).startswith(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n")


@pytest.mark.parametrize("head", [get_head("lonely"), post_head("lonely"), post_head("lonely") + b"T1BU"])
def test_half_a_tunnel_is_given_up(running: Served, head: bytes) -> None:
    with connected(running.url) as half:
        half.sendall(head)
        give_up_soon(running)
        answer = read_to_end(half)
        assert answer == b"" or answer.startswith(b"HTTP/1.0 200 ")


def test_a_post_that_waits_may_not_send_without_end(running: Served) -> None:
    with connected(running.url) as up, contextlib.suppress(ConnectionError):
        up.sendall(post_head("endless"))
        for _ in range(10_000):
            up.sendall(b"T1BU" * 1000)
        pytest.fail("the server took 40 MB")


def test_another_address_reaches_nothing_with_a_stolen_cookie(running: Served) -> None:
    with HttpViewer(running.url).play("tcp") as viewer, connected(running.url, "127.0.0.2") as thief:
        thief.sendall(post_head(viewer.tunnel.cookie))
        teardown = f"TEARDOWN {running.url} RTSP/1.0\r\nCSeq: 9\r\nSession: {viewer.session}\r\n\r\n"
        thief.sendall(base64.b64encode(teardown.encode()))
        give_up_soon(running)
        assert read_to_end(thief) == b""
        running.picture()
        assert number_in(next(viewer.units()).units) == 0
        assert viewer.ask("OPTIONS").status == 200


def test_a_second_get_with_the_same_cookie_is_refused(running: Served) -> None:
    with HttpViewer(running.url).play("tcp") as viewer, connected(running.url) as second:
        second.sendall(get_head(viewer.tunnel.cookie))
        assert read_to_end(second).startswith(b"HTTP/1.0 409 Conflict\r\n")
        assert viewer.ask("OPTIONS").status == 200


def test_a_cookie_may_be_used_again_once_its_tunnel_is_gone(running: Served) -> None:
    for _ in range(3):
        tunnel = HttpTunnel(running.url, cookie="same")
        tunnel.sendall(OPTIONS)
        assert read_head(tunnel.get).startswith(b"RTSP/1.0 200 OK\r\n")
        tunnel.close()
        wait_until(lambda: not len(running.server._connections), "the end of the tunnel")


def test_what_is_no_base64_is_told_and_ends_both_connections(running: Served) -> None:
    tunnel = HttpTunnel(running.url)
    tunnel.post.sendall(b"OPTIONS * RTSP/1.0\r\n\r\n")
    assert read_to_end(tunnel.get).startswith(b"RTSP/1.0 400 Bad Request\r\n")
    assert read_to_end(tunnel.post) == b""
    tunnel.close()


def test_half_a_request_in_a_tunnel_is_given_up(running: Served) -> None:
    tunnel = HttpTunnel(running.url)
    tunnel.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq:")
    give_up_soon(running)
    assert read_to_end(tunnel.get).startswith(b"RTSP/1.0 408 ")
    tunnel.close()


@KINDS
@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 16385\r\n\r\n", 413),
        (b"OPTIONS rtsp://h/" + b"a" * 4096, 414),
        (b"OPTIONS * RTSP/1.0\r\nX: " + b"a" * 16384, 400),
    ],
)
def test_what_is_tunnelled_is_bounded(running: Served, kind: type[Viewer], request_text: bytes, status: int) -> None:
    with kind(running.url) as viewer:
        viewer.connection.sendall(request_text)
        assert viewer.connection.recv(100).startswith(f"RTSP/1.0 {status} ".encode())


@pytest.mark.parametrize("inner", [get_head("inner"), b"GET / HTTP/1.1\r\n\r\n"])
def test_http_is_no_part_of_what_is_tunnelled(running: Served, inner: bytes) -> None:
    tunnel = HttpTunnel(running.url)
    tunnel.sendall(inner)
    assert read_to_end(tunnel.get).startswith(b"RTSP/1.0 400 ")
    tunnel.close()
    with connected(running.url) as plain:
        plain.sendall(OPTIONS + inner)
        assert read_to_end(plain).count(b"RTSP/1.0 400 ") == 1


def test_requests_and_frames_right_behind_the_handshake(running: Served) -> None:
    """Both halves of a tunnel may bring their first bytes together with their heads."""
    with connected(running.url) as down, connected(running.url) as up:
        down.sendall(get_head("quick") + b"$\1\0\4\0\0\0\0")
        up.sendall(post_head("quick") + base64.b64encode(OPTIONS))
        read_head(down)
        assert read_head(down).startswith(b"RTSP/1.0 200 OK\r\n")


def test_a_browser_that_comes_by_is_told_what_this_is(running: Served) -> None:
    with connected(running.url) as browser:
        browser.sendall(b"GET / HTTP/1.1\r\nHost: camera\r\nAccept: text/html\r\nConnection: keep-alive\r\n\r\n")
        answer = read_to_end(browser)
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert answer.endswith(
        b"\r\n\r\nThis is an RTSP server: open its rtsp:// URL in a player. It answers HTTP to tunnelled RTSP alone.\n"
    )


def test_a_page_of_another_site_may_not_watch(running: Served) -> None:
    with pytest.raises(InvalidStatus) as refusal, opened_websocket(running.url, origin="https://elsewhere.example"):
        pass
    assert refusal.value.response.status_code == 403


def test_a_page_that_was_chosen_may() -> None:
    origin = "https://nvr.example"
    with (
        served(settings=Settings(rtsp_websocket_origins=origin)) as server,
        opened_websocket(server.url, origin=origin, path="/any/path") as connection,
    ):
        connection.send(OPTIONS)
        assert connection.recv(20, decode=False).startswith(b"RTSP/1.0 200 OK\r\n")


def test_a_websocket_is_pinged_and_closed(running: Served) -> None:
    with opened_websocket(running.url) as connection:
        assert connection.ping(b"still there").wait(20)
        connection.send([OPTIONS[:10], OPTIONS[10:20], OPTIONS[20:]])
        assert connection.recv(20, decode=False).startswith(b"RTSP/1.0 200 OK\r\n")
    assert connection.close_code == 1000


def test_text_is_refused_with_the_reason(running: Served) -> None:
    with opened_websocket(running.url) as connection:
        connection.send(OPTIONS.decode())
        with pytest.raises(ConnectionClosed):
            connection.recv(20)
    assert connection.close_code == 1003


def test_a_viewer_who_closes_the_websocket_is_told_goodbye_before(running: Served) -> None:
    with WebSocketViewer(running.url).play("tcp") as viewer:
        viewer.rtp()
        viewer.stream.connection.close()
        viewer.wait_for_goodbye()


def test_a_slow_viewer_loses_whole_messages(running: Served) -> None:
    """Every message that comes is whole, and what comes can be decoded."""
    with WebSocketViewer(running.url).play("tcp") as viewer:
        running.keyframes_until_one_is_sent()
        while not running.stream.fanout.units_dropped:
            running.picture(50_000)
        assert viewer.ask("OPTIONS").status == 200


def test_a_connection_too_many_is_told_by_http() -> None:
    with served(settings=Settings(rtsp_max_connections=1)) as server:
        server.keyframe()
        with Viewer(server.url).play("tcp"), connected(server.url) as late:
            late.sendall(get_head("late"))
            answer = read_to_end(late)
            assert answer.startswith(b"HTTP/1.0 503 Service Unavailable\r\n")
            assert b"\r\nRetry-After: " in answer


def test_a_tunnel_finds_room_for_both_of_its_connections() -> None:
    """Its GET is not what gives way to its POST."""
    with served(settings=Settings(rtsp_max_connections=2)) as server, contextlib.ExitStack() as idle:
        server.keyframe()
        for _ in range(2):
            idle.enter_context(connected(server.url))
        with HttpViewer(server.url).play("tcp") as viewer:
            assert next(viewer.units())


def test_a_flood_over_tls_does_not_keep_the_server_from_others(tmp_path: Path) -> None:
    """Empty messages cost their sender nothing and ask for no answer."""
    pair = certificates.make(tmp_path)
    empty_messages = b"\x82\x80mask" * 10_000
    with (
        served(tls=pair) as server,
        Viewer(server.url) as viewer,
        opened_websocket(server.encrypted_url.replace("rtsps:", "rtsp:"), tls=pair.trusting()) as flooding,
    ):
        flooder = threading.Thread(target=send_until_closed, args=(flooding.socket, empty_messages))
        flooder.start()
        for _ in range(20):
            assert viewer.ask("OPTIONS").status == 200
        assert flooder.is_alive()
        server.shut_down()
        flooder.join(20)
        assert not flooder.is_alive()
