"""Fuzz target: the readers of single header fields raise what they declare and nothing else, whatever the field holds.

Each line of the input is one field; all of them stand for every kind of field in turn.
"""

import contextlib
import sys

from vstream.errors import RtspError
from vstream.rtsp import basic, digest, fields, parameters, ranges, transport
from vstream.rtsp.auth import Authenticator, Failure
from vstream.rtsp.credentials import Credentials
from vstream.rtsp.headers import Headers, split_quoted
from vstream.rtsp.message import Request
from vstream.rtsp.parser import Parser
from vstream.rtsp.session import InterleavedTransport, MulticastTransport
from vstream.rtsp.uri import Mount, parse_uri
from vstream.tunnel.origins import admits, parse_origins

PEER = "192.0.2.9"
GROUP = MulticastTransport("239.255.42.1", 5004, 5005, 16)
CHANNELS_IN_USE = {0, 1, 4}
KNOWN = Credentials(b"viewer", b"secret")


def fuzz_one(data: bytes) -> None:
    values = [line.decode("latin-1") for line in data.split(b"\n")]
    check_transport(values)
    check_fields(values)
    check_parameters(data)
    for value in values:
        check_range(value)
        check_digest(value)
        check_uri(value)
        check_origin(value)
    check_authorization(values)


def check_transport(values: list[str]) -> None:
    for interleaved_only in (False, True):
        try:
            choice = transport.choose(
                values,
                peer_address=PEER,
                channels_in_use=CHANNELS_IN_USE,
                interleaved_only=interleaved_only,
                multicast=GROUP,
            )
        except RtspError as refusal:
            if refusal.status not in {400, 461}:
                raise
            continue
        chosen = choice.transport
        if isinstance(chosen, InterleavedTransport):
            assert len({*chosen} - CHANNELS_IN_USE) == 2
            assert all(0 <= channel <= 255 for channel in chosen)
        else:
            assert not interleaved_only
            assert chosen == GROUP or min(chosen.rtp_port, chosen.rtcp_port) >= 1
            assert max(chosen.rtp_port, chosen.rtcp_port) <= 65535
        agreed = transport.format_answer(choice, source=PEER, server_rtp_port=2, server_rtcp_port=3, ssrc=4)
        again = transport.choose([agreed], peer_address=PEER, channels_in_use=CHANNELS_IN_USE, multicast=GROUP)
        assert again == choice


def check_fields(values: list[str]) -> None:
    for name in ("CSeq", "Session", "Require", "Accept", "Connection"):
        headers = Headers((name, value) for value in values)
        with contextlib.suppress(RtspError):
            assert fields.sequence_number(headers).isdigit()
        fields.session_id(headers)
        assert all(fields.required_options(headers))
        fields.accepts_sdp(headers)
        fields.asks_to_close(headers)
    for value in values:
        assert "".join(split_quoted(value, ";")) == "".join(split_quoted(";" + value + "", ";"))


def check_parameters(data: bytes) -> None:
    for content_type in ("text/parameters", "text/parameters; charset=utf-8", "application/x"):
        with contextlib.suppress(RtspError):
            request = Request("GET_PARAMETER", "*", headers=Headers([("Content-Type", content_type)]), body=data)
            assert all(parameters.parameter_names(request))


def check_range(value: str) -> None:
    assert ranges.is_playable(value) in {True, False}


def check_digest(value: str) -> None:
    with contextlib.suppress(ValueError):
        answer = digest.parse(value)
        assert answer.count is None or 0 <= answer.count < 1 << 32
        assert not digest.matches(answer, KNOWN, "PLAY") or answer.response
    with contextlib.suppress(ValueError):
        basic.matches(basic.decode(value), KNOWN)


def check_uri(value: str) -> None:
    mount = Mount("/video")
    with contextlib.suppress(RtspError):
        uri = parse_uri(value)
        mount.serves(uri)
        mount.url(uri, "192.0.2.1:8554").encode("ascii")
        assert "@" not in uri.host


def check_origin(value: str) -> None:
    with contextlib.suppress(ValueError):
        origins = parse_origins(value)
        assert all(admits(origins, origin) for origin in origins)
    admits(frozenset(), value)


def check_authorization(values: list[str]) -> None:
    """Nobody gets in without the password, and a refusal can be written and read back."""
    authenticator = Authenticator(known=lambda: KNOWN, new_nonce=lambda: "n1", path="/video", offers_basic=True)
    for now_s, method in enumerate(("DESCRIBE", "SETUP", "PLAY")):
        request = Request(method, values[0], headers=Headers(("Authorization", value) for value in values))
        refusal = authenticator.check(request, now_s)
        if refusal is None:
            continue
        assert refusal.failure is None or isinstance(refusal.failure, Failure)
        parser = Parser()
        parser.feed(b"RTSP/1.0 401 Unauthorized\r\n" + refusal.challenges.encode() + b"\r\n")
        assert parser.next_event() is not None


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
