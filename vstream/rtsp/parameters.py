"""Bodies of GET_PARAMETER and SET_PARAMETER (RFC 2326 sections 10.8 and 10.9)."""

from vstream.errors import RtspError
from vstream.rtsp.message import Request

CONTENT_TYPE = "text/parameters"


def parameter_names(request: Request) -> list[str]:
    """The names in a `text/parameters` body, one a line, with or without `: value`; a keepalive has none.

    Raises:
        RtspError: 415, the body is of another type.
    """
    lines = [line.partition(":")[0].strip(" \t") for line in request.body.decode("latin-1").splitlines()]
    names = [line for line in lines if line]
    content_type = request.headers.get("Content-Type") or CONTENT_TYPE
    if names and content_type.partition(";")[0].strip(" \t").lower() != CONTENT_TYPE:
        raise RtspError(415, f"parameters that are not {CONTENT_TYPE}")
    return names
