"""One stream to viewers over TLS, with Python's own OpenSSL as the other end, however the socket cuts the records."""

import ctypes
import errno
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from bench.rtsp_client import unverified_context
from tests import certificates
from tests.access_units import Trains
from tests.certificates import Pair
from tests.interleaved import SMALLEST_BUFFER_BYTES, Line
from vstream._fastpath import Fanout, TlsContext

ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"
# A ClientHello of TLS 1.0 (RFC 2246 section 7.4.1.2) that offers nothing newer.
OLD_HELLO = bytes.fromhex("160301002d0100002903015eed5eed" + "00" * 28 + "000002002f0100")


class TlsLine(Line):
    """A connection whose client sees only what it is handed."""

    def __init__(self, context: TlsContext, *, send_buffer_bytes: int = 0, epoll_fd: int = -1) -> None:
        super().__init__(limit_bytes=1 << 24, send_buffer_bytes=send_buffer_bytes, epoll_fd=epoll_fd, tls=context)
        self._from_server, self._to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = unverified_context().wrap_bio(self._from_server, self._to_server)

    def shake_hands(self, step_bytes: int = 1 << 16) -> None:
        """Take turns until both are done, the client seeing so many bytes at a time."""
        done = False
        while not done or self.writer.shakes_hands:
            try:
                self.client.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            self.send_on()
            assert self.writer.receive(100) is None
            self.writer.flush()
            self._take(step_bytes)

    def send_on(self) -> None:
        """Carry what the client wrote to the server."""
        self.theirs.send(self._to_server.read())

    def read(self, size_bytes: int = 1 << 20) -> int:
        """Hand the client what came, at most so much; gives how much it was."""
        taken = self._take(size_bytes)
        try:
            while data := self.client.read(1 << 16):
                self.received.push(data)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return taken

    def _take(self, size_bytes: int) -> int:
        try:
            data = self.theirs.recv(size_bytes)
        except BlockingIOError:
            return 0
        self._from_server.write(data)
        return len(data)


class KeyChanger:
    """OpenSSL at the other end of a line, for Python's module cannot change keys (RFC 8446 section 4.6.3)."""

    def __init__(self, line: TlsLine) -> None:
        """Shake hands."""
        self._openssl = openssl = _openssl()
        self._context = ctypes.c_void_p(openssl.SSL_CTX_new(ctypes.c_void_p(openssl.TLS_client_method())))
        self._tls = ctypes.c_void_p(openssl.SSL_new(self._context))
        assert openssl.SSL_set_fd(self._tls, line.theirs.fileno()) == 1
        while openssl.SSL_connect(self._tls) != 1 or line.writer.shakes_hands:
            assert line.writer.receive(100) is None

    def change_keys(self, times: int, *, request: bool = False) -> None:
        """Begin to use other keys; with `request` the server is to do so as well."""
        for _ in range(times):
            assert self._openssl.SSL_key_update(self._tls, int(request)) == 1
            assert self._openssl.SSL_do_handshake(self._tls) == 1

    def write(self, data: bytes) -> None:
        assert self._openssl.SSL_write(self._tls, data, len(data)) == len(data)

    def close(self) -> None:
        self._openssl.SSL_free(self._tls)
        self._openssl.SSL_CTX_free(self._context)


def _openssl() -> ctypes.CDLL:
    try:
        openssl = ctypes.CDLL("libssl.so.3")
    except OSError:
        openssl = ctypes.CDLL("libssl.so.1.1")
    for maker in (openssl.TLS_client_method, openssl.SSL_CTX_new, openssl.SSL_new):
        maker.restype = ctypes.c_void_p
    return openssl


OpenLine = Callable[..., TlsLine]


@pytest.fixture
def open_line(pair: Pair) -> Iterator[OpenLine]:
    context = TlsContext(str(pair.certificate), str(pair.key))
    with ExitStack() as opened:
        yield lambda **options: opened.enter_context(closing(TlsLine(context, **options)))


@pytest.mark.parametrize("step_bytes", [700, 5000, 1 << 20])
def test_every_byte_arrives_however_the_socket_cuts(
    fanout: Fanout, trains: Trains, open_line: OpenLine, step_bytes: int
) -> None:
    line = open_line(send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    line.shake_hands(step_bytes)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    for number in range(40):
        fanout.publish(trains.picture(5000) if number % 20 else trains.keyframe(60_000), 0)
        assert line.writer.write(ANSWER)
        line.read(step_bytes)
    assert line.numbers(step_bytes=step_bytes) == list(range(40))
    assert line.received.answers == [ANSWER] * 40
    assert line.writer.units_sent == 40


def test_what_is_written_before_the_handshake_waits_for_it(fanout: Fanout, trains: Trains, open_line: OpenLine) -> None:
    line = open_line()
    assert line.writer.shakes_hands
    assert line.writer.write(ANSWER)
    fanout.join_tcp(line.writer, channel=0, cached=False)
    fanout.publish(trains.keyframe(), 0)
    line.shake_hands()
    assert line.numbers() == [0]
    assert line.received.answers == [ANSWER]


def test_pictures_are_dropped_whole_between_records(fanout: Fanout, trains: Trains, pair: Pair) -> None:
    line = TlsLine(TlsContext(str(pair.certificate), str(pair.key)), send_buffer_bytes=SMALLEST_BUFFER_BYTES)
    line.shake_hands()
    fanout.join_tcp(line.writer, channel=0, cached=False)
    for number in range(5000):
        fanout.publish(trains.picture(9000) if number % 50 else trains.keyframe(30_000), 0)
    assert line.writer.units_dropped > 0
    assert line.writer.queued_bytes <= 1 << 24
    numbers = line.numbers()
    assert numbers[0] == 0
    assert len(numbers) == 5000 - line.writer.units_dropped
    line.close()


def test_a_peer_that_sends_nothing_but_new_keys_is_read_no_longer_than_others(open_line: OpenLine) -> None:
    line = open_line()
    with closing(KeyChanger(line)) as peer:
        peer.change_keys(50)
        assert line.writer.receive(100) is None
        assert line.ours.recv(1, socket.MSG_PEEK), "the rest is for another turn"
        peer.write(b"OPTIONS")
        assert next(data for _ in range(50) if (data := line.writer.receive(100)) is not None) == b"OPTIONS"


def test_new_keys_that_the_socket_does_not_take_yet_are_no_handshake(open_line: OpenLine) -> None:
    """It would be closed for one that takes too long."""
    line = open_line()
    with closing(KeyChanger(line)) as peer:
        peer.change_keys(1, request=True)
        assert line.writer.receive(100) is None
        with suppress(BlockingIOError):
            while line.ours.send(bytes(100)):
                pass
        assert line.writer.write(ANSWER)
        assert line.writer.queued_bytes == len(ANSWER)
        assert not line.writer.shakes_hands


def test_a_client_that_says_goodbye_is_at_its_end(open_line: OpenLine) -> None:
    line = open_line()
    line.shake_hands()
    with pytest.raises(ssl.SSLWantReadError):
        line.client.unwrap()
    line.send_on()
    assert line.writer.receive(100) == b""


def test_a_goodbye_is_said_on_closing(open_line: OpenLine) -> None:
    line = open_line()
    line.shake_hands()
    line.writer.close()
    line.ours.shutdown(socket.SHUT_WR)
    line.read()
    assert line.client.read(1) == b""


@pytest.mark.parametrize("at", ["in the handshake", "in a picture"])
def test_a_peer_that_vanishes_breaks_its_own_connection_only(
    fanout: Fanout, trains: Trains, open_line: OpenLine, at: str
) -> None:
    gone, good = open_line(send_buffer_bytes=SMALLEST_BUFFER_BYTES), open_line()
    good.shake_hands()
    if at == "in a picture":
        gone.shake_hands()
    for line in (gone, good):
        fanout.join_tcp(line.writer, channel=0, cached=False)
    fanout.publish(trains.keyframe(100_000), 0)
    gone.theirs.close()
    if at == "in the handshake":
        with pytest.raises(OSError, match=r"unexpected eof|reset|Broken|Protocol"):
            gone.writer.receive(100)
    fanout.publish(trains.keyframe(100_000), 0)
    fanout.publish(trains.picture(), 0)
    assert good.numbers() == [0, 1, 2]
    if at == "in a picture":
        gone.writer.flush()
        assert gone.writer.error in (errno.EPIPE, errno.ECONNRESET)
    assert good.writer.error == 0


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"OPTIONS rtsp://h/video RTSP/1.0\r\nCSeq: 1\r\n\r\n", "wrong version number|http request"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "http request"),
        (b"\x16\x03\x01\x00\x05\xff\xff\xff\xff\xff", "unexpected message"),
        (bytes(200), "wrong version number|http request|record layer"),
        (OLD_HELLO, "unsupported protocol"),
    ],
)
def test_what_is_no_tls_of_today_is_refused_and_named(open_line: OpenLine, first: bytes, reason: str) -> None:
    line = open_line()
    line.theirs.send(first)
    with pytest.raises(OSError, match=reason) as refused:
        line.writer.receive(100)
    assert refused.value.errno == errno.EPROTO
    assert line.writer.shakes_hands


def test_half_a_hello_is_waited_for(open_line: OpenLine) -> None:
    line = open_line()
    with pytest.raises(ssl.SSLWantReadError):
        line.client.do_handshake()
    hello = line._to_server.read()
    line.theirs.send(hello[:50])
    assert line.writer.receive(100) is None
    line.theirs.send(hello[50:])
    line.shake_hands()


def test_tls_1_2_has_forward_secrecy_and_no_session_is_kept(open_line: OpenLine) -> None:
    line = open_line()
    client = unverified_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    line.client = client.wrap_bio(line._from_server, line._to_server)
    line.shake_hands()
    assert line.client.version() == "TLSv1.2"
    assert line.client.cipher()[0].startswith("ECDHE-")  # type: ignore[index]
    assert line.client.session is not None
    assert not line.client.session.has_ticket
    assert line.client.session.id == b""


def test_the_handshake_goes_on_where_the_socket_was_full(open_line: OpenLine) -> None:
    with select.epoll() as epoll:
        line = open_line(send_buffer_bytes=SMALLEST_BUFFER_BYTES, epoll_fd=epoll.fileno())
        epoll.register(line.ours.fileno(), select.EPOLLIN)
        while True:
            try:
                line.ours.send(bytes(100))
            except BlockingIOError:
                break
        with pytest.raises(ssl.SSLWantReadError):
            line.client.do_handshake()
        line.send_on()
        assert line.writer.receive(100) is None
        assert epoll.poll(0) == [], "the socket is full"
        while line.theirs.recv(1 << 16):
            if epoll.poll(0):
                break
        assert epoll.poll(0) == [(line.ours.fileno(), select.EPOLLOUT)], "the rest of the handshake is to be written"


@pytest.mark.parametrize("what", ["absent", "no PEM", "another key", "locked"])
def test_files_that_cannot_be_used_are_named(pair: Pair, tmp_path: Path, what: str) -> None:
    certificate, key = pair
    if what == "absent":
        certificate = tmp_path / "absent.crt"
    elif what == "no PEM":
        certificate = tmp_path / "text.crt"
        certificate.write_text("no certificate\n")
    elif what == "another key":
        key = certificates.make(tmp_path, "other").key
    else:
        key = certificates.locked(key, tmp_path / "locked.key")
    culprit = certificate if what in ("absent", "no PEM") else key
    with pytest.raises(ValueError, match=f"^{culprit}: "):
        TlsContext(str(certificate), str(key))
