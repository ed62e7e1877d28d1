"""What an HTTP request makes of a connection: one end of a tunnel."""

from collections.abc import Callable
from typing import Protocol

from vstream._fastpath import TcpWriter
from vstream.errors import MalformedMessageError, RtspError
from vstream.rtsp.message import InterleavedFrame
from vstream.rtsp.parser import Parser
from vstream.server.sockets import Endpoint
from vstream.tunnel.base64_stream import Base64Stream

_EARLY_LIMIT_BYTES = 1 << 16


class Line(Protocol):
    """What an end needs of its connection."""

    peer: Endpoint
    writer: TcpWriter
    is_encrypted: bool
    has_more: bool

    @property
    def sessions(self) -> int:
        """How many sessions were made there and live."""

    def become(self, end: "TunnelEnd") -> None:
        """From here on leave to `end` what comes from the socket."""

    def take_rtsp(self, data: bytes) -> None:
        """Go on with RTSP as it would have come without a tunnel."""

    def hear(self, frame: InterleavedFrame) -> None:
        """Take one interleaved frame."""

    def write(self, data: bytes, *, verbatim: bool = False) -> None:
        """Queue what answers the peer, as it is or as RTSP; close where that cannot be written."""

    def give_up(self, error: RtspError) -> None:
        """Answer with an error, then close."""

    def wind_up(self, reason: str) -> None:
        """End the sessions; close once everything is written."""

    def close(self, reason: str) -> None: ...
    def is_expendable(self, now_s: float) -> bool:
        """Whether it may be closed to make room."""

    def is_idle(self, now_s: float) -> bool:
        """Whether it has no session and asked nothing for long."""


class TunnelEnd(Protocol):
    """One connection's part; `name` stands for its way of transport in log and metrics."""

    name: str

    @property
    def is_half(self) -> bool:
        """Whether the other end has never come."""

    @property
    def owner(self) -> Line:
        """The connection that has the sessions of what this one carries."""

    def receive(self, data: bytes) -> None:
        """Take bytes as they came from the socket."""

    def farewell(self) -> bytes:
        """What is written last, as it is."""

    def closed(self) -> None:
        """The connection is gone."""


class DownlinkEnd:
    """The GET of a tunnel, whose connection has the dialogue: it answers what its uplinks bring, one after another."""

    name = "HTTP"

    def __init__(self, line: Line, gone: Callable[[], None]) -> None:
        """`gone` is called when its connection is."""
        self.owner = line
        self.is_half = True
        self._gone = gone
        self._uplink: UplinkEnd | None = None
        self._strays = Parser()

    def join(self, uplink: "UplinkEnd") -> None:
        """Go on with this uplink."""
        self.is_half = False
        self._uplink = uplink
        uplink.join(self)

    def leave(self, uplink: "UplinkEnd") -> None:
        """The uplink is gone; another may come with the same cookie, as QuickTime's do, while media goes on."""
        if self._uplink is uplink:
            self._uplink = None

    def receive(self, data: bytes) -> None:
        """live555 sends its RTCP here, as it is; nothing else means anything on this end."""
        self._strays.feed(data)
        try:
            while (event := self._strays.next_event()) is not None:
                if isinstance(event, InterleavedFrame):
                    self.owner.hear(event)
        except MalformedMessageError as error:
            self.owner.give_up(error)

    def farewell(self) -> bytes:
        return b""

    def closed(self) -> None:
        self._gone()
        if self._uplink is not None:
            self._uplink.close("the other end of its tunnel closed")


class UplinkEnd:
    """The POST of a tunnel: decodes what the client says, for the connection of its downlink."""

    name = "HTTP"

    def __init__(self, line: Line, gone: Callable[[], None]) -> None:
        """`gone` is called when its connection is."""
        self._line = line
        self._gone = gone
        self._downlink: DownlinkEnd | None = None
        self._base64 = Base64Stream()
        self._early = b""

    @property
    def is_half(self) -> bool:
        return self._downlink is None

    @property
    def owner(self) -> Line:
        return self._line if self._downlink is None else self._downlink.owner

    def join(self, downlink: DownlinkEnd) -> None:
        """Its downlink is there: hand over what came before."""
        self._downlink = downlink
        early, self._early = self._early, b""
        downlink.owner.take_rtsp(early)

    def receive(self, data: bytes) -> None:
        try:
            decoded = self._base64.decode(data)
        except MalformedMessageError as error:
            self._refuse(error)
            return
        if self._downlink is not None:
            self._downlink.owner.take_rtsp(decoded)
        elif len(self._early) + len(decoded) > _EARLY_LIMIT_BYTES:
            self.close("it does not wait for the other end of its tunnel")
        else:
            self._early += decoded

    def farewell(self) -> bytes:
        return b""

    def _refuse(self, error: RtspError) -> None:
        """Answers go to the downlink, if there is one."""
        if self._downlink is None:
            self.close(str(error))
        else:
            self._downlink.owner.give_up(error)

    def close(self, reason: str) -> None:
        """Close the connection."""
        self._line.close(reason)

    def closed(self) -> None:
        self._gone()
        if self._downlink is not None:
            self._downlink.leave(self)
