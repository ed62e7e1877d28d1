"""Announces the stream on the local network (RFC 6762, RFC 6763), so that players and people find it."""

import hashlib
import logging
import socket
import threading
import uuid
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from vstream.addresses import local_addresses
from vstream.config import Settings
from vstream.urls import EVERY_ADDRESS

if TYPE_CHECKING:
    from zeroconf import ServiceInfo

SERVICE_TYPE = "_rtsp._tcp.local."
_LOOK_INTERVAL_S = 10.0
_NAME_CHARACTERS = 40
_IDENTITIES = Path("/proc/device-tree/serial-number"), Path("/etc/machine-id")
"""The board's, and the installation's (machine-id(5)), which cards written from one image share."""
_DISTINCTION_DIGITS = 6

log = logging.getLogger(__name__)
# What fails is said once, here.
logging.getLogger("zeroconf").setLevel(logging.CRITICAL)


class Announcement:
    """Made, kept and withdrawn on a thread of its own; nothing that goes wrong there touches the stream."""

    def __init__(self, host: str, port: int, path: str) -> None:
        """`host` is the address that the server listens on, empty for every one."""
        self._host, self._port, self._path = host, port, path
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mdns", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def withdraw(self) -> None:
        """Begin to take it back; returns at once."""
        self._ending.set()

    def join(self, timeout_s: float) -> None:
        """Wait until it was taken back, at most `timeout_s`."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        """Announce the addresses there are, and anew when they are others, as after a change of network."""
        while not self._ending.is_set():
            addresses = _addresses(self._host)
            try:
                if addresses:
                    self._announce(addresses)
            except Exception as error:
                log.warning("Not announced by mDNS: %s: %s", type(error).__name__, error)
            self._ending.wait(_LOOK_INTERVAL_S)

    def _announce(self, addresses: Sequence[str]) -> None:
        from zeroconf import Zeroconf

        zeroconf = Zeroconf(interfaces=list(addresses))
        try:
            service = _service(addresses, self._port, self._path)
            zeroconf.register_service(service, allow_name_change=True)
            log.info("Announced by mDNS as %s", service.name.removesuffix("." + SERVICE_TYPE))
            while not self._ending.wait(_LOOK_INTERVAL_S) and _addresses(self._host) == addresses:
                pass
            zeroconf.unregister_service(service)
        finally:
            zeroconf.close()


def announcement(settings: Settings, port: int) -> Announcement | None:
    """The announcement that the settings ask for; None where they ask for none."""
    return Announcement(settings.rtsp_host, port, settings.rtsp_path) if settings.mdns else None


def _service(addresses: Sequence[str], port: int, path: str) -> "ServiceInfo":
    from zeroconf import ServiceInfo

    machine = socket.gethostname().partition(".")[0][:_NAME_CHARACTERS]
    return ServiceInfo(
        SERVICE_TYPE,
        f"vstream on {machine}.{SERVICE_TYPE}",
        port=port,
        properties={"path": path},
        # Not the machine's own name: that one is its system's to announce.
        server=f"{machine}-vstream-{_distinction()}.local.",
        parsed_addresses=list(addresses),
    )


def _distinction() -> str:
    """What tells this machine from others of its name, the same each time.

    A host's name is to be its own (RFC 6762 section 9): of two with one name browsers mix up the addresses. A hash,
    because what it is made of is nobody's business.
    """
    identity = b"".join(map(_content, _IDENTITIES)) or uuid.getnode().to_bytes(6)
    return hashlib.sha256(b"vstream" + identity).hexdigest()[:_DISTINCTION_DIGITS]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _addresses(host: str) -> tuple[str, ...]:
    """Where others reach a server that listens on `host`; none where nobody can."""
    families = EVERY_ADDRESS.get(host)
    if families is not None:
        found = [address for address in local_addresses() if address.family in families]
        return tuple(address.text for address in found if not address.is_loopback)
    try:
        resolved = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return ()
    return tuple(sorted(address for address in resolved if not ip_address(address).is_loopback))
