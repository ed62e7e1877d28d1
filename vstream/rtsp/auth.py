"""Whether a request may be answered: each one proves that its sender knows the password (RFC 2326 appendix D)."""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from vstream.errors import RtspError
from vstream.rtsp import basic, digest
from vstream.rtsp.credentials import Credentials
from vstream.rtsp.headers import Headers
from vstream.rtsp.message import Request
from vstream.rtsp.uri import Mount, parse_uri

REALM = "vstream"
NONCE_LIFETIME_S = 300
"""How long a nonce is good for after it was issued or last used."""


class Reason(Enum):
    """Why credentials are refused; the values are for the audit log."""

    CREDENTIALS = "wrong user or password"
    SCHEME = "scheme not offered"
    MALFORMED = "malformed credentials"
    URI = "credentials for another URI"
    REPLAY = "credentials replayed"

    @property
    def is_guess(self) -> bool:
        """Whether the client may not know the password; the others prove that it, or whom it listened to, does."""
        return self not in {Reason.URI, Reason.REPLAY}


class Failure(NamedTuple):
    """Credentials that were refused; `username` is as the client sent it."""

    reason: Reason
    username: str


class Refusal(NamedTuple):
    """The headers of a 401; without credentials, or where only the nonce is stale, there is no failure."""

    challenges: Headers
    failure: Failure | None = None


class Authenticator:
    """One connection's. Its nonces are good on this connection only, so that nothing heard on another can be replayed.

    On the connection itself a nonce count may not come twice; players that send none (the form of RFC 2069) repeat
    themselves in every keepalive, so theirs rests on the connection.
    """

    def __init__(
        self, *, known: Callable[[], Credentials], new_nonce: Callable[[], str], path: str, offers_basic: bool
    ) -> None:
        self.has_accepted = False
        """Whether any request was accepted on this connection."""
        self._known = known
        self._new_nonce = new_nonce
        self._mount = Mount(path)
        self._offers_basic = offers_basic
        self._nonce = ""
        self._highest_count = 0
        self._used_s = 0.0

    def check(self, request: Request, now_s: float) -> Refusal | None:
        """None where the request may be answered; the same refusal for a wrong user as for a wrong password."""
        given = request.headers.get_all("Authorization")
        if not given:
            return self._refuse(now_s)
        scheme, _, text = given[0].partition(" ")
        if len(given) > 1:
            return self._refuse(now_s, Failure(Reason.MALFORMED, ""))
        try:
            if scheme.lower() == "digest":
                refusal = self._check_digest(digest.parse(text), request, now_s)
            elif scheme.lower() == "basic" and self._offers_basic:
                refusal = self._check_basic(basic.decode(text), now_s)
            else:
                refusal = self._refuse(now_s, Failure(Reason.SCHEME, ""))
        except ValueError:
            refusal = self._refuse(now_s, Failure(Reason.MALFORMED, ""))
        self.has_accepted |= refusal is None
        return refusal

    def _check_basic(self, given: Credentials, now_s: float) -> Refusal | None:
        if basic.matches(given, self._known()):
            return None
        return self._refuse(now_s, Failure(Reason.CREDENTIALS, given.username.decode("latin-1")))

    def _check_digest(self, answer: digest.DigestAnswer, request: Request, now_s: float) -> Refusal | None:
        proven = digest.matches(answer, self._known(), request.method)
        if not proven or answer.realm != REALM:
            return self._refuse(now_s, Failure(Reason.CREDENTIALS, answer.username))
        if not self._means(answer.uri, request.uri):
            return self._refuse(now_s, Failure(Reason.URI, answer.username))
        # Only now: whoever does not know the password is not told whether a nonce is good (RFC 7616 section 3.3).
        if answer.nonce != self._nonce or self._has_expired(now_s):
            return self._renew(now_s)
        if answer.count is not None:
            if answer.count <= self._highest_count:
                return self._renew(now_s)._replace(failure=Failure(Reason.REPLAY, answer.username))
            self._highest_count = answer.count
        self._used_s = now_s
        return None

    def _means(self, signed: str, requested: str) -> bool:
        """Players sign the stream's URL where they ask for its track, add or drop slashes, or leave out the host."""
        if signed == requested:
            return True
        try:
            return self._mount.serves(parse_uri(signed)) and (
                requested == "*" or self._mount.serves(parse_uri(requested))
            )
        except RtspError:
            return False

    def _has_expired(self, now_s: float) -> bool:
        return now_s - self._used_s > NONCE_LIFETIME_S

    def _renew(self, now_s: float) -> Refusal:
        """The client knows the password and has only to take the new nonce, without asking anybody for it."""
        self._nonce = ""
        return self._refuse(now_s, stale=True)

    def _refuse(self, now_s: float, failure: Failure | None = None, *, stale: bool = False) -> Refusal:
        if not self._nonce or self._has_expired(now_s):
            self._nonce, self._highest_count, self._used_s = self._new_nonce(), 0, now_s
        values = digest.challenges(REALM, self._nonce, stale=stale)
        if self._offers_basic:
            values.append(basic.challenge(REALM))
        return Refusal(Headers(("WWW-Authenticate", value) for value in values), failure)
