"""The RTSPS port of a whole server over loopback: what it serves, whom it refuses, what it reads again."""

import contextlib
import errno
import os
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pylibsrtp import Policy
from pylibsrtp import Session as SrtpSession

from bench.rtsp_client import unverified_context
from tests import certificates
from tests.access_units import number_in
from tests.certificates import Pair
from tests.e2e.viewer import Viewer
from tests.network import wait_until
from tests.served import Served, served
from vstream._fastpath import TlsContext
from vstream.config import Settings
from vstream.counters import counters
from vstream.errors import ConfigError
from vstream.server import certificate as certificate_module
from vstream.server import rtsp_server
from vstream.server.certificate import Certificate
from vstream.server.sockets import tune_connection
from vstream.server.viewer import UdpCarrier

EMPTY_REPORT = struct.pack("!BBHI", 0x80, 201, 1, 0xFEED)


@pytest.fixture
def running(pair: Pair) -> Iterator[Served]:
    with served(tls=pair) as one:
        one.keyframe()
        yield one


def raw(running: Served) -> socket.socket:
    """A connection to the RTSPS port that has said nothing yet."""
    return socket.create_connection(("127.0.0.1", running.server.encrypted_port or 0), timeout=20)


def refused_handshakes() -> int:
    return counters.connections_refused["handshake"]


def is_closed(connection: socket.socket) -> bool:
    """Whether the server ends it, whatever it says before."""
    with contextlib.suppress(ConnectionError):
        while connection.recv(4096):
            pass
    return True


@pytest.mark.parametrize("transport", ["tcp", "srtp"])
def test_a_viewer_gets_every_unit(running: Served, transport: str) -> None:
    with Viewer(running.encrypted_url).play(transport) as viewer:
        for _ in range(30):
            running.picture(20_000)
        units = viewer.units()
        assert [number_in(next(units).units) for _ in range(31)] == list(range(31))
        assert viewer.rtcp()[1] == 200
        running.shut_down()
        viewer.wait_for_goodbye()


def test_answers_name_the_encrypted_port(running: Served) -> None:
    with Viewer(running.encrypted_url) as viewer:
        assert viewer.ask("DESCRIBE").headers["Content-Base"] == f"{running.encrypted_url}/"


def test_no_media_leaves_in_the_clear(running: Served) -> None:
    with Viewer(running.encrypted_url) as viewer:
        assert viewer.ask("SETUP", Transport="RTP/AVP;unicast;client_port=5000-5001").status == 461
    with Viewer(running.url) as viewer:
        assert viewer.ask("SETUP", Transport="RTP/SAVP;unicast;client_port=5000-5001").status == 461


def test_no_packet_is_sent_again_in_the_clear(running: Served) -> None:
    """Whatever a viewer says was lost (RFC 4585 section 6.2.1): every datagram is one that libsrtp opens."""
    with Viewer(running.encrypted_url).play("srtp") as viewer:
        assert viewer.udp is not None
        units = viewer.units()
        assert number_in(next(units).units) == 0
        kept = running.stream.fanout.cached()
        assert kept is not None
        signing = SrtpSession(policy=Policy(key=viewer.srtp_key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        for lost in (kept[0], 1):
            nack = struct.pack("!BBHIIHH", 0x81, 205, 3, 0xFEED, viewer.ssrc, lost, 0xFFFF)
            viewer.udp[1].sendto(signing.protect_rtcp(EMPTY_REPORT + nack), ("127.0.0.1", viewer.server_ports[1]))
            running.on_loop(running.server._udp.receive)
        for _ in range(3):
            running.picture()
        assert [number_in(next(units).units) for _ in range(3)] == [1, 2, 3]


def test_only_signed_rtcp_is_a_sign_of_life(running: Served) -> None:
    with Viewer(running.encrypted_url).play("srtp") as viewer:
        assert viewer.udp is not None
        session = next(iter(next(iter(running.server._connections))._dialogue.sessions.values()))
        signing = SrtpSession(policy=Policy(key=viewer.srtp_key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        to = "127.0.0.1", running.server._udp.rtcp_port
        session.last_heard_s = 0.0
        sealed = signing.protect_rtcp(EMPTY_REPORT)
        viewer.udp[1].sendto(EMPTY_REPORT, to)
        viewer.udp[1].sendto(sealed[:-1] + bytes([sealed[-1] ^ 1]), to)
        running.on_loop(running.server._udp.receive)
        assert session.last_heard_s == 0.0
        viewer.udp[1].sendto(sealed, to)
        wait_until(lambda: session.last_heard_s > 0, "the report to be heard")
        session.last_heard_s = 0.0
        viewer.udp[1].sendto(sealed, to)
        running.on_loop(running.server._udp.receive)
        assert session.last_heard_s == 0.0, "it was heard before"


def test_only_signed_rtcp_says_behind_which_port_a_viewer_is(running: Served) -> None:
    """Whoever shares the viewer's address can send from there, too."""
    with Viewer(running.encrypted_url).play("srtp") as viewer, socket.socket(type=socket.SOCK_DGRAM) as stranger:
        viewers = next(iter(running.server._connections))._viewers
        wait_until(lambda: bool(viewers), "the viewer playing")
        (known,) = viewers.values()
        assert isinstance(known.carrier, UdpCarrier)
        announced = known.carrier.rtcp
        signing = SrtpSession(policy=Policy(key=viewer.srtp_key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        to = "127.0.0.1", running.server._udp.rtcp_port
        stranger.sendto(EMPTY_REPORT, to)
        running.on_loop(running.server._udp.receive)
        assert known.carrier.rtcp == announced
        stranger.sendto(signing.protect_rtcp(EMPTY_REPORT), to)
        running.on_loop(running.server._udp.receive)
        assert known.carrier.rtcp == announced._replace(port=stranger.getsockname()[1])


def test_rtcp_is_opened_by_whoever_of_those_at_its_port_has_the_keys(running: Served) -> None:
    with Viewer(running.encrypted_url).play("srtp") as viewer, Viewer(running.encrypted_url) as other:
        assert viewer.udp is not None
        other.set_up_for(other.ask("DESCRIBE", f"{other.url}?srtp"), viewer.udp[0].getsockname()[1])
        assert other.ask("PLAY").status == 200
        assert other.ask("OPTIONS").status == 200, "by then it plays"
        own, others = (next(iter(one._dialogue.sessions.values())) for one in running.server._connections)
        own.last_heard_s = others.last_heard_s = 0.0
        signing = SrtpSession(policy=Policy(key=viewer.srtp_key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        viewer.send_rtcp(signing.protect_rtcp(EMPTY_REPORT))
        wait_until(lambda: own.last_heard_s > 0, "the report to be heard")
        assert others.last_heard_s == 0.0


@pytest.mark.parametrize(
    "first", [b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", os.urandom(1) * 300, b"\x16\x03\x01\x02\x00"]
)
def test_what_is_no_handshake_is_counted_and_hurts_nobody(
    running: Served, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    before = refused_handshakes()
    with Viewer(running.encrypted_url).play("tcp") as viewer, raw(running) as stranger:
        stranger.sendall(first)
        with contextlib.suppress(OSError):  # it is refused by now, or takes this for the end of an unfinished record
            stranger.shutdown(socket.SHUT_WR)
        assert is_closed(stranger)
        wait_until(lambda: refused_handshakes() == before + 1, "the count")
        assert "TLS handshake: " in "".join(str(vars(record)) for record in caplog.records)
        running.picture()
        units = viewer.units()
        assert [number_in(next(units).units) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_a_handshake_that_does_not_go_on_ends_in_time(running: Served, first: bytes) -> None:
    running.server.request_timeout_s = 0.1
    before = refused_handshakes()
    with raw(running) as stranger:
        stranger.sendall(first)
        assert is_closed(stranger)
    wait_until(lambda: refused_handshakes() == before + 1, "the count")


def test_a_viewer_stays_however_long_the_handshake_may_take(running: Served) -> None:
    running.server.request_timeout_s = 0.0
    with Viewer(running.encrypted_url).play("tcp") as viewer:
        connection = next(iter(running.server._connections))
        running.on_loop(lambda: connection.check(1e9))
        assert viewer.ask("OPTIONS").status == 200


def test_a_chain_longer_than_the_socket_takes_is_sent_to_its_end(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(tcp: socket.socket, dead_after_s: float) -> None:
        tune_connection(tcp, dead_after_s)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)

    monkeypatch.setattr(rtsp_server, "tune_connection", narrow)
    chain = Pair(tmp_path / "chain.crt", pair.key)
    chain.certificate.write_bytes(pair.certificate.read_bytes() * 150)
    with served(tls=chain) as running:
        running.keyframe()
        with socket.socket() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            plain.settimeout(20)
            plain.connect(("127.0.0.1", running.server.encrypted_port))
            with unverified_context().wrap_socket(plain) as encrypted:
                encrypted.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
                assert encrypted.recv(15) == b"RTSP/1.0 200 OK"


@pytest.mark.parametrize(
    "last",
    [
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nConnection: close\r\n\r\n",
        b"no request at all\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_client_can_tell_the_end_from_an_answer_cut_off(running: Served, last: bytes) -> None:
    """RFC 8446 section 6.1: whoever writes no more says so before."""
    with unverified_context().wrap_socket(raw(running), suppress_ragged_eofs=False) as encrypted:
        encrypted.sendall(last)
        answer = b""
        while data := encrypted.recv(4096):
            answer += data
        assert b"\r\n\r\n" in answer
        encrypted.sendall(b"what still was on its way")
    wait_until(lambda: not len(running.server._connections), "its end")


def refusal_of(running: Served, *options: str) -> str:
    """What openssl's client says at its end, having asked for another negotiation if it got that far."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{running.server.encrypted_port}", *options]
    done = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_nobody_makes_the_server_negotiate_again(running: Served) -> None:
    """Each time would cost a signature."""
    assert "no renegotiation" in refusal_of(running, "-tls1_2")


def test_what_is_older_than_tls_1_2_is_told_so(running: Served) -> None:
    before = refused_handshakes()
    assert "alert protocol version" in refusal_of(running, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    wait_until(lambda: refused_handshakes() == before + 1, "the count")


def shown(running: Served) -> bytes:
    """The certificate that a newcomer sees."""
    host, port = "127.0.0.1", running.server.encrypted_port or 0
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, port)))


def on_disk(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def test_a_certificate_that_changes_is_shown_to_newcomers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pair = certificates.make(tmp_path)
    other = certificates.make(tmp_path, "other", kind=certificates.RSA)
    with served(tls=pair) as running, Viewer(started(running).encrypted_url).play("tcp") as viewer:
        first = shown(running)
        assert first == on_disk(pair.certificate)
        other.certificate.replace(pair.certificate)
        assert shown(running) == first, "a certificate without its key is not used"
        assert "it is not the key of that certificate" in caplog.text
        other.key.replace(pair.key)
        assert shown(running) == on_disk(pair.certificate) != first
        pair.key.unlink()
        assert shown(running) == on_disk(pair.certificate)
        running.picture()
        units = viewer.units()
        assert [number_in(next(units).units) for _ in range(2)] == [0, 1]


def test_a_key_that_becomes_readable_a_moment_later_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a hook copies the key first and then gives it to the server: that is no newer file."""
    pair, other = certificates.make(tmp_path), certificates.make(tmp_path, "other")
    certificate = Certificate(str(pair.certificate), str(pair.key))
    first = certificate.context()
    for new, old in zip(other, pair, strict=True):
        new.replace(old)
    with monkeypatch.context() as patched:
        patched.setattr(certificate_module, "TlsContext", refuse_to_read)
        assert certificate.context() is first
    changed_ns = pair.key.stat().st_ctime_ns

    def chmod() -> bool:
        pair.key.chmod(0o600)
        return pair.key.stat().st_ctime_ns != changed_ns

    wait_until(chmod, "the file system's next tick")
    assert certificate.context() is not first


def refuse_to_read(certificate: str, key: str) -> TlsContext:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), key)


def started(running: Served) -> Served:
    running.keyframe()
    return running


def test_a_certificate_mounted_as_kubernetes_does_is_followed(tmp_path: Path) -> None:
    """A secret is a folder of links through one link that is turned to a new folder."""
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        certificates.make(tmp_path / version)
    (tmp_path / "..data").symlink_to("one")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    with served(tls=Pair(tmp_path / "tls.crt", tmp_path / "tls.key")) as running:
        assert shown(running) == on_disk(tmp_path / "one" / "tls.crt")
        (tmp_path / "..new").symlink_to("two")
        (tmp_path / "..new").replace(tmp_path / "..data")
        assert shown(running) == on_disk(tmp_path / "two" / "tls.crt")


def test_files_that_cannot_be_used_end_in_one_line(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"RTSP_TLS_CERT and RTSP_TLS_KEY cannot be used: .*absent: No such file"
    ) as error:
        Certificate(str(tmp_path / "absent"), str(pair.key))
    assert error.value.exit_code == 2
    shutil.copy(pair.certificate, tmp_path / "both")
    with pytest.raises(ConfigError, match=r"both: it holds no key in PEM form"):
        Certificate(str(pair.certificate), str(tmp_path / "both"))
    assert Settings().rtsps_port == 8322
