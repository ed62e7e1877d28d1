"""Base64 that comes in pieces, padded wherever its sender paused (RFC 4648 section 4)."""

import binascii
import re

from vstream.errors import MalformedMessageError

_BREAKS = b" \t\r\n"
_GROUPS = re.compile(
    rb"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?|[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=)"
)
_BEGUN_GROUP = re.compile(rb"[A-Za-z0-9+/]{0,3}|[A-Za-z0-9+/]{2}=")


class Base64Stream:
    """Decodes as far as whole groups of four characters came; the rest of a group waits for its end."""

    def __init__(self) -> None:
        self._begun = b""

    def decode(self, data: bytes) -> bytes:
        """The bytes that are known now; padding may stand behind any group, and line breaks anywhere.

        Raises:
            MalformedMessageError: something that is no base64.
        """
        text = self._begun + data.translate(None, _BREAKS)
        decoded = []
        at = 0
        while match := _GROUPS.match(text, at):
            decoded.append(binascii.a2b_base64(match[0]))
            at = match.end()
        self._begun = text[at:]
        if not _BEGUN_GROUP.fullmatch(self._begun):
            raise MalformedMessageError(400, "a tunnelled request that is not base64")
        return b"".join(decoded)
