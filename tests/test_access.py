"""Who is refused is counted and noted, and who only repeats what is right is not punished."""

import logging

import pytest

from vstream.config import Settings
from vstream.counters import counters
from vstream.rtsp.auth import Failure, Reason
from vstream.server.access import Access
from vstream.server.audit import LINES_A_SECOND
from vstream.server.penalties import REFUSED_AFTER_FAILURES
from vstream.server.sockets import Endpoint, endpoint

PEER = Endpoint("192.0.2.9", 40000)


@pytest.fixture
def access() -> Access:
    return Access(Settings(rtsp_auth=True, rtsp_username="viewer", rtsp_password="secret"))


def test_a_failure_is_counted_by_its_reason_and_noted_without_a_secret(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    before = counters.auth_failures["credentials"]
    assert access.failed(PEER, Failure(Reason.CREDENTIALS, "Zo\xc3\xab\n" + "x" * 500), 1.0) == 0.0
    assert counters.auth_failures["credentials"] == before + 1
    (record,) = caplog.records
    assert (record.message, record.levelno) == ("Authentication failed", logging.WARNING)
    fields = record.__dict__
    assert (str(fields["address"]), fields["reason"]) == ("192.0.2.9:40000", "wrong user or password")
    assert fields["user"].startswith("Zoë\n")
    assert len(fields["user"]) < 100


@pytest.mark.parametrize(
    ("reason", "barred"), [(Reason.CREDENTIALS, True), (Reason.REPLAY, False), (Reason.URI, False)]
)
def test_only_guesses_are_punished(access: Access, reason: Reason, barred: bool) -> None:
    for _ in range(REFUSED_AFTER_FAILURES):
        access.failed(PEER, Failure(reason, "viewer"), 1.0)
    assert access.bars(PEER, 2.0) == barred
    assert access.admits(PEER, 2.0) != barred


def test_the_log_is_bounded_and_tells_what_it_left_out(access: Access, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(500):
        access.failed(PEER, Failure(Reason.REPLAY, "viewer"), 1.0)
    assert len(caplog.records) == LINES_A_SECOND
    access.failed(PEER, Failure(Reason.REPLAY, "viewer"), 2.5)
    assert caplog.records[-1].__dict__["lines_left_out"] == 500 - LINES_A_SECOND


def test_a_stranger_of_ipv4_is_known_on_a_socket_of_both_families() -> None:
    access = Access(Settings(rtsp_auth_read_networks="10.0.0.0/8"))
    before = counters.connections_refused["network"]
    assert access.admits(endpoint(("::ffff:10.1.2.3", 1, 0, 0)), 1.0)
    assert not access.admits(endpoint(("::ffff:192.0.2.1", 1, 0, 0)), 1.0)
    assert not access.admits(endpoint(("fe80::1%lo", 1, 0, 1)), 1.0)
    assert counters.connections_refused["network"] == before + 2


def test_without_authentication_nobody_is_asked() -> None:
    assert Access(Settings()).authenticator(is_encrypted=False) is None
