"""A server that takes RTSP over TLS, too, with a certificate that openssl made."""

import ssl
import subprocess
from pathlib import Path

from tests.e2e.server import Server
from tests.network import listening_ports, wait_until


def make_certificate(folder: Path) -> Path:
    """A certificate for loopback, signed by itself, with its key in the file beside it."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    command += " -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    certificate = folder / "tls.crt"
    files = ["-keyout", str(certificate.with_suffix(".key")), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return certificate


def flags(certificate: Path) -> list[str]:
    """What makes `vstream serve` take TLS, on a port that it picks."""
    key = certificate.with_suffix(".key")
    return ["--rtsp-tls-cert", str(certificate), "--rtsp-tls-key", str(key), "--rtsps-port", "0"]


def encrypted_url(server: Server) -> str:
    """The rtsp:// URL whose port is the one that takes TLS."""
    found: set[int] = set()

    def listens() -> bool:
        found.update(listening_ports(server.process.pid) - {server.port})
        return bool(found)

    wait_until(listens, "the port for TLS")
    (port,) = found
    return server.url.replace(f":{server.port}/", f":{port}/")


def trusting(certificate: Path) -> ssl.SSLContext:
    """A client's context that takes this certificate alone."""
    return ssl.create_default_context(cafile=str(certificate))
