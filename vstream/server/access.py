"""Who may connect, and who may ask: networks, credentials, and addresses that failed too often."""

import secrets
import time

from vstream.config import Settings
from vstream.counters import counters
from vstream.networks import contains, parse_networks
from vstream.rtsp.auth import Authenticator, Failure
from vstream.server.audit import Audit
from vstream.server.password import PasswordKeeper
from vstream.server.penalties import Penalties
from vstream.server.sockets import Endpoint

_NONCE_BYTES = 16


class Access:
    """Decides for the whole server, and notes in the audit log whom it refused."""

    def __init__(self, settings: Settings) -> None:
        self._penalties = Penalties()
        self._audit = Audit()
        # Apart, so that bytes that are no request cannot hide who guesses passwords.
        self._requests_audit = Audit()
        self._passwords: PasswordKeeper | None = None
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Take on other rules. Who is connected stays, and those who log in there do so with the new password.

        Raises:
            ValueError: the password file cannot be read or holds no password; all stays as it was.
        """
        if not settings.rtsp_auth:
            self._passwords = None
        elif self._passwords is None:
            self._passwords = PasswordKeeper(settings)
        else:
            self._passwords.take(settings)
        self._networks = parse_networks(settings.rtsp_auth_read_networks)
        self._path = settings.rtsp_path
        self._basic_in_clear = settings.rtsp_auth_basic

    @property
    def asks_for_password(self) -> bool:
        """Whether who connects has to log in."""
        return self._passwords is not None

    def admits(self, peer: Endpoint, now_s: float) -> bool:
        """Whether the connection may stay open; a refused one is noted."""
        if self._networks and not contains(self._networks, peer.host):
            return self._refuse(peer, "network", now_s)
        if self._penalties.refuses(peer.host, now_s):
            return self._refuse(peer, "failures", now_s)
        return True

    def bars(self, peer: Endpoint, now_s: float) -> bool:
        """Whether requests of strangers at this address are answered 403 now."""
        return self._penalties.refuses(peer.host, now_s)

    def failed(self, peer: Endpoint, failure: Failure, now_s: float) -> float:
        """Note credentials that were refused; gives how long the answer should wait, in seconds."""
        counters.auth_failures[failure.reason.name.lower()] += 1
        self._audit.authentication_failed(peer, failure.username, failure.reason.value, now_s)
        return self._penalties.failed(peer.host, now_s) if failure.reason.is_guess else 0.0

    def note_failed_handshake(self, peer: Endpoint, reason: str, now_s: float) -> None:
        """Note a connection to the RTSPS port that never became encrypted."""
        counters.connections_refused["handshake"] += 1
        self._audit.refused(peer, f"TLS handshake: {reason}", now_s)

    def note_refused_request(self, peer: Endpoint, reason: str, now_s: float) -> None:
        """Note a request, or what is none, for which a connection ends."""
        self._requests_audit.request_refused(peer, reason, now_s)

    def authenticator(self, *, is_encrypted: bool) -> Authenticator | None:
        """One for a new connection; None where nobody has to log in."""
        keeper = self._passwords
        if keeper is None:
            return None
        return Authenticator(
            known=lambda: keeper.credentials(time.monotonic()),
            new_nonce=lambda: secrets.token_hex(_NONCE_BYTES),
            path=self._path,
            offers_basic=is_encrypted or self._basic_in_clear,
        )

    def reload(self) -> None:
        """Read the password file again."""
        if self._passwords is not None:
            self._passwords.reload()

    def _refuse(self, peer: Endpoint, reason: str, now_s: float) -> bool:
        counters.connections_refused[reason] += 1
        self._audit.refused(peer, reason, now_s)
        return False
