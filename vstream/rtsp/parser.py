"""Bytes of an RTSP connection into messages, however they are cut (RFC 2326 sections 4, 6, 7 and 10.12)."""

import re
from dataclasses import dataclass

from vstream.errors import MalformedMessageError
from vstream.rtsp.headers import Headers
from vstream.rtsp.message import HttpRequest, InterleavedFrame, Request, Response

_DOLLAR = 0x24
_FRAME_HEADER_BYTES = 4
_LINE_ENDS = re.compile(rb"[\r\n]*")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_VERSION = re.compile(rb"RTSP/([0-9]{1,3})\.([0-9]{1,3})", re.IGNORECASE)
_HTTP_VERSION = re.compile(rb"HTTP/1\.[0-9]")
_STATUS = re.compile(rb"[1-5][0-9]{2}")
_DIGITS = re.compile(r"[0-9]+")


_Message = Request | Response | HttpRequest


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one message is accepted."""

    request_line_bytes: int = 4096
    """The first line with its line end."""

    header_bytes: int = 16384
    """All header lines with their line ends and the empty line."""

    header_count: int = 100
    """Header lines, folded ones counted each."""

    body_bytes: int = 16384


class Parser:
    """One connection's byte stream; `feed` what came in, then take events until there is none."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._dead = False
        self._start = 0
        self._begin_message()

    def _begin_message(self) -> None:
        self._message: _Message | None = None
        self._fields: list[tuple[bytes, list[bytes]]] = []
        self._lines = 0
        # Both count from the first byte of the message: where the line being read begins, and how far it was searched.
        self._line_at = 0
        self._searched = 0
        self._header_end_limit = 0
        # Zero until the header is whole.
        self._body_at = 0
        self._body_bytes = 0

    @property
    def buffered_bytes(self) -> int:
        """Bytes of a message that has not come whole."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Take bytes as they came from the connection; after an error they are thrown away."""
        if self._dead:
            return
        del self._buffer[: self._start]
        self._start = 0
        self._buffer += data

    def take_rest(self) -> bytes:
        """Take out what came behind the latest event: behind an HTTP request it is for others to read."""
        rest = bytes(self._buffer[self._start :])
        self._buffer.clear()
        self._start = 0
        self._begin_message()
        return rest

    def next_event(self) -> _Message | InterleavedFrame | None:
        """The next whole message, of an HTTP request its head, or None where more bytes are needed.

        Raises:
            MalformedMessageError: no message can be read from here on; raised once, then there are no more events.
        """
        if self._dead:
            return None
        try:
            return self._next()
        except MalformedMessageError:
            self._dead = True
            self._buffer.clear()
            self._start = 0
            raise

    def _next(self) -> _Message | InterleavedFrame | None:
        if self._message is None:
            if not self._searched:
                self._start = _line_ends_end(self._buffer, self._start)
            if self._start == len(self._buffer):
                return None
            if self._buffer[self._start] == _DOLLAR:
                return self._read_frame()
            # Refused at the first byte, because another protocol (TLS, say) may never send a line end.
            if not _TOKEN.match(self._buffer, self._start, self._start + 1):
                raise MalformedMessageError(400, "bytes that begin no RTSP message")
            line = self._read_line(self._limits.request_line_bytes, 414)
            if line is None:
                return None
            self._message = _parse_start_line(line)
            self._header_end_limit = self._line_at + self._limits.header_bytes
        if not self._body_at and not self._read_headers(self._message):
            return None
        return self._read_body(self._message)

    def _read_frame(self) -> InterleavedFrame | None:
        header = self._buffer[self._start : self._start + _FRAME_HEADER_BYTES]
        if len(header) < _FRAME_HEADER_BYTES:
            return None
        payload_at = self._start + _FRAME_HEADER_BYTES
        payload_end = payload_at + int.from_bytes(header[2:])
        if payload_end > len(self._buffer):
            return None
        frame = InterleavedFrame(channel=header[1], payload=bytes(self._buffer[payload_at:payload_end]))
        self._start = payload_end
        return frame

    def _read_line(self, end_limit: int, too_long: int) -> bytes | None:
        newline = self._buffer.find(b"\n", self._start + self._searched)
        end = (len(self._buffer) if newline < 0 else newline + 1) - self._start
        if end > end_limit:
            raise MalformedMessageError(too_long, f"a message head of more than {end_limit} bytes")
        self._searched = end
        if newline < 0:
            return None
        line = bytes(self._buffer[self._start + self._line_at : newline]).removesuffix(b"\r")
        self._line_at = end
        if _CONTROL.search(line):
            raise MalformedMessageError(400, "a control character in the message head")
        return line

    def _read_headers(self, message: _Message) -> bool:
        while (line := self._read_line(self._header_end_limit, 400)) is not None:
            if not line:
                message.headers = _decode_fields(self._fields)
                if not isinstance(message, HttpRequest):
                    self._body_bytes = _content_length(message.headers, self._limits.body_bytes)
                self._body_at = self._line_at
                return True
            self._lines += 1
            if self._lines > self._limits.header_count:
                raise MalformedMessageError(400, f"more than {self._limits.header_count} header lines")
            self._read_field(line)
        return False

    def _read_field(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t"):
            if not self._fields:
                raise MalformedMessageError(400, "a folded line before any header field")
            self._fields[-1][1].append(line.strip(b" \t"))
            return
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if not colon or not _TOKEN.fullmatch(name):
            raise MalformedMessageError(400, "a header line that is not `Name: value`")
        self._fields.append((name, [value.strip(b" \t")]))

    def _read_body(self, message: _Message) -> _Message | None:
        body_at = self._start + self._body_at
        body_end = body_at + self._body_bytes
        if body_end > len(self._buffer):
            return None
        if not isinstance(message, HttpRequest):
            message.body = bytes(self._buffer[body_at:body_end])
        self._start = body_end
        self._begin_message()
        return message


def _line_ends_end(buffer: bytearray, start: int) -> int:
    match = _LINE_ENDS.match(buffer, start)
    return match.end() if match else start


def _parse_start_line(line: bytes) -> _Message:
    words = line.split()
    if words and _VERSION.fullmatch(words[0]):
        return _parse_status_line(line)
    if len(words) != 3:
        raise MalformedMessageError(400, "a request line that is not `METHOD URI RTSP/1.0`")
    method, uri, version = words
    match = _VERSION.fullmatch(version)
    if not (match or _HTTP_VERSION.fullmatch(version)) or not _TOKEN.fullmatch(method):
        raise MalformedMessageError(400, "a request line that is not `METHOD URI RTSP/1.0`")
    if match is None:
        return HttpRequest(method.decode("latin-1"), uri.decode("latin-1"), version.decode("latin-1"))
    plain_version = f"RTSP/{int(match[1])}.{int(match[2])}"
    return Request(method.decode("latin-1"), uri.decode("latin-1"), plain_version)


def _parse_status_line(line: bytes) -> Response:
    words = line.split(None, 2)
    if len(words) < 2 or not _STATUS.fullmatch(words[1]):
        raise MalformedMessageError(400, "a status line that is not `RTSP/1.0 CODE reason`")
    reason = words[2].decode("latin-1").strip(" \t") if len(words) == 3 else ""
    return Response(int(words[1]), reason=reason)


def _decode_fields(fields: list[tuple[bytes, list[bytes]]]) -> Headers:
    return Headers((name.decode("latin-1"), b" ".join(parts).strip().decode("latin-1")) for name, parts in fields)


def _content_length(headers: Headers, limit: int) -> int:
    values = set(headers.get_all("Content-Length"))
    if not values:
        return 0
    value = values.pop()
    if values or not _DIGITS.fullmatch(value):
        raise MalformedMessageError(400, "a Content-Length that is not one number")
    # A number this long is too large whatever it says, and Python refuses to convert the longest ones.
    significant = value.lstrip("0")
    if len(significant) > len(str(limit)) or int(significant or "0") > limit:
        raise MalformedMessageError(413, f"a body of more than {limit} bytes")
    return int(significant or "0")
