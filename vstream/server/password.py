"""The credentials in force; a password file is read again whenever it changes, as a mounted secret does."""

import logging
from pathlib import Path

from vstream.config import Settings
from vstream.config.access import read_password
from vstream.rtsp.credentials import Credentials

_LOOK_INTERVAL_S = 1.0

log = logging.getLogger(__name__)


class PasswordKeeper:
    """Gives the user and the password; without a password file these never change."""

    def __init__(self, settings: Settings) -> None:
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """Take on another user, password or password file.

        Raises:
            ValueError: the file cannot be read or holds no password; all stays as it was.
        """
        file = Path(settings.rtsp_password_file) if settings.rtsp_password_file else None
        password = settings.rtsp_password if file is None else read_password(file)
        self._username = settings.rtsp_username.encode()
        self._file = file
        self._looked_s = 0.0
        self._credentials = Credentials(self._username, password.encode())

    def credentials(self, now_s: float) -> Credentials:
        """What is in force now; a file that became unreadable or empty leaves the password as it was."""
        if self._file is not None and now_s - self._looked_s >= _LOOK_INTERVAL_S:
            self._looked_s = now_s
            self.reload()
        return self._credentials

    def reload(self) -> None:
        """Read the password file again."""
        if self._file is None:
            return
        try:
            credentials = Credentials(self._username, read_password(self._file).encode())
        except ValueError as error:
            log.warning("Password kept: %s", error)
            return
        if credentials != self._credentials:
            self._credentials = credentials
            log.info("Password changed")
