"""The RTP profile that a description names: RTP/AVP, or RTP/AVPF where the receiver may send feedback (RFC 4585).

A description can name one of them only, and players differ. GStreamer and the players made of ffmpeg send feedback
under RTP/AVPF alone. live555, and so VLC, drops a medium that is neither RTP/AVP nor RTP/SAVP. So who is known to read
RTP/AVPF is told of it, and everyone else is told RTP/AVP.
"""

from collections.abc import Iterable
from typing import Literal

AVP = "RTP/AVP"
AVPF = "RTP/AVPF"

Avpf = Literal["auto", "always", "never"]
"""Who is told of RTP/AVPF: those that are known to read it, all, or none."""

_READERS_OF_AVPF = ("gstreamer/", "lavf", "libmpv")
"""How the User-Agent of those begins."""


def described_profile(user_agents: Iterable[str], avpf: Avpf) -> str:
    """The profile for a client with these User-Agent fields."""
    if avpf == "auto":
        return AVPF if any(agent.lower().startswith(_READERS_OF_AVPF) for agent in user_agents) else AVP
    return AVPF if avpf == "always" else AVP
