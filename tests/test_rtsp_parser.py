"""The parser gives the same events however the bytes are cut, and waits for no more than it needs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstream.errors import MalformedMessageError
from vstream.rtsp.headers import Headers
from vstream.rtsp.message import HttpRequest, InterleavedFrame, Request, Response
from vstream.rtsp.parser import Limits, Parser

DEFAULTS = Limits()
Event = Request | Response | HttpRequest | InterleavedFrame

OPTIONS = b"OPTIONS rtsp://h/video RTSP/1.0\r\nCSeq: 1\r\n\r\n"
SET_PARAMETER = (
    b"SET_PARAMETER rtsp://h/video RTSP/1.0\r\n"
    b"CSeq: 2\r\nContent-Type: text/parameters\r\nContent-Length: 6\r\n\r\n"
    b"a: $\r\n"
)
FRAME = b"$\x01\x00\x05\r\n$\x00D"

EVENTS: list[tuple[bytes, Event]] = [
    (OPTIONS, Request("OPTIONS", "rtsp://h/video", "RTSP/1.0", Headers([("CSeq", "1")]))),
    (
        SET_PARAMETER,
        Request(
            "SET_PARAMETER",
            "rtsp://h/video",
            "RTSP/1.0",
            Headers([("CSeq", "2"), ("Content-Type", "text/parameters"), ("Content-Length", "6")]),
            b"a: $\r\n",
        ),
    ),
    (FRAME, InterleavedFrame(1, b"\r\n$\x00D")),
    (b"$\xff\x00\x00", InterleavedFrame(255, b"")),
    (b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n", Response(200, Headers([("CSeq", "9")]), reason="OK")),
    (b"RTSP/1.0 404\r\n\r\n", Response(404, reason="")),
    (
        b"GET /video?a=b HTTP/1.0\r\nx-sessioncookie: Ab1\r\nContent-Length: 32767\r\n\r\n",
        HttpRequest(
            "GET", "/video?a=b", "HTTP/1.0", Headers([("x-sessioncookie", "Ab1"), ("Content-Length", "32767")])
        ),
    ),
    (
        b"RTSP/1.0 454 Session Not Found\r\nContent-Length:2\r\n\r\nhi",
        Response(454, Headers([("Content-Length", "2")]), b"hi", "Session Not Found"),
    ),
]


def events(data: bytes, step: int = 0, limits: Limits = DEFAULTS) -> list[Event | int]:
    """The events in the data, then the status of the error if there is one."""
    parser = Parser(limits)
    found: list[Event | int] = []
    for start in range(0, len(data), step or len(data)):
        parser.feed(data[start : start + (step or len(data))])
        try:
            while (event := parser.next_event()) is not None:
                found.append(event)
        except MalformedMessageError as error:
            found.append(error.status)
    return found


@pytest.mark.parametrize(("data", "event"), EVENTS)
def test_message_whole_and_byte_by_byte(data: bytes, event: Event) -> None:
    assert events(data) == [event]
    assert events(data, 1) == [event]


@pytest.mark.parametrize(("data", "event"), EVENTS)
def test_trailing_data_is_kept_for_the_next_message(data: bytes, event: Event) -> None:
    parser = Parser()
    parser.feed(data + OPTIONS[:-1])
    assert parser.next_event() == event
    assert parser.next_event() is None
    assert parser.buffered_bytes == len(OPTIONS) - 1
    parser.feed(OPTIONS[-1:])
    assert parser.next_event() == EVENTS[0][1]
    assert parser.buffered_bytes == 0


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7, 64])
def test_pipelined_and_mixed(step: int) -> None:
    data = b"".join(data for data, _ in EVENTS)
    assert events(data * 3, step) == [event for _, event in EVENTS] * 3


_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).filter(lambda n: n.lower() != "content-length")
_VALUES = st.from_regex(r"(?:[!-~\xa1-\xff](?:[ -~\xa1-\xff\t]{0,20}[!-~\xa1-\xff])?)?", fullmatch=True)
_BODIES = st.binary(max_size=40)


@st.composite
def _requests(draw: st.DrawFn) -> tuple[bytes, Event]:
    method = draw(st.from_regex(r"[A-Z_]{1,16}", fullmatch=True))
    uri = draw(st.from_regex(r"[!-~\xa1-\xff]{1,40}", fullmatch=True))
    fields = draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=6))
    body = draw(_BODIES)
    if body:
        fields.append(("content-LENGTH", str(len(body))))
    line_end = draw(st.sampled_from([b"\r\n", b"\n"]))
    lines = [f"{method} {uri} RTSP/1.0", *(f"{name}: {value}" for name, value in fields), "", ""]
    blank = draw(st.sampled_from([b"", b"\r\n", b"\n\r\n\n"]))
    data = blank + line_end.join(line.encode("latin-1") for line in lines) + body
    return data, Request(method, uri, "RTSP/1.0", Headers(fields), body)


@st.composite
def _frames(draw: st.DrawFn) -> tuple[bytes, Event]:
    channel, payload = draw(st.integers(0, 255)), draw(st.binary(max_size=80))
    return b"$" + bytes([channel]) + len(payload).to_bytes(2) + payload, InterleavedFrame(channel, payload)


@settings(max_examples=150)
@given(messages=st.lists(st.one_of(_requests(), _frames()), min_size=1, max_size=6), data=st.data())
def test_any_messages_cut_anywhere(messages: list[tuple[bytes, Event]], data: st.DataObject) -> None:
    stream = b"".join(encoded for encoded, _ in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    parser = Parser()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        parser.feed(stream[start:end])
        while (event := parser.next_event()) is not None:
            found.append(event)
    assert found == [event for _, event in messages]
    assert parser.buffered_bytes == 0


_ALMOST_MESSAGES = st.text("RTSP/1.0 :$\r\n\tcseqntlgh-05", min_size=1, max_size=120).map(str.encode)


@settings(max_examples=200)
@given(data=st.one_of(st.binary(min_size=1, max_size=200), _ALMOST_MESSAGES))
def test_garbage_gives_the_same_events_whole_and_byte_by_byte(data: bytes) -> None:
    limits = Limits(request_line_bytes=40, header_bytes=60, header_count=3, body_bytes=20)
    assert events(data, 0, limits) == events(data, 1, limits)


def test_headers_fold_repeat_and_ignore_case() -> None:
    (request,) = events(
        b"OPTIONS * RTSP/1.0\nCSEQ:1\nUser-Agent: a\nuser-agent :  b \nX-Long: one\r\n  two\r\n\tthree \r\n\r\n"
    )
    assert isinstance(request, Request)
    assert request.headers.get("cseq") == "1"
    assert request.headers.get_all("User-Agent") == ["a", "b"]
    assert request.headers.get("x-long") == "one two three"
    assert "X-LONG" in request.headers
    assert request.headers.get("absent") is None


@pytest.mark.parametrize(
    ("written", "plain"), [("RTSP/1.0", "RTSP/1.0"), ("rtsp/1.0", "RTSP/1.0"), ("RTSP/02.00", "RTSP/2.0")]
)
def test_version_is_plain(written: str, plain: str) -> None:
    (request,) = events(f"OPTIONS * {written}\r\n\r\n".encode())
    assert isinstance(request, Request)
    assert request.version == plain


def test_non_ascii_bytes_come_back_unchanged() -> None:
    raw = b"caf\xc3\xa9 \xff\x80"
    (request,) = events(b"OPTIONS rtsp://h/\xc3\xa9 RTSP/1.0\r\nX: " + raw + b"\r\n\r\n")
    assert isinstance(request, Request)
    assert raw in request.headers.encode()
    assert request.uri.encode("latin-1") == b"rtsp://h/\xc3\xa9"


def test_error_comes_once_after_the_good_messages_and_then_nothing() -> None:
    parser = Parser()
    parser.feed(OPTIONS + b"nonsense\r\n\r\n" + OPTIONS)
    assert parser.next_event() == EVENTS[0][1]
    with pytest.raises(MalformedMessageError):
        parser.next_event()
    parser.feed(OPTIONS)
    assert parser.next_event() is None
    assert parser.buffered_bytes == 0


def test_limits_hold_to_the_byte() -> None:
    line = b"OPTIONS rtsp://h/video RTSP/1.0\r\n"
    fields = b"CSeq: 1\r\nContent-Length: 3\r\n\r\n"
    exact = Limits(request_line_bytes=len(line), header_bytes=len(fields), header_count=2, body_bytes=3)
    (request,) = events(line + fields + b"abc", 0, exact)
    assert isinstance(request, Request)
    for limits, status in [
        (Limits(len(line) - 1, len(fields), 2, 3), 414),
        (Limits(len(line), len(fields) - 1, 2, 3), 400),
        (Limits(len(line), len(fields), 1, 3), 400),
        (Limits(len(line), len(fields), 2, 2), 413),
    ]:
        assert events(line + fields + b"abc", 0, limits) == [status]
        assert events(line + fields + b"abc", 1, limits) == [status]


def test_endless_line_and_header_are_refused_before_they_end() -> None:
    limits = Limits(request_line_bytes=100, header_bytes=100)
    assert events(b"A" * 101, 1, limits) == [414]
    assert events(b"OPTIONS * RTSP/1.0\r\n" + b"a" * 101, 1, limits) == [400]
    assert events(b"OPTIONS * RTSP/1.0\r\n" + b"a: b\r\n" * 50, 1, limits) == [400]


def test_tls_hello_is_refused_at_its_first_byte() -> None:
    assert events(b"\x16") == [400]


def test_a_megabyte_of_pipelined_messages() -> None:
    count = 1_000_000 // len(OPTIONS + FRAME)
    found = events((OPTIONS + FRAME) * count)
    assert len(found) == 2 * count
    assert found[-1] == EVENTS[2][1]


def test_largest_frame_byte_by_byte() -> None:
    payload = bytes(range(256)) * 255 + bytes(255)
    assert events(b"$\x07\xff\xff" + payload, 1) == [InterleavedFrame(7, payload)]


@pytest.mark.parametrize("rest", [b"", b"\r\n", b"T1BUSU9OUw==", b"$\1\0\1x"])
def test_what_follows_an_http_head_is_handed_out_as_it_came(rest: bytes) -> None:
    parser = Parser()
    parser.feed(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n" + rest)
    assert isinstance(parser.next_event(), HttpRequest)
    assert (parser.take_rest(), parser.buffered_bytes) == (rest, 0)
    parser.feed(b"OPTIONS * RTSP/1.0\r\n\r\n")
    assert parser.next_event() == Request("OPTIONS", "*")
