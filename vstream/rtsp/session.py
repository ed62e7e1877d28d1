"""One RTSP session: its state table, what the server must do for it, and what it asks of the media (RFC 2326 A)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple, Protocol

from vstream.errors import RtspError
from vstream.rtsp.auth import Failure
from vstream.rtsp.profile import AVP
from vstream.rtsp.srtp_keys import SrtpKeys


class State(Enum):
    """States of a session (RFC 2326 appendix A.2)."""

    INIT = "init"
    READY = "ready"
    PLAYING = "playing"


STATELESS_METHODS = ("OPTIONS", "DESCRIBE", "GET_PARAMETER", "SET_PARAMETER")
"""Methods that are valid in every state and change none."""

TRANSITIONS: Mapping[State, Mapping[str, State]] = MappingProxyType(
    {
        State.INIT: {"SETUP": State.READY},
        State.READY: {
            "SETUP": State.READY,
            "PLAY": State.PLAYING,
            "PAUSE": State.READY,
            "TEARDOWN": State.INIT,
        },
        State.PLAYING: {"PLAY": State.PLAYING, "PAUSE": State.READY, "TEARDOWN": State.INIT},
    }
)
"""The state after each method that is valid in a state; a method that is not here is answered 455."""


def allowed_methods(state: State) -> str:
    """The value of Allow for a session in that state."""
    return ", ".join((*STATELESS_METHODS, *TRANSITIONS[state]))


class UdpTransport(NamedTuple):
    """Where a viewer receives datagrams, at the address of its RTSP connection, and by which profile of RTP."""

    rtp_port: int
    rtcp_port: int
    profile: str = AVP


class InterleavedTransport(NamedTuple):
    """The channels of a viewer that receives on its RTSP connection."""

    rtp_channel: int
    rtcp_channel: int


class MulticastTransport(NamedTuple):
    """The group that a viewer shares with others; `ttl` is how far it reaches."""

    destination: str
    rtp_port: int
    rtcp_port: int
    ttl: int


Transport = UdpTransport | InterleavedTransport | MulticastTransport


@dataclass(slots=True, eq=False)
class Session:
    """One viewer's session; `last_heard_s` is on the clock that the server passes in."""

    id: str
    transport: Transport
    track_url: str
    last_heard_s: float
    state: State = State.READY
    has_played: bool = False
    """Whether it ever did; one that paused may take its time to go on."""
    keys: SrtpKeys | None = None
    """What its media is encrypted with; None where it has no encryption of its own."""

    def check(self, method: str) -> State:
        """The state that `method` leads to.

        Raises:
            RtspError: 455, the method is not valid in the present state.
        """
        if method not in TRANSITIONS[self.state]:
            raise RtspError(455, f"{method} while {self.state.value}")
        return TRANSITIONS[self.state][method]


class StartPoint(NamedTuple):
    """The first RTP packet that a viewer will get; what is not known yet is None and left out of RTP-Info."""

    sequence: int | None
    timestamp: int | None


class Media(Protocol):
    """What the dialogue asks about the stream; the server answers at once."""

    ssrc: int

    def description(self, base_url: str, address: str, profile: str, keys: Sequence[str] = ()) -> bytes | None:
        """The SDP, or None while the source has given no parameter sets; `address` is the server's own.

        `profile` is the RTP profile to name in it, `keys` the lines that name the keys of SRTP.
        """

    def start_point(self) -> StartPoint:
        """Where a viewer that plays now begins."""


class Play(NamedTuple):
    """Begin to send to the session, once the answer is written."""

    session: Session


class Pause(NamedTuple):
    """Stop sending to the session; it may play again."""

    session: Session


class End(NamedTuple):
    """The session is over: say BYE and forget it."""

    session: Session
    reason: str


class Close(NamedTuple):
    """Close the connection once the answer is written."""

    reason: str


class Deny(NamedTuple):
    """Credentials were refused: note it, and let the client wait for its answer where it guesses."""

    failure: Failure


Effect = Play | Pause | End | Close | Deny
