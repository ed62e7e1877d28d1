"""Every kind of bad request is answered with the status that names its fault, and never with a crash."""

import pytest

from tests.rtsp_client import TRACK, URL, Client

CSEQ = b"CSeq: 7\r\n"


def _line(line: bytes) -> bytes:
    return line + b"\r\n" + CSEQ + b"\r\n"


def _options(*fields: bytes) -> bytes:
    return b"OPTIONS rtsp://h/video RTSP/1.0\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def _request(method: str, *fields: str, uri: str = URL) -> bytes:
    return "\r\n".join([f"{method} {uri} RTSP/1.0", "CSeq: 7", *fields, "", ""]).encode()


def _setup(transport: str) -> bytes:
    return _request("SETUP", f"Transport: {transport}", uri=TRACK)


CLOSED: dict[str, tuple[bytes, int]] = {
    "one word": (_line(b"OPTIONS"), 400),
    "no version": (_line(b"OPTIONS rtsp://h/video"), 400),
    "no uri": (_line(b"OPTIONS RTSP/1.0"), 400),
    "four words": (_line(b"OPTIONS rtsp://h/my video RTSP/1.0"), 400),
    "version without number": (_line(b"OPTIONS * RTSP"), 400),
    "version with words": (_line(b"OPTIONS * RTSP/one"), 400),
    "version without minor": (_line(b"OPTIONS * RTSP/1"), 400),
    "version with three parts": (_line(b"OPTIONS * RTSP/1.0.0"), 400),
    "version of endless digits": (_line(b"OPTIONS * RTSP/" + b"1" * 3000 + b".0"), 400),
    "another protocol": (_line(b"OPTIONS * SIP/2.0"), 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP without a version": (b"GET / HTTP\r\nHost: h\r\n\r\n", 400),
    "method with a slash": (_line(b"OPT/IONS * RTSP/1.0"), 400),
    "method with a non-ASCII letter": (_line(b"OPTI\xc3\x96NS * RTSP/1.0"), 400),
    "method in brackets": (_line(b"(OPTIONS) * RTSP/1.0"), 400),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "NUL at first": (b"\x00", 400),
    "RTP without framing": (b"\x80\x60\x00\x01\x00\x00\x00\x00", 400),
    "space at first": (_line(b" OPTIONS * RTSP/1.0"), 400),
    "colon at first": (_line(b": OPTIONS * RTSP/1.0"), 400),
    "NUL in the uri": (_line(b"OPTIONS rtsp://h/vid\x00eo RTSP/1.0"), 400),
    "escape in the uri": (_line(b"OPTIONS rtsp://h/\x1b[2J RTSP/1.0"), 400),
    "bare CR as line end": (b"OPTIONS * RTSP/1.0\rCSeq: 7\r\r\n\r\n", 400),
    "two CRs at a line end": (b"OPTIONS * RTSP/1.0\r\r\nCSeq: 7\r\n\r\n", 400),
    "endless request line": (b"OPTIONS rtsp://h/" + b"a" * 8000 + b" RTSP/1.0\r\n\r\n", 414),
    "endless request line without end": (b"A" * 8000, 414),
    "header without colon": (_options(b"CSeq 7"), 400),
    "header without name": (_options(b": 7"), 400),
    "header name with a space": (_options(b"C Seq: 7"), 400),
    "header name with a quote": (_options(b'"CSeq": 7'), 400),
    "header name not ASCII": (_options(b"CS\xe9q: 7"), 400),
    "NUL in a header name": (_options(b"CS\x00eq: 7"), 400),
    "NUL in a header value": (_options(b"CSeq: 7\x00"), 400),
    "DEL in a header value": (_options(b"CSeq: 7", b"X: \x7f"), 400),
    "CR in a header value": (_options(b"CSeq: 7", b"X: a\rY: b"), 400),
    "fold before any header": (_options(b" folded", b"CSeq: 7"), 400),
    "endless header value": (_options(b"CSeq: 7", b"X: " + b"a" * 20000), 400),
    "endless header name": (b"OPTIONS * RTSP/1.0\r\n" + b"a" * 20000, 400),
    "too many headers": (_options(b"CSeq: 7", *[b"X: y"] * 200), 400),
    "too many folds": (_options(b"CSeq: 7", *[b" y"] * 200), 400),
    "negative length": (_options(b"CSeq: 7", b"Content-Length: -1"), 400),
    "length with a plus": (_options(b"CSeq: 7", b"Content-Length: +5"), 400),
    "length in words": (_options(b"CSeq: 7", b"Content-Length: five"), 400),
    "length in hex": (_options(b"CSeq: 7", b"Content-Length: 0x10"), 400),
    "length with a fraction": (_options(b"CSeq: 7", b"Content-Length: 1.5"), 400),
    "length empty": (_options(b"CSeq: 7", b"Content-Length:"), 400),
    "length in superscript": (_options(b"CSeq: 7", b"Content-Length: \xb2"), 400),
    "length twice, different": (_options(b"CSeq: 7", b"Content-Length: 1", b"Content-Length: 2"), 400),
    "length as a list": (_options(b"CSeq: 7", b"Content-Length: 1, 1"), 400),
    "length over the limit": (_options(b"CSeq: 7", b"Content-Length: 1000000"), 413),
    "length of 2**32": (_options(b"CSeq: 7", b"Content-Length: 4294967296"), 413),
    "length of 2**64 - 1": (_options(b"CSeq: 7", b"Content-Length: 18446744073709551615"), 413),
    "length of 5000 digits": (_options(b"CSeq: 7", b"Content-Length: " + b"9" * 5000), 413),
    "status without code": (b"RTSP/1.0\r\n\r\n", 400),
    "status of two digits": (b"RTSP/1.0 20 OK\r\n\r\n", 400),
    "status of words": (b"RTSP/1.0 OK OK\r\n\r\n", 400),
    "status above 599": (b"RTSP/1.0 600 No\r\n\r\n", 400),
}

ANSWERED: dict[str, tuple[bytes, int]] = {
    "no CSeq": (_options(), 400),
    "empty CSeq": (_options(b"CSeq:"), 400),
    "negative CSeq": (_options(b"CSeq: -1"), 400),
    "CSeq in words": (_options(b"CSeq: one"), 400),
    "CSeq of 5000 digits": (_options(b"CSeq: " + b"9" * 5000), 400),
    "CSeq twice, different": (_options(b"CSeq: 1", b"CSeq: 2"), 400),
    "RTSP/2.0": (_line(b"OPTIONS * RTSP/2.0"), 505),
    "RTSP/0.9": (_line(b"OPTIONS * RTSP/0.9"), 505),
    "RTSP/1.1": (_line(b"OPTIONS * RTSP/1.1"), 505),
    "unknown method": (_request("DANCE"), 501),
    "method in small letters": (_request("options"), 501),
    "HTTP method": (_request("GET"), 501),
    "ANNOUNCE": (_request("ANNOUNCE"), 405),
    "RECORD": (_request("RECORD"), 405),
    "REDIRECT": (_request("REDIRECT"), 405),
    "Require": (_request("DESCRIBE", "Require: www.onvif.org/ver20/backchannel"), 551),
    "Proxy-Require": (_request("PLAY", "Proxy-Require: gzipped-messages"), 551),
    "http scheme": (_request("DESCRIBE", uri="http://h/video"), 400),
    "file scheme": (_request("DESCRIBE", uri="file:///video"), 400),
    "non-ASCII host": (_line(b"DESCRIBE rtsp://h\xe9/video RTSP/1.0"), 400),
    "another path": (_request("DESCRIBE", uri="rtsp://h/other"), 404),
    "no path": (_request("DESCRIBE", uri="rtsp://h"), 404),
    "longer path": (_request("DESCRIBE", uri="rtsp://h/video/trackID=0/x"), 404),
    "other track": (_request("SETUP", "Transport: RTP/AVP/TCP", uri="rtsp://h/video/trackID=1"), 404),
    "path in capitals": (_request("DESCRIBE", uri="rtsp://h/VIDEO"), 404),
    "dots in the path": (_request("DESCRIBE", uri="rtsp://h/x/../video"), 404),
    "encoded NUL": (_request("DESCRIBE", uri="rtsp://h/video%00"), 404),
    "broken percent encoding": (_request("DESCRIBE", uri="rtsp://h/video%"), 404),
    "DESCRIBE of *": (_request("DESCRIBE", uri="*"), 404),
    "SETUP of *": (_request("SETUP", "Transport: RTP/AVP/TCP", uri="*"), 404),
    "GET_PARAMETER elsewhere": (_request("GET_PARAMETER", uri="rtsp://h/other"), 404),
    "not SDP": (_request("DESCRIBE", "Accept: application/rtsl"), 406),
    "accepts nothing": (_request("DESCRIBE", "Accept:"), 406),
    "SETUP without Transport": (_request("SETUP", uri=TRACK), 400),
    "empty Transport": (_setup(""), 400),
    "Transport of separators": (_setup(",;,;;"), 400),
    "unknown transport": (_setup("RAW/RAW/UDP;unicast"), 461),
    "SRTP": (_setup("RTP/SAVP;unicast;client_port=5000-5001"), 461),
    "SAVPF": (_setup("RTP/SAVPF;unicast;client_port=5000-5001"), 461),
    "multicast": (_setup("RTP/AVP;multicast"), 461),
    "multicast with ports": (_setup("RTP/AVP;multicast;destination=224.2.0.1;port=3456-3457;ttl=16"), 461),
    "record mode": (_setup("RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"), 461),
    "RECEIVE mode": (_setup('RTP/AVP;unicast;client_port=1-2;mode="RECEIVE"'), 461),
    "another destination": (_setup("RTP/AVP;unicast;destination=198.51.100.7;client_port=5000-5001"), 461),
    "destination by name": (_setup("RTP/AVP;unicast;destination=victim.example;client_port=5000-5001"), 461),
    "UDP without ports": (_setup("RTP/AVP;unicast"), 461),
    "port 0": (_setup("RTP/AVP;unicast;client_port=0-1"), 400),
    "port 65536": (_setup("RTP/AVP;unicast;client_port=65535-65536"), 400),
    "no room for RTCP": (_setup("RTP/AVP;unicast;client_port=65535"), 400),
    "negative port": (_setup("RTP/AVP;unicast;client_port=-5"), 400),
    "port in words": (_setup("RTP/AVP;unicast;client_port=a-b"), 400),
    "three ports": (_setup("RTP/AVP;unicast;client_port=1-2-3"), 400),
    "ports without value": (_setup("RTP/AVP;unicast;client_port"), 400),
    "channel 256": (_setup("RTP/AVP/TCP;unicast;interleaved=255-256"), 400),
    "one channel for both": (_setup("RTP/AVP/TCP;unicast;interleaved=4-4"), 400),
    "channels in words": (_setup("RTP/AVP/TCP;unicast;interleaved=x"), 400),
    "SETUP of an unknown session": (_request("SETUP", "Session: x", "Transport: RTP/AVP/TCP", uri=TRACK), 454),
    "PLAY of an unknown session": (_request("PLAY", "Session: x"), 454),
    "PAUSE of an unknown session": (_request("PAUSE", "Session: x;timeout=60"), 454),
    "TEARDOWN of an unknown session": (_request("TEARDOWN", "Session: x"), 454),
    "keepalive of an unknown session": (_request("GET_PARAMETER", "Session: x"), 454),
    "empty session": (_request("PLAY", "Session:"), 454),
    "PLAY before SETUP": (_request("PLAY"), 455),
    "PAUSE before SETUP": (_request("PAUSE"), 455),
    "TEARDOWN before SETUP": (_request("TEARDOWN"), 455),
}


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(("data", "status"), CLOSED.values(), ids=CLOSED.keys())
def test_bytes_that_are_no_message_end_the_connection(data: bytes, status: int, step: int) -> None:
    client = Client()
    (reply,) = client.send(data, step=step)
    assert reply.status == status
    assert reply.headers["Connection"] == "close"
    assert reply.headers["Server"] == "vstream/test"
    assert client.closed
    assert client.send(_request("OPTIONS")) == []


@pytest.mark.parametrize(("data", "status"), ANSWERED.values(), ids=ANSWERED.keys())
def test_bad_requests_are_answered_and_the_connection_goes_on(data: bytes, status: int) -> None:
    client = Client()
    good = b"OPTIONS * RTSP/1.0\r\nCSeq: 8\r\n\r\n"
    bad_reply, good_reply = client.send(data + good)
    assert bad_reply.status == status
    assert bad_reply.reason
    assert bad_reply.headers["CSeq"] == ("7" if CSEQ in data else None)
    assert good_reply.status == 200
    assert client.effects == []
    assert not client.dialogue.sessions


@pytest.mark.parametrize("value", ["", "npt=", "npt=-5", "npt=x-", "npt=9-3", "npt=3-3", "0-", "km=1-2", "clock=2026-"])
def test_a_range_that_cannot_be_played(value: str) -> None:
    client = Client()
    session = client.set_up()
    assert client.ask("PLAY", URL, session, f"Range: {value}").status == 457
    assert client.effects == []
    assert client.ask("PLAY", URL, session).status == 200


def test_there_are_enough_kinds() -> None:
    assert len(CLOSED) + len(ANSWERED) >= 60
