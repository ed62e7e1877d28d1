"""What can go wrong, each with the exit code or the RTSP status it ends in."""

from collections.abc import Iterable


class VstreamError(Exception):
    """Any failure that vstream foresees; its text is the one line an operator reads."""

    exit_code = 1


class ConfigError(VstreamError):
    """Settings that are wrong; `problems` holds one line each, all found in one pass."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ListenError(VstreamError):
    """An address or port that cannot be listened on."""

    exit_code = 3


class SourceError(VstreamError):
    """A source that cannot be read, or that broke while it was read."""

    exit_code = 4


class NoVideoError(SourceError):
    """A source that can be read but holds no H.264."""

    exit_code = 5


class CameraError(SourceError):
    """A camera that is absent, busy or broken."""

    exit_code = 6


class CameraUnavailableError(CameraError):
    """A camera, or its encoder, that is not there or that another program has: it may come."""


class CameraMissingError(SourceError):
    """A camera that can never work here: the software for it is not installed."""

    exit_code = 6


class CameraSetupError(SourceError):
    """Settings that this camera cannot follow; its text holds all problems."""

    exit_code = 2


class RetriesExceededError(VstreamError):
    """A source that failed more often than the supervisor may restart it."""

    exit_code = 7


class RtspError(VstreamError):
    """A request that is answered with an error status (RFC 2326 section 7.1.1)."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(reason or f"RTSP status {status}")
        self.status = status


class HttpError(VstreamError):
    """An HTTP request on the RTSP port that is answered with an error status; its text goes to whoever asked."""

    def __init__(self, status: int, reason: str, fields: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.fields = tuple(fields)
        """Header fields that the answer has besides."""


class MalformedMessageError(RtspError):
    """Bytes that are no RTSP message; the connection cannot be read any further once it is answered."""


class RtcpError(VstreamError):
    """Bytes that are no RTCP compound packet, or text that does not fit in one."""


class H264Error(SourceError):
    """H.264 syntax that cannot be read, or that no level or profile allows."""


class UnreachableError(VstreamError):
    """A running server that was asked how it is and does not answer."""
