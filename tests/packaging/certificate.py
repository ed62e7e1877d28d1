"""A certificate for RTSPS, as openssl makes it, and where a server is to offer it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.operating import Operator


@dataclass(frozen=True)
class Encrypted:
    """Where the server finds the files and listens."""

    folder: Path
    host: str
    port: int

    @property
    def flags(self) -> tuple[str, ...]:
        """What makes a server take encrypted connections."""
        files = ("--rtsp-tls-cert", str(self.folder / "tls.crt"), "--rtsp-tls-key", str(self.folder / "tls.key"))
        return *files, "--rtsp-host", self.host, "--rtsps-port", str(self.port)

    @property
    def url(self) -> str:
        return f"rtsps://{self.host}:{self.port}/video"


def make_certificate(folder: Path) -> None:
    """Let openssl make a certificate for localhost, with a key that anybody may read."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    (folder / "tls.key").chmod(0o644)


def encrypted(folder: Path) -> Encrypted:
    """Give an address that nobody else listens on, for a server that finds the certificate in `folder`."""
    free = Operator()
    return Encrypted(folder, free.host, free.port)
