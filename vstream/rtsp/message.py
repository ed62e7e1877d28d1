"""What comes on an RTSP port: requests, responses, interleaved frames (RFC 2326 sections 6, 7, 10.12) and HTTP."""

from dataclasses import dataclass, field

from vstream.rtsp.headers import Headers

RTSP_VERSION = "RTSP/1.0"

REASONS: dict[int, str] = {
    100: "Continue",
    200: "OK",
    201: "Created",
    250: "Low on Storage Space",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    303: "See Other",
    304: "Not Modified",
    305: "Use Proxy",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Time-out",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    415: "Unsupported Media Type",
    451: "Parameter Not Understood",
    452: "Conference Not Found",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    456: "Header Field Not Valid for Resource",
    457: "Invalid Range",
    458: "Parameter Is Read-Only",
    459: "Aggregate operation not allowed",
    460: "Only aggregate operation allowed",
    461: "Unsupported transport",
    463: "Key management failure",
    462: "Destination unreachable",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
    505: "RTSP Version not supported",
    551: "Option not supported",
}
"""The phrase of each status code (RFC 2326 section 7.1.1)."""


@dataclass(slots=True)
class Request:
    """A request; `version` is as the client wrote it, in capitals, such as `RTSP/1.0`."""

    method: str
    uri: str
    version: str = RTSP_VERSION
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def encode(self) -> bytes:
        """The request as it stands on the wire; one with a body brings its own Content-Length."""
        start_line = f"{self.method} {self.uri} {self.version}\r\n".encode("latin-1")
        return b"".join((start_line, self.headers.encode(), b"\r\n", self.body))


@dataclass(slots=True)
class HttpRequest:
    """The head of an HTTP request on the RTSP port; what follows it is no message. `version` is such as `HTTP/1.1`."""

    method: str
    uri: str
    version: str
    headers: Headers = field(default_factory=Headers)


@dataclass(slots=True)
class Response:
    """A response; without `reason` the status gets its phrase from REASONS."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    reason: str | None = None

    def encode(self) -> bytes:
        """The response as it stands on the wire, with Content-Length where there is a body."""
        reason = REASONS.get(self.status, "") if self.reason is None else self.reason
        fields = Headers(self.headers.items())
        if self.body:
            fields.set("Content-Length", str(len(self.body)))
        start_line = f"{RTSP_VERSION} {self.status} {reason}\r\n".encode("latin-1")
        return b"".join((start_line, fields.encode(), b"\r\n", self.body))


@dataclass(slots=True)
class InterleavedFrame:
    """Binary data between messages: an RTP or RTCP packet on one channel (RFC 2326 section 10.12)."""

    channel: int
    payload: bytes
