"""The Transport header: what a client offers, what is taken, what is answered (RFC 2326 section 12.39)."""

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from vstream.errors import RtspError
from vstream.rtsp.headers import split_quoted
from vstream.rtsp.keyring import Protection
from vstream.rtsp.profile import AVP, AVPF
from vstream.rtsp.session import InterleavedTransport, MulticastTransport, Transport, UdpTransport
from vstream.rtsp.srtp_keys import SAVP

_PAIR = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_PROFILES = (AVP, AVPF, SAVP)
_TCP = "/TCP"
_LOWER_TRANSPORTS = ("", "/UDP", _TCP)
_HIGHEST_PORT = 65535
_HIGHEST_CHANNEL = 255


class Choice(NamedTuple):
    """The offer that was taken; `profile` is as the client wrote it, in capitals, and over TCP says so."""

    profile: str
    transport: Transport


def choose(
    headers: Sequence[str],
    *,
    peer_address: str,
    channels_in_use: Collection[int],
    interleaved_only: bool = False,
    multicast: MulticastTransport | None = None,
    protection: Protection = Protection.NONE,
) -> Choice:
    """Take the first acceptable offer of all Transport headers, in the client's order of preference.

    `interleaved_only` is for a connection whose peer may be a proxy, which has no use for datagrams; `multicast` is
    the group of those who ask for one, where there is one; `protection` is what media must have on its way.

    Raises:
        RtspError: 400 where there is no offer or none is well formed, 461 where none is served.
    """
    refusals: list[RtspError] = []
    for offer in (offer for header in headers for offer in split_quoted(header, ",")):
        try:
            choice = _protected(_accept(offer, peer_address, channels_in_use, multicast), protection)
            if not interleaved_only or isinstance(choice.transport, InterleavedTransport):
                return choice
            refusals.append(RtspError(461, "UDP past a tunnel"))
        except RtspError as refusal:
            refusals.append(refusal)
    if not refusals:
        raise RtspError(400, "SETUP needs a Transport header")
    raise next((refusal for refusal in refusals if refusal.status == 461), refusals[0])


def format_answer(choice: Choice, *, source: str, server_rtp_port: int, server_rtcp_port: int, ssrc: int) -> str:
    """The Transport header of a response to SETUP; an empty `source` is left out, and with multicast all of ours."""
    transport = choice.transport
    if isinstance(transport, MulticastTransport):
        ports = f"port={transport.rtp_port}-{transport.rtcp_port}"
        where = f"destination={transport.destination};{ports};ttl={transport.ttl}"
        return f'{choice.profile};multicast;{where};mode="PLAY"'
    if isinstance(transport, InterleavedTransport):
        where = f"interleaved={transport.rtp_channel}-{transport.rtcp_channel}"
    else:
        client = f"client_port={transport.rtp_port}-{transport.rtcp_port}"
        where = f"{client};server_port={server_rtp_port}-{server_rtcp_port}"
        where += f";source={source}" if source else ""
    return f'{choice.profile};unicast;{where};ssrc={ssrc:08X};mode="PLAY"'


def _protected(choice: Choice, protection: Protection) -> Choice:
    """Let nothing pass that carries media readable where the client expects it encrypted, or the other way round."""
    is_secure = choice.profile.startswith(SAVP)
    if protection is Protection.SRTP and not (is_secure and isinstance(choice.transport, UdpTransport)):
        raise RtspError(461, "the description named keys, so only RTP/SAVP over UDP can be played")
    if protection is not Protection.SRTP and is_secure:
        raise RtspError(461, "RTP/SAVP without a description that named keys, which rtsps://...?srtp gives")
    if protection is Protection.TLS and not isinstance(choice.transport, InterleavedTransport):
        raise RtspError(461, "media outside an encrypted connection")
    return choice


def _accept(
    offer: str, peer_address: str, channels_in_use: Collection[int], multicast: MulticastTransport | None
) -> Choice:
    written, *rest = split_quoted(offer, ";") or [""]
    profile, lower_transport = _profile(written.upper())
    parameters: dict[str, str] = {}
    for parameter in rest:
        name, _, value = parameter.partition("=")
        parameters.setdefault(name.strip(" \t").lower(), value.strip(' \t"'))
    modes = [mode.strip(" \t").upper() for mode in parameters.get("mode", "PLAY").split(",")]
    if "PLAY" not in modes:
        raise RtspError(461, "a mode that is not PLAY")
    destination = parameters.get("destination")
    if "multicast" in parameters:
        return Choice(profile + lower_transport, _multicast(lower_transport, destination, multicast))
    if destination and not _same_address(destination, peer_address):
        raise RtspError(461, "a destination that is not the client itself")
    if lower_transport == _TCP or "interleaved" in parameters:
        if profile == SAVP:
            raise RtspError(461, "RTP/SAVP on the RTSP connection")
        return Choice(profile + _TCP, _interleaved(parameters.get("interleaved"), channels_in_use))
    if "client_port" not in parameters:
        raise RtspError(461, "UDP without client_port")
    rtp_port, rtcp_port = _pair(parameters["client_port"], 1, _HIGHEST_PORT)
    return Choice(profile + lower_transport, UdpTransport(rtp_port, rtcp_port, profile))


def _profile(specifier: str) -> tuple[str, str]:
    """Split RTP/AVP/UDP and its like into the profile and the lower transport, which may be empty."""
    if not specifier:
        raise RtspError(400, "a Transport without a profile")
    for profile in _PROFILES:
        lower_transport = specifier.removeprefix(profile)
        if lower_transport != specifier and lower_transport in _LOWER_TRANSPORTS:
            return profile, lower_transport
    raise RtspError(461, "a transport that is not RTP/AVP or RTP/AVPF over UDP or TCP, or RTP/SAVP over UDP")


def _multicast(lower_transport: str, destination: str | None, group: MulticastTransport | None) -> MulticastTransport:
    """The group that is served, whatever ports and TTL the client would like (RFC 2326 section 12.39)."""
    if group is None or lower_transport == _TCP:
        raise RtspError(461, "multicast is not served")
    if destination and not _same_address(destination, group.destination):
        raise RtspError(461, "a multicast group that is not served")
    return group


def _interleaved(asked: str | None, channels_in_use: Collection[int]) -> InterleavedTransport:
    if asked is not None:
        rtp_channel, rtcp_channel = _pair(asked, 0, _HIGHEST_CHANNEL)
        if rtp_channel == rtcp_channel:
            raise RtspError(400, "RTP and RTCP on one channel")
        if rtp_channel not in channels_in_use and rtcp_channel not in channels_in_use:
            return InterleavedTransport(rtp_channel, rtcp_channel)
    for channel in range(0, _HIGHEST_CHANNEL, 2):
        if channel not in channels_in_use and channel + 1 not in channels_in_use:
            return InterleavedTransport(channel, channel + 1)
    raise RtspError(461, "no free channel on this connection")


def _pair(text: str, lowest: int, highest: int) -> tuple[int, int]:
    match = _PAIR.fullmatch(text)
    if not match:
        raise RtspError(400, "a pair that is not `a-b`")
    first = int(match[1])
    second = first + 1 if match[2] is None else int(match[2])
    if not (lowest <= first <= highest and lowest <= second <= highest):
        raise RtspError(400, f"a pair outside {lowest} to {highest}")
    return first, second


def _same_address(destination: str, peer_address: str) -> bool:
    wanted = _address(destination)
    return wanted is not None and wanted == _address(peer_address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
