"""The certificate that RTSPS shows, read again when its files change, as cert-manager and certbot change them."""

import logging
from pathlib import Path

from vstream._fastpath import TlsContext
from vstream.errors import ConfigError
from vstream.stamp import Stamp, stamp_of

log = logging.getLogger(__name__)


class Certificate:
    """A certificate chain and its key, both PEM files."""

    def __init__(self, certificate: str, key: str) -> None:
        """Read both.

        Raises:
            ConfigError: one cannot be read, or they do not belong together.
        """
        self._paths = Path(certificate), Path(key)
        try:
            self._stamp = self._look()
            self._context = TlsContext(certificate, key)
        except OSError as error:
            what = f"{error.filename}: {error.strerror}"
            raise ConfigError([f"RTSP_TLS_CERT and RTSP_TLS_KEY cannot be used: {what}"]) from error
        except (ValueError, ImportError) as error:
            raise ConfigError([f"RTSP_TLS_CERT and RTSP_TLS_KEY cannot be used: {error}"]) from error

    def context(self) -> TlsContext:
        """What a new connection is encrypted with; those that live keep theirs."""
        try:
            stamp = self._look()
        except OSError:
            return self._context  # in the middle of being replaced
        if stamp != self._stamp:
            self._stamp = stamp
            self._renew()
        return self._context

    def _renew(self) -> None:
        certificate, key = map(str, self._paths)
        try:
            self._context = TlsContext(certificate, key)
        except (OSError, ValueError) as error:
            log.warning("The changed certificate is not used, the one before stays: %s", error)
        else:
            log.info("New certificate in use: %s", certificate)

    def _look(self) -> tuple[Stamp, ...]:
        return tuple(map(stamp_of, self._paths))
