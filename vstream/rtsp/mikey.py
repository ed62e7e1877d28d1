"""MIKEY messages that carry an SRTP key through TLS: pre-shared mode, neither encrypted nor signed (RFC 3830).

GStreamer exchanges keys this way and no other: the server's in the description, its own in SETUP's KeyMgmt (RFC 4567).
As it does, the salt stands behind the key in the same field, instead of in one of its own.
"""

import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator

from vstream.rtsp.headers import split_quoted
from vstream.rtsp.srtp_keys import KEY_BYTES, LONG_TAG_BYTES, MASTER_BYTES, SALT_BYTES

RAND_BYTES = 16
_HEADER = struct.Struct("!BBBBIBB")
_STREAM = struct.Struct("!BII")
_VERSION = 1
_PRE_SHARED = 0
_SRTP_MAP = 0
# Payloads, by the numbers of RFC 3830 section 6.1.
_LAST, _KEMAC, _TIMESTAMP, _POLICY, _RAND, _KEY_DATA = 0, 1, 5, 10, 11, 20
_NTP_UTC = 0
_NULL = 0
_TEK, _TEK_AND_SALT = 2, 3
# Policy parameters of SRTP: AES-CM, its key, HMAC-SHA-1, its tag (which GStreamer looks for as the length of the
# authentication key), encryption of both, authentication.
_POLICY_VALUES = ((0, 1), (1, KEY_BYTES), (2, 1), (3, LONG_TAG_BYTES), (7, 1), (8, 1), (10, 1), (11, LONG_TAG_BYTES))


def encode(master: bytes, *, ssrc: int, ntp_timestamp: int, bundle_id: int, rand: bytes) -> bytes:
    """A message that gives `master` to the receivers of the stream `ssrc`, whose rollover counter is 0."""
    policy = b"".join(bytes([kind, 1, value]) for kind, value in _POLICY_VALUES)
    key_data = struct.pack("!BBH", _LAST, _TEK << 4, len(master)) + master
    return b"".join(
        (
            _HEADER.pack(_VERSION, _PRE_SHARED, _TIMESTAMP, 0, bundle_id, 1, _SRTP_MAP),
            _STREAM.pack(0, ssrc, 0),
            struct.pack("!BBQ", _RAND, _NTP_UTC, ntp_timestamp),
            struct.pack("!BB", _POLICY, len(rand)) + rand,
            struct.pack("!BBBH", _KEMAC, 0, 0, len(policy)) + policy,
            struct.pack("!BBH", _LAST, _NULL, len(key_data)) + key_data + bytes([_NULL]),
        )
    )


def attribute(message: bytes) -> str:
    """The line that carries a message in a description (RFC 4567 section 3.1)."""
    return f"a=key-mgmt:mikey {b64encode(message).decode()}"


def master_in_header(value: str) -> bytes:
    """The master key that a client's KeyMgmt header gives (RFC 4567 section 3.2).

    Raises:
        ValueError: there is none, or it is not as it must be.
    """
    for element in split_quoted(value, ";"):
        name, _, data = element.strip(" \t").partition("=")
        if name.lower() == "data":
            return decode(b64decode(data.strip('"'), validate=True))
    raise ValueError("a KeyMgmt without data")


def decode(message: bytes) -> bytes:
    """The master key with its salt, 30 bytes, that an unencrypted message carries.

    Raises:
        ValueError: it is no such message, or none for AES with 128 bits.
    """
    try:
        for kind, payload in _payloads(message):
            if kind == _KEMAC:
                return _master(payload)
    except (struct.error, IndexError):
        raise ValueError("a MIKEY message that is cut short") from None
    raise ValueError("a MIKEY message without a key")


def _payloads(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and bytes of each payload, up to the one with the key."""
    version, _, kind, _, _, streams, map_type = _HEADER.unpack_from(message)
    if version != _VERSION or map_type != _SRTP_MAP:
        raise ValueError("no MIKEY message for SRTP")
    at = _HEADER.size + streams * _STREAM.size
    while kind != _LAST:
        size = _size(kind, message, at)
        if at + size > len(message):
            raise IndexError
        yield kind, message[at : at + size]
        kind, at = message[at], at + size


def _size(kind: int, message: bytes, at: int) -> int:
    """How long a payload is (RFC 3830 sections 6.2, 6.6, 6.10, 6.11)."""
    if kind == _TIMESTAMP:
        return 2 + (4 if message[at + 1] == 2 else 8)
    if kind == _RAND:
        return 2 + message[at + 1]
    if kind == _POLICY:
        return 5 + int.from_bytes(message[at + 3 : at + 5])
    if kind == _KEMAC:
        return 5 + int.from_bytes(message[at + 2 : at + 4])
    raise ValueError(f"a MIKEY payload {kind} that is not understood")


def _master(kemac: bytes) -> bytes:
    if kemac[1] != _NULL or kemac[-1] != _NULL:
        raise ValueError("a MIKEY key that is encrypted")
    _, kinds, size = struct.unpack_from("!BBH", kemac, 4)
    master = kemac[8 : 8 + size]
    if kinds >> 4 == _TEK_AND_SALT:
        (salt_size,) = struct.unpack_from("!H", kemac, 8 + size)
        master += kemac[10 + size : 10 + size + salt_size]
    elif kinds >> 4 != _TEK:
        raise ValueError("a MIKEY key that has to be derived")
    if len(master) != MASTER_BYTES or kinds & 15:
        raise ValueError(f"a MIKEY key that is not {KEY_BYTES} bytes with {SALT_BYTES} of salt")
    return master
