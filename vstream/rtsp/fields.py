"""What single header fields of a request say: CSeq, Session, Require, Accept, Connection (RFC 2326 section 12)."""

import re

from vstream.errors import RtspError
from vstream.rtsp.headers import Headers

_CSEQ = re.compile(r"[0-9]{1,18}")
_SDP_TYPES = ("application/sdp", "application/*", "*/*")


def sequence_number(headers: Headers) -> str:
    """The CSeq as it was written, to be repeated in the response (RFC 2326 section 12.17).

    Raises:
        RtspError: 400, it is absent, no number, or given twice with different values.
    """
    values = set(headers.get_all("CSeq"))
    if len(values) != 1:
        raise RtspError(400, "a request needs exactly one CSeq")
    value = values.pop()
    if not _CSEQ.fullmatch(value):
        raise RtspError(400, "a CSeq that is not a number")
    return value


def session_id(headers: Headers) -> str | None:
    """The session's id without its parameters (RFC 2326 section 12.37)."""
    value = headers.get("Session")
    return None if value is None else value.partition(";")[0].strip(" \t")


def required_options(headers: Headers) -> list[str]:
    """The option tags of Require and Proxy-Require (RFC 2326 sections 12.32 and 12.27)."""
    return headers.elements("Require") + headers.elements("Proxy-Require")


def accepts_sdp(headers: Headers) -> bool:
    """Whether a description may be SDP; a request without Accept takes anything (RFC 2326 section 12.1)."""
    if "Accept" not in headers:
        return True
    media_types = [element.partition(";")[0].strip(" \t").lower() for element in headers.elements("Accept")]
    return any(media_type in _SDP_TYPES for media_type in media_types)


def asks_to_close(headers: Headers) -> bool:
    """Whether the client wants the connection closed after the response (RFC 2326 section 12.10)."""
    return any(element.lower() == "close" for element in headers.elements("Connection"))
