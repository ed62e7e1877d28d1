"""Digest authentication: the challenges, what a client answers, and what it must answer (RFC 7616, RFC 2069)."""

import hashlib
import hmac
import re
from dataclasses import dataclass

from vstream.rtsp.credentials import Credentials
from vstream.rtsp.headers import split_quoted

# The names in the protocol, and in hashlib. MD5 is what nearly every player speaks.
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
_OFFERED = ("MD5", "SHA-256", "MD5")
_QOP = "auth"
_COUNT = re.compile(r"[0-9A-Fa-f]{8}")


@dataclass(frozen=True, slots=True)
class DigestAnswer:
    """The Authorization header of a client that saw a challenge; text is one character a byte (latin-1)."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    cnonce: str = ""
    count_text: str = ""
    """The nonce count in hexadecimal, as it was written; empty in the form of RFC 2069, which has no qop."""

    @property
    def count(self) -> int | None:
        """Which use of the nonce this is, from 1; None in the form of RFC 2069."""
        return int(self.count_text, 16) if self.count_text else None


def challenges(realm: str, nonce: str, *, stale: bool) -> list[str]:
    """The values of WWW-Authenticate, one header each.

    Some clients that know MD5 only heed the first challenge (go2rtc), others the last (ffmpeg, live555, GStreamer), so
    MD5 stands on both sides of SHA-256. All have one nonce: GStreamer answers MD5 to the nonce of whichever came last.
    live555 finds realm, nonce and stale in this order only.
    """
    start = f'Digest realm="{realm}", nonce="{nonce}"' + (", stale=true" if stale else "")
    return [f'{start}, algorithm={algorithm}, qop="{_QOP}"' for algorithm in _OFFERED]


def parse(text: str) -> DigestAnswer:
    """Read what the client sent behind `Digest`; each parameter may be quoted or not.

    Raises:
        ValueError: a parameter is absent or given twice, or its value is none that was offered.
    """
    parameters: dict[str, str] = {}
    for element in split_quoted(text, ","):
        name, equals, value = element.partition("=")
        name = name.strip(" \t").lower()
        if not equals or name in parameters:
            raise ValueError("parameters that are not `name=value`, each once")
        parameters[name] = value.strip(" \t").removeprefix('"').removesuffix('"')
    algorithm = parameters.get("algorithm", "MD5").upper()
    if algorithm not in _HASHES:
        raise ValueError("an algorithm that was not offered")
    try:
        username, realm, nonce = parameters["username"], parameters["realm"], parameters["nonce"]
        uri, response = parameters["uri"], parameters["response"]
        cnonce, count = (parameters["cnonce"], parameters["nc"]) if "qop" in parameters else ("", "")
    except KeyError as absent:
        raise ValueError(f"credentials without {absent.args[0]}") from None
    if "qop" in parameters and (parameters["qop"] != _QOP or not _COUNT.fullmatch(count)):
        raise ValueError("a qop that was not offered, or a nonce count that is not 8 hexadecimal digits")
    return DigestAnswer(username, realm, nonce, uri, response, algorithm, cnonce, count)


def expected_response(answer: DigestAnswer, known: Credentials, method: str) -> str:
    """The response of somebody who knows the password, to the same challenge (RFC 7616 section 3.4.1)."""
    realm, nonce, uri = (part.encode("latin-1") for part in (answer.realm, answer.nonce, answer.uri))
    secret = _hash(answer.algorithm, known.username, realm, known.password)
    request = _hash(answer.algorithm, method.encode("latin-1"), uri)
    between = [nonce]
    if answer.count_text:
        between += [answer.count_text.encode(), answer.cnonce.encode("latin-1"), _QOP.encode()]
    return _hash(answer.algorithm, secret.encode(), *between, request.encode())


def matches(answer: DigestAnswer, known: Credentials, method: str) -> bool:
    """Whether the answer proves the password; takes as long for a wrong user as for a wrong password."""
    given = answer.response.lower().encode("latin-1", "replace")
    response_is_right = hmac.compare_digest(given, expected_response(answer, known, method).encode())
    # ffmpeg escapes nothing in a name, others as RFC 7616 says.
    as_written = hmac.compare_digest(answer.username.encode("latin-1"), known.username)
    unescaped = hmac.compare_digest(re.sub(r"\\(.)", r"\1", answer.username).encode("latin-1"), known.username)
    return response_is_right & (as_written | unescaped)


def _hash(algorithm: str, *parts: bytes) -> str:
    # Systems that forbid MD5 for signatures allow it where it is declared to be none.
    return hashlib.new(_HASHES[algorithm], b":".join(parts), usedforsecurity=False).hexdigest()
