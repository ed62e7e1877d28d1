"""The certificate of encrypted servers, made once: ECDSA on P-256, as cert-manager and certbot make them."""

from pathlib import Path

from bench.cache import cache_dir, replacing, run_tool


def certificate_and_key() -> tuple[Path, Path]:
    """Give the paths of both PEM files.

    Raises:
        BenchError: openssl is missing.
    """
    certificate, key = cache_dir() / "tls.crt", cache_dir() / "tls.key"
    if not (certificate.exists() and key.exists()):
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        with replacing(certificate) as new_certificate, replacing(key) as new_key:
            files: list[str | Path] = ["-keyout", new_key, "-out", new_certificate]
            run_tool(["openssl", "req", "-x509", *kind, "-days", "3650", "-subj", "/CN=bench", *files])
    return certificate, key
