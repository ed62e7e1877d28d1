"""A camera that cannot be opened yet, seen from the server."""

import logging
import time

from vstream.holders import holders, locking

_ATTEMPT_LIMIT_S = 10.0

log = logging.getLogger(__name__)


class CameraRefusals:
    """Logs each new reason once, and knows whether a camera is being waited for.

    An attempt that has not been answered for ten seconds hangs, and is not waited for any longer.
    """

    def __init__(self) -> None:
        self._reason = ""
        self._until_s = 0.0

    @property
    def are_recent(self) -> bool:
        return time.monotonic() < self._until_s

    def add(self, reason: str) -> None:
        """The camera could not be opened."""
        if reason != self._reason:
            log.error("Camera failed to open: %s", reason)
        self._reason = reason
        self._until_s = time.monotonic() + _ATTEMPT_LIMIT_S

    def end(self) -> None:
        """It opened, or is not waited for any more."""
        self._reason = ""
        self._until_s = 0.0


def who_has_it() -> str:
    """Who holds the camera, in words that complete a reason."""
    known = holders()
    known = locking(known) or known
    if known:
        return f"held by {', '.join(map(str, known))}"
    return "another program may hold it, though none is to be seen from here"
