"""The SDP description of one H.264 stream (RFC 8866, RFC 6184 section 8.2, RFC 4585, RFC 4588, RFC 2326 appendix C)."""

from base64 import b64encode
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from vstream.errors import NoVideoError
from vstream.rtsp.uri import TRACK_CONTROL

_PROFILE_LEVEL_ID = slice(1, 4)
_FEEDBACK = ("nack", "nack pli", "ccm fir")
"""What receivers may send (RFC 4585 section 4.2, RFC 5104 section 7.1): of losses, and for a keyframe."""


_RTCP_BANDWIDTH = ("b=RS:20000", "b=RR:400000")
"""Bits a second that sender and receivers may spend on RTCP (RFC 3556).

Without them GStreamer reckons with a stream of 64 kbit/s at first, and tells of too few losses for that.
"""


class Retransmission(NamedTuple):
    """How lost packets are sent again (RFC 4588 section 8.1)."""

    payload_type: int
    time_ms: int
    """For how long a packet can be."""


def describe(
    *,
    session_id: int,
    sps: Sequence[bytes],
    pps: Sequence[bytes],
    width: int,
    height: int,
    framerate: float | None,
    address: str,
    session_version: int = 1,
    payload_type: int = 96,
    bitrate_bps: int | None = None,
    profile: str = "RTP/AVP",
    keys: Sequence[str] = (),
    retransmission: Retransmission | None = None,
    control: str = TRACK_CONTROL,
    username: str = "-",
    session_name: str = "vstream",
) -> bytes:
    """Describe the stream; `sps` and `pps` are NAL units without start codes, `address` is the server's own.

    `session_version` must rise with every change of the description (RFC 8866 section 5.2). A framerate or
    bitrate that is not known is left out. `keys` are the lines that name the keys of SRTP. With a `retransmission`
    receivers may ask for what they lost.

    Raises:
        NoVideoError: there is no parameter set of a kind, or an SPS is too short to name its profile.
    """
    if not sps or not pps or len(sps[0]) < _PROFILE_LEVEL_ID.stop:
        raise NoVideoError("The stream cannot be described: it has no complete SPS and PPS yet.")
    family, origin = _origin(address)
    parameter_sets = ",".join(b64encode(nal_unit).decode() for nal_unit in (*sps, *pps))
    profile_level_id = sps[0][_PROFILE_LEVEL_ID].hex().upper()
    lines = [
        "v=0",
        f"o={username} {session_id} {session_version} IN {family} {origin}",
        f"s={session_name}",
        f"c=IN {family} {'::' if family == 'IP6' else '0.0.0.0'}",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 {profile} {payload_type}{f' {retransmission.payload_type}' if retransmission else ''}",
        *([] if bitrate_bps is None else [f"b=AS:{-(-bitrate_bps // 1000)}"]),
        *(_RTCP_BANDWIDTH if retransmission else []),
        f"a=rtpmap:{payload_type} H264/90000",
        f"a=fmtp:{payload_type} packetization-mode=1;profile-level-id={profile_level_id}"
        f";sprop-parameter-sets={parameter_sets}",
        *(_feedback(payload_type, retransmission) if retransmission else []),
        *([] if framerate is None else [f"a=framerate:{framerate:g}"]),
        f"a=framesize:{payload_type} {width}-{height}",
        f"a=x-dimensions:{width},{height}",
        *keys,
        f"a=control:{control}",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _feedback(payload_type: int, retransmission: Retransmission) -> list[str]:
    again = retransmission.payload_type
    return [
        *(f"a=rtcp-fb:{payload_type} {kind}" for kind in _FEEDBACK),
        f"a=rtpmap:{again} rtx/90000",
        f"a=fmtp:{again} apt={payload_type};rtx-time={retransmission.time_ms}",
    ]


def _origin(address: str) -> tuple[str, str]:
    """Give the address type and the address as `o=` writes them: no scope, and IPv4 in its own form."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return "IP6", str(parsed)
    return "IP4", str(parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else parsed)
