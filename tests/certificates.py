"""Certificates that openssl makes, as an operator would."""

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

EC = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
RSA = ("rsa:2048",)


class Pair(NamedTuple):
    """A certificate for localhost that signs itself, and its key; PEM files."""

    certificate: Path
    key: Path

    @property
    def flags(self) -> tuple[str, ...]:
        """What makes a server open an RTSPS port that it picks."""
        return "--rtsp-tls-cert", str(self.certificate), "--rtsp-tls-key", str(self.key), "--rtsps-port", "0"

    def trusting(self) -> ssl.SSLContext:
        """A client's context that takes this certificate alone."""
        return ssl.create_default_context(cafile=str(self.certificate))


def make(directory: Path, name: str = "tls", *, kind: tuple[str, ...] = EC) -> Pair:
    """Make both in a directory."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    pair = Pair(directory / f"{name}.crt", directory / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", pair.key, "-out", pair.certificate], check=True, capture_output=True)
    return pair


def locked(key: Path, to: Path) -> Path:
    """The same key behind a passphrase."""
    command = ["openssl", "pkey", "-in", str(key), "-aes128", "-passout", "pass:secret", "-out", str(to)]
    subprocess.run(command, check=True, capture_output=True)
    return to
