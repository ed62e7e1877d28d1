"""Keys of SRTP, and how they are named in a description (RFC 3711, RFC 4568)."""

from base64 import b64encode
from typing import NamedTuple

SAVP = "RTP/SAVP"
"""The profile of RTP that encrypts (RFC 3711 section 11)."""

KEY_BYTES = 16
SALT_BYTES = 14
MASTER_BYTES = KEY_BYTES + SALT_BYTES
LONG_TAG_BYTES = 10
SHORT_TAG_BYTES = 4
_SUITES = {LONG_TAG_BYTES: "AES_CM_128_HMAC_SHA1_80", SHORT_TAG_BYTES: "AES_CM_128_HMAC_SHA1_32"}


class SrtpKeys(NamedTuple):
    """What one viewer's media is encrypted with: master keys, each with its salt behind it."""

    sending: bytes
    receiving: bytes
    """Of the RTCP that comes from the viewer."""
    tag_bytes: int
    """Length of the authentication tag of each RTP packet."""


def crypto_attribute(master: bytes, tag_bytes: int) -> str:
    """The line that names the key to a receiver (RFC 4568 section 9.1)."""
    return f"a=crypto:1 {_SUITES[tag_bytes]} inline:{b64encode(master).decode()}"
