"""How sessions end: by request, by their connection, by silence, by refusal; each time at once and without a rest."""

import gc
import logging
import socket
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from bench.rtsp_client import RECEIVE_BUFFER_BYTES
from tests.access_units import number_in
from tests.clock import Ahead, ahead
from tests.e2e.viewer import BYE, TIMEOUT_S, Viewer, bound_pair, packet_types, receiver_report
from tests.network import wait_until
from tests.served import Served, served
from vstream._fastpath import TcpWriter, UdpWriter
from vstream.config import Settings
from vstream.rtsp.session import Session
from vstream.server.viewer import Viewer as ServedViewer

__all__ = ["ahead"]

LOOPBACKS = [("127.0.0.1", "127.0.0.1"), ("", "127.0.0.1"), ("", "::1"), ("::1", "::1")]
SESSION_TIMEOUT_S = Settings().rtsp_session_timeout_s
SENDER_REPORT = 200
SLICE = 0x41
"""The first byte of a picture that is no keyframe and fits one packet."""


def url_at(running: Served, host: str) -> str:
    return f"rtsp://{f'[{host}]' if ':' in host else host}:{running.server.port}/video"


def is_silent(viewer: Viewer) -> bool:
    """Whether nothing more came to a viewer over UDP, once what came before is read."""
    assert viewer.udp
    viewer.udp[0].setblocking(False)
    try:
        return not viewer.udp[0].recv(1)
    except BlockingIOError:
        return True


def read_all(viewer: Viewer) -> None:
    while not is_silent(viewer):
        pass


@pytest.mark.parametrize("ending", ["TEARDOWN", "close", "reset"])
def test_udp_stops_with_the_request_the_connection_or_its_reset(ending: str) -> None:
    with served() as running, Viewer(running.url) as steady:
        running.keyframe()
        steady.play("udp")
        viewer = Viewer(running.url).play("udp")
        sockets = viewer.udp
        viewer.rtp()
        if ending == "TEARDOWN":
            assert viewer.ask("TEARDOWN").status == 200
        elif ending == "reset":
            viewer.reset()
        else:
            viewer.udp = None
            viewer.close()
            viewer.udp = sockets
        # Its silence would end it as well, but far later.
        wait_until(lambda: len(running.server.viewers) == 1, "its end", timeout_s=SESSION_TIMEOUT_S / 2)
        read_all(viewer)
        for _ in range(10):
            running.picture()
        units = steady.units()
        assert [number_in(next(units).units) for _ in range(11)] == list(range(11))
        assert is_silent(viewer)
        viewer.close()


@pytest.mark.parametrize("life", ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "RTCP"])
def test_each_sign_of_life_keeps_a_session(life: str, ahead: Ahead) -> None:
    with served() as running, ExitStack() as stack:
        running.keyframe()
        silent, lively = (stack.enter_context(Viewer(running.url)).play("udp") for _ in range(2))
        assert lively.udp
        _, server = lively.udp[1].recvfrom(2048)
        ahead.s = 50
        if life == "RTCP":
            lively.udp[1].sendto(receiver_report(running.stream.ssrc, lost=5), server)
            wait_until(lambda: 5 in losses(running), "the report being heard")
        else:
            assert lively.ask(life).status == 200
        ahead.s = 100
        silent.wait_for_goodbye()
        wait_until(lambda: len(running.server.viewers) == 1, "the silent one's end")
        assert lively.ask("OPTIONS").status == 200


def test_who_never_plays_keeps_no_place_for_ever(ahead: Ahead) -> None:
    with served() as running, Viewer(running.url) as idle, Viewer(running.url) as paused, Viewer(running.url) as steady:
        running.keyframe()
        idle.set_up("tcp")
        assert paused.play("tcp").ask("PAUSE").status == 200
        steady.play("tcp")
        ahead.s = 100
        idle.wait_for_close()
        let_all_be_looked_at(running)
        for viewer in (paused, steady):
            assert viewer.ask("PLAY").status == 200


def test_a_peer_that_is_gone_is_noticed_within_two_minutes() -> None:
    """By the connection alone, where nothing is to be sent (tcp(7))."""
    with served() as running, Viewer(running.url) as viewer:
        assert viewer.ask("OPTIONS").status == 200
        (connection,) = running.server._connections
        options = socket.SO_KEEPALIVE, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT
        levels = socket.SOL_SOCKET, *[socket.IPPROTO_TCP] * 3
        is_on, idle_s, interval_s, count = map(connection._socket.getsockopt, levels, options)
        assert is_on
        assert idle_s + interval_s * count <= 120


def play_at_ports_of(owner: Viewer, other: Viewer) -> None:
    """Have another session play to the ports that one has already."""
    assert owner.udp
    port = owner.udp[0].getsockname()[1]
    reply = other.ask("SETUP", Transport=f"RTP/AVP;unicast;client_port={port}-{port + 1}")
    other.session = reply.headers["Session"].partition(";")[0]
    assert other.ask("PLAY").status == 200
    assert other.ask("OPTIONS").status == 200, "by then it plays"


def rtcp_that_came(viewer: Viewer) -> list[int]:
    """The types of all RTCP packets that a viewer over UDP did not read yet."""
    assert viewer.udp
    viewer.udp[1].setblocking(False)
    kinds: list[int] = []
    try:
        while True:
            kinds += packet_types(viewer.udp[1].recv(2048))
    except BlockingIOError:
        return kinds
    finally:
        viewer.udp[1].settimeout(TIMEOUT_S)


@pytest.mark.parametrize("ending", ["TEARDOWN", "close", "silence"])
def test_who_announces_the_ports_of_another_does_not_end_that_ones_stream(ending: str, ahead: Ahead) -> None:
    """As a player with ports of its own choice that comes back before its last session is over."""
    with served() as running, Viewer(running.url) as viewer, Viewer(running.url) as other:
        running.keyframe()
        viewer.play("udp")
        play_at_ports_of(viewer, other)
        assert len(running.server.viewers) == 2
        if ending == "silence":
            ahead.s = 50
            assert viewer.ask("OPTIONS").status == 200
            ahead.s = 100
        elif ending == "close":
            other.close()
        else:
            assert other.ask("TEARDOWN").status == 200
        wait_until(lambda: len(running.server.viewers) == 1, "the other's end")
        assert BYE not in rtcp_that_came(viewer)
        ahead.s = max(ahead.s, 50)
        report_loss(running, viewer, lost=5)
        ahead.s += 50
        let_all_be_looked_at(running)
        assert len(running.server.viewers) == 1, "its reports are signs of life"
        ahead.s += 50
        viewer.wait_for_goodbye()


def report_loss(running: Served, viewer: Viewer, lost: int) -> None:
    """Have a viewer report a loss, and wait until all who are served at its ports are known to have it."""
    viewer.send_rtcp(receiver_report(running.stream.ssrc, lost=lost))
    wait_until(lambda: set(losses(running)) == {lost}, "the report being heard")


def test_what_is_reported_from_a_port_is_said_of_all_who_are_served_there() -> None:
    with served() as running, Viewer(running.url) as viewer, Viewer(running.url) as other:
        running.keyframe()
        viewer.play("udp")
        play_at_ports_of(viewer, other)
        report_loss(running, viewer, lost=7)
        assert losses(running) == [7, 7]


def test_a_late_datagram_moves_nobody_who_was_there_before() -> None:
    """Of two at one port it is the newer one who may still come through its NAT."""
    with served() as running, Viewer(running.url) as viewer, Viewer(running.url) as other:
        running.keyframe()
        viewer.play("udp")
        assert viewer.ask("OPTIONS").status == 200, "by then it plays"
        report_loss(running, viewer, lost=1)
        play_at_ports_of(viewer, other)
        other.udp, other.ssrc = bound_pair(), viewer.ssrc
        stray = receiver_report(running.stream.ssrc, lost=2)
        for one, port in zip(other.udp, viewer.server_ports, strict=True):
            one.sendto(stray, ("127.0.0.1", port))
        wait_until(lambda: losses(running) == [1, 2], "the other's report")
        viewer.send_rtcp(receiver_report(running.stream.ssrc, lost=3))
        wait_until(lambda: losses(running) == [3, 2], "each report being its own viewer's")
        running.picture()
        assert number_in(next(other.units()).units) == 0
        while (payload := viewer.rtp()[12:])[0] != SLICE:
            pass
        assert number_in((payload,)) == 1


def send_from(pair: tuple[socket.socket, socket.socket], running: Served, to: tuple[int, ...]) -> None:
    """Have a datagram come to both ports of the server from a pair of sockets, and the server read them."""
    for one, port in zip(pair, to, strict=True):
        one.sendto(receiver_report(running.stream.ssrc, lost=9), ("127.0.0.1", port))
    running.on_loop(running.server._udp.receive)


@pytest.mark.parametrize("words_come", ["before SETUP", "before PLAY", "after PLAY"])
def test_the_last_words_of_one_who_left_draw_no_media_there(words_come: str) -> None:
    """A player's last report, or its BYE, often comes after its TEARDOWN."""
    with served() as running, Viewer(running.url) as gone, Viewer(running.url) as viewer:
        running.keyframe()
        gone.play("udp")
        assert gone.udp
        assert gone.ask("TEARDOWN").status == 200
        if words_come == "before SETUP":
            send_from(gone.udp, running, gone.server_ports)
        viewer.set_up("udp")
        if words_come == "before PLAY":
            send_from(gone.udp, running, gone.server_ports)
        assert viewer.ask("PLAY").status == 200
        assert viewer.ask("OPTIONS").status == 200, "by then it plays"
        if words_come == "after PLAY":
            send_from(gone.udp, running, gone.server_ports)
        read_all(gone)
        running.picture()
        units = viewer.units()
        assert [number_in(next(units).units) for _ in range(2)] == [0, 1]
        assert SENDER_REPORT in rtcp_that_came(viewer)
        assert is_silent(gone)


def test_who_was_taken_to_be_elsewhere_is_served_where_it_announced_once_heard_from_there() -> None:
    with served() as running, Viewer(running.url) as viewer, ExitStack() as stack:
        running.keyframe()
        stray = bound_pair()
        for one in stray:
            stack.enter_context(one)
        viewer.set_up("udp")
        assert viewer.udp
        send_from(stray, running, viewer.server_ports)
        assert viewer.ask("PLAY").status == 200
        assert stray[0].recv(65536), "it cannot be known that this is not the viewer behind its NAT"
        send_from(viewer.udp, running, viewer.server_ports)
        assert number_in(next(viewer.units()).units) == 0
        assert losses(running) == [9]


def losses(running: Served) -> list[int | None]:
    """The packets that each viewer reports as lost."""
    return [viewer.reception.packets_lost for viewer in list(running.server.viewers.values())]


@pytest.mark.parametrize(("listening", "asked"), LOOPBACKS)
def test_a_port_that_goes_on_refusing_ends_its_session_alone(
    listening: str, asked: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vstream.server.viewer")
    with served(host=listening) as running, ExitStack() as stack:
        running.keyframe()
        gone, steady = (stack.enter_context(Viewer(url_at(running, asked))).play("udp") for _ in range(2))
        gone.leave_udp()

        def ended() -> list[logging.LogRecord]:
            return [record for record in caplog.records if record.message == "Client disconnected"]

        def is_over() -> bool:
            running.picture(3000)
            return bool(ended())

        wait_until(is_over, "the end of the one whose port is closed")
        assert [record.__dict__["reason"] for record in ended()] == ["port unreachable"]
        assert str(ended()[0].__dict__["address"]).replace("[", "").replace("]", "") == gone.address
        units = steady.units()
        assert [number_in(next(units).units) for _ in range(running.count)] == list(range(running.count))
        assert gone.ask("GET_PARAMETER").status == 454
        assert gone.ask("TEARDOWN").status == 200, "as it wants; GStreamer goes on to TCP only then"
        gone.session = ""
        gone.play("tcp")
        running.keyframe()
        gone.rtp()


def test_a_port_that_goes_on_refusing_ends_all_who_are_served_there() -> None:
    with served() as running, Viewer(running.url) as viewer, Viewer(running.url) as other:
        running.keyframe()
        viewer.play("udp")
        play_at_ports_of(viewer, other)
        viewer.leave_udp()

        def are_over() -> bool:
            running.picture(3000)
            return not running.server.viewers

        wait_until(are_over, "the end of both")


def test_a_burst_of_refusals_ends_nobody() -> None:
    """A player that opens its port a moment late, or an answer that strays."""
    with served() as running, Viewer(running.url) as viewer:
        running.keyframe()
        viewer.play("udp")
        wait_until(lambda: bool(running.stream.fanout.packets_sent), "its joining")
        assert viewer.udp
        address = viewer.udp[0].getsockname()
        viewer.udp[0].close()
        refused = running.stream.fanout.packets_sent
        running.picture(20_000)
        assert running.stream.fanout.packets_sent > refused + 10
        late = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        late.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        late.settimeout(TIMEOUT_S)
        late.bind(address)
        viewer.udp = late, viewer.udp[1]
        assert viewer.ask("OPTIONS").status == 200, "by then the refusals were read"
        running.keyframe()
        assert number_in(next(viewer.units()).units) == running.count - 1
        assert len(running.server.viewers) == 1


def test_refusals_of_reports_alone_end_nobody(ahead: Ahead) -> None:
    """A receiver that does without RTCP."""
    with served() as running, Viewer(running.url) as viewer:
        running.keyframe()
        viewer.play("udp")
        assert viewer.udp
        viewer.udp[1].close()
        for _ in range(8):
            ahead.s += 6
            let_all_be_looked_at(running)
            assert viewer.ask("OPTIONS").status == 200
        assert len(running.server.viewers) == 1


def let_all_be_looked_at(running: Served) -> None:
    """Wait until the server has looked what is due."""
    before_us = running.server.checked_us
    wait_until(lambda: running.server.checked_us != before_us, "a look at every connection")


def test_who_ended_while_it_waited_for_a_keyframe_asks_for_none() -> None:
    asked: list[float] = []

    def request_keyframe() -> bool:
        asked.append(time.monotonic())
        return True

    with served(request_keyframe=request_keyframe) as running:
        running.keyframe()
        running.stream.interrupted()
        for transport in ("udp", "tcp"):
            with Viewer(running.url).play(transport) as viewer:
                wait_until(lambda: bool(asked), "a request")
                viewer.reset()
            wait_until(lambda: not running.server.viewers, "its end")
            asked.clear()
            for _ in range(3):
                let_all_be_looked_at(running)
            assert asked == []


def test_nothing_of_a_viewer_is_kept() -> None:
    with served() as running:
        running.keyframe()
        before = kept()
        for number in range(30):
            viewer = Viewer(running.url).play("udp" if number % 2 else "tcp")
            viewer.rtp()
            viewer.reset()
            viewer.leave_udp()
        wait_until(lambda: not running.server.viewers, "the end of all")
        wait_until(lambda: kept() <= before, f"no more than {before}, not {kept()}")


def kept() -> Counter[str]:
    """Viewers, their sessions and writers in this process."""
    gc.collect()
    wanted = (ServedViewer, Session, UdpWriter, TcpWriter)
    return Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, wanted))


@pytest.mark.parametrize("method", ["PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER", "OPTIONS", "SETUP"])
def test_nobody_else_can_touch_a_session(method: str) -> None:
    with served() as running, Viewer(running.url) as owner, Viewer(running.url) as thief:
        running.keyframe()
        owner.play("udp")
        thief.session = owner.session
        assert thief.ask(method, Transport="RTP/AVP;unicast;client_port=5000-5001").status == 454
        for _ in range(3):
            running.picture()
        units = owner.units()
        assert [number_in(next(units).units) for _ in range(4)] == [0, 1, 2, 3]


def test_a_session_does_not_pass_to_the_next_connection() -> None:
    with served() as running:
        running.keyframe()
        with Viewer(running.url).play("udp") as owner:
            session = owner.session
        with Viewer(running.url) as heir:
            heir.session = session
            assert heir.ask("PLAY").status == 454
            assert heir.ask("TEARDOWN").status == 454


def test_media_goes_to_no_third_party() -> None:
    """Neither asked for in any way that the header knows, nor drawn by datagrams from elsewhere."""
    with served() as running, ExitStack() as stack:
        running.keyframe()
        victim = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        victim.bind(("127.0.0.66", 0))
        port = victim.getsockname()[1]
        attacker = stack.enter_context(Viewer(running.url))
        ports = f"client_port={port}-{port + 1}" if port < 65535 else "client_port=65534-65535"
        for parameter in ("destination", "Destination", "DESTINATION "):
            for host in ("127.0.0.66", '"127.0.0.66"', "::ffff:127.0.0.66", "[::ffff:7f00:42]", "2130706498"):
                offer = f"RTP/AVP;unicast;{parameter}={host};{ports}"
                assert attacker.ask("SETUP", Transport=offer).status == 461
        reply = attacker.ask("SETUP", Transport=f"RTP/AVP;unicast;source=127.0.0.66;{ports}")
        attacker.session = reply.headers["Session"].partition(";")[0]
        server_port = int(reply.headers["Transport"].partition("server_port=")[2].partition("-")[0])
        victim.sendto(b"\x80", ("127.0.0.1", server_port))
        assert attacker.ask("PLAY").status == 200
        victim.sendto(b"\x80", ("127.0.0.1", server_port))
        with Viewer(running.url).play("udp") as steady:
            for _ in range(5):
                running.picture()
            units = steady.units()
            while number_in(next(units).units) < 5:
                pass
        victim.setblocking(False)
        with pytest.raises(BlockingIOError):
            victim.recv(1)


def test_the_answer_to_a_refused_port_is_read_on_both_families() -> None:
    """What the kernel keeps of them is small, and nothing of it is left."""
    with served(host="") as running:
        running.keyframe()
        with Viewer(url_at(running, "127.0.0.1")).play("udp") as v4, Viewer(url_at(running, "::1")).play("udp") as v6:
            for viewer in (v4, v6):
                viewer.leave_udp()

            def are_over() -> bool:
                running.picture()
                return not running.server.viewers

            wait_until(are_over, "the end of both")
