"""The log of who was refused: a line each, at a rate that no flood of strangers can raise."""

import logging

LINES_A_SECOND = 20
_USERNAME_CHARACTERS = 64

log = logging.getLogger(__name__)


class Audit:
    """Beyond the rate lines are left out, and the next one says how many."""

    def __init__(self) -> None:
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def authentication_failed(self, address: object, username: str, reason: str, now_s: float) -> None:
        """Note credentials that were refused; nothing of the password, nor of what was derived from it."""
        user = username.encode("latin-1", "replace").decode("utf-8", "replace")[:_USERNAME_CHARACTERS]
        self._write(now_s, logging.WARNING, "Authentication failed", address=address, user=user, reason=reason)

    def refused(self, address: object, reason: str, now_s: float) -> None:
        """Note a connection that was refused."""
        self._write(now_s, logging.WARNING, "Connection refused", address=address, reason=reason)

    def request_refused(self, address: object, reason: str, now_s: float) -> None:
        """Note bytes that were no request, or one that was answered with an error and the end of its connection."""
        self._write(now_s, logging.INFO, "Request refused", address=address, reason=reason)

    def _write(self, now_s: float, level: int, text: str, **fields: object) -> None:
        if int(now_s) != self._second:
            self._second, self._lines = int(now_s), 0
        if self._lines >= LINES_A_SECOND:
            self._left_out += 1
            return
        self._lines += 1
        if self._left_out:
            fields["lines_left_out"], self._left_out = self._left_out, 0
        log.log(level, text, extra=fields)
