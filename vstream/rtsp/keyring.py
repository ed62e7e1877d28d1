"""The media keys of one encrypted connection: named in a description, taken by the SETUP that follows it."""

from collections.abc import Callable, Sequence
from enum import Enum

from vstream.errors import RtspError
from vstream.rtsp import mikey, srtp_keys
from vstream.rtsp.srtp_keys import SrtpKeys

_TAGS = {"": srtp_keys.LONG_TAG_BYTES, "80": srtp_keys.LONG_TAG_BYTES, "32": srtp_keys.SHORT_TAG_BYTES}
_RAND_AT = srtp_keys.MASTER_BYTES
_BUNDLE_AT = _RAND_AT + mikey.RAND_BYTES
_SECRET_BYTES = _BUNDLE_AT + 4


class Protection(Enum):
    """What keeps media from being read on the way, which limits the transports that may carry it."""

    NONE = "none"
    TLS = "TLS"
    """The connection is encrypted, so media stays on it."""
    SRTP = "SRTP"
    """The description named keys, so media is encrypted by them."""


class Keyring:
    """Makes a key for every description that asks for one, and gives it to one session only.

    Two sessions with one key would number their RTCP alike, which counter mode never forgives (RFC 3711 section 9.1).
    """

    def __init__(self, new_secret: Callable[[int], bytes], ntp_now: Callable[[], int]) -> None:
        """`new_secret` gives so many bytes that nobody can guess, `ntp_now` the time as a 64-bit NTP timestamp."""
        self._new_secret = new_secret
        self._ntp_now = ntp_now
        self._offered: SrtpKeys | None = None

    @property
    def protection(self) -> Protection:
        """What the transport of the next SETUP must give."""
        return Protection.TLS if self._offered is None else Protection.SRTP

    def describe(self, wanted: str | None, ssrc: int) -> tuple[str, ...]:
        """The lines that name a new key for the stream `ssrc`; none, and no key, where none is `wanted`.

        `wanted` is empty or the length in bits of RTP's authentication tag. The tag of 32 bits is for SDES alone.

        Raises:
            RtspError: 400, a length that is not 80 or 32.
        """
        self._offered = None
        if wanted is None:
            return ()
        if wanted not in _TAGS:
            raise RtspError(400, "srtp in a URL is empty, 80 or 32")
        secret, tag_bytes = self._new_secret(_SECRET_BYTES), _TAGS[wanted]
        master = secret[:_RAND_AT]
        self._offered = SrtpKeys(master, master, tag_bytes)
        lines = (srtp_keys.crypto_attribute(master, tag_bytes),)
        if tag_bytes != srtp_keys.LONG_TAG_BYTES:
            return lines
        message = mikey.encode(
            master,
            ssrc=ssrc,
            ntp_timestamp=self._ntp_now(),
            bundle_id=int.from_bytes(secret[_BUNDLE_AT:]),
            rand=secret[_RAND_AT:_BUNDLE_AT],
        )
        return (*lines, mikey.attribute(message))

    def take(self, key_management: Sequence[str]) -> SrtpKeys | None:
        """The keys of a session that is made now; a client that knows MIKEY brings the one of its own RTCP.

        Raises:
            RtspError: 463, its key cannot be understood.
        """
        keys = self._offered
        if keys is not None and key_management:
            try:
                keys = keys._replace(receiving=mikey.master_in_header(key_management[0]))
            except ValueError as error:
                raise RtspError(463, str(error)) from None
        self._offered = None
        return keys
