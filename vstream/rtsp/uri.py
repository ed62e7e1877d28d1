"""Request URIs, and which of them mean the stream that is served (RFC 2326 section 3.2)."""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from vstream.errors import RtspError

TRACK_CONTROL = "trackID=0"
"""The control attribute of the one track, relative to Content-Base."""

_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_SCHEMES = ("rtsp", "rtsps", "rtspu")
_AUTHORITY = re.compile(r"[!-~]*")
_SLASHES = re.compile(rb"/+")


class RequestUri(NamedTuple):
    """A request URI without its user information; a relative one has no authority."""

    scheme: str
    authority: str
    path: str
    query: str = ""

    def parameter(self, name: str) -> str | None:
        """The value of a parameter in the query, empty where it has none; None where it is not there."""
        for parameter in self.query.split("&"):
            key, _, value = parameter.partition("=")
            if key == name:
                return value
        return None

    @property
    def host(self) -> str:
        """The authority without its port, and an IPv6 address without its brackets."""
        if self.authority.startswith("["):
            return self.authority[1:].partition("]")[0]
        return self.authority.partition(":")[0]


def parse_uri(text: str) -> RequestUri:
    """Read an absolute or relative request URI.

    The query never chooses the stream, and ffmpeg appends the track's name to it.

    Raises:
        RtspError: 400, the scheme is not RTSP's or the host cannot be written in a header.
    """
    match = _ABSOLUTE.fullmatch(text)
    if not match:
        path, _, query = text.partition("?")
        return RequestUri("rtsp", "", path, query)
    scheme = match[1].lower()
    if scheme not in _SCHEMES:
        raise RtspError(400, "a URI that is not rtsp://host/path")
    authority = match[2].rpartition("@")[2]
    if not _AUTHORITY.fullmatch(authority):
        raise RtspError(400, "a host name that is not ASCII")
    path, _, query = match[3].partition("?")
    return RequestUri(scheme, authority, path, query)


class Mount:
    """The one path that is served, with its track below it."""

    def __init__(self, path: str) -> None:
        presentation = _segments(path.encode())
        self._paths = (presentation, (presentation + b"/" + TRACK_CONTROL.encode()).lstrip(b"/"))
        self._url_path = "/" + quote(presentation, safe="/=:@!$&'()*+") if presentation else ""

    def serves(self, uri: RequestUri) -> bool:
        """Whether the URI means the presentation or its track; with one track, either stands for both."""
        return _segments(uri.path.encode("latin-1")) in self._paths

    def url(self, uri: RequestUri, local_authority: str) -> str:
        """The presentation's URL without a slash at its end, at the host by which the client reached us."""
        return f"{uri.scheme}://{uri.authority or local_authority}{self._url_path}"


def _segments(path: bytes) -> bytes:
    return _SLASHES.sub(b"/", unquote_to_bytes(path)).strip(b"/")
