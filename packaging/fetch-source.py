"""Unpack the sources of a library named in library-sources.txt: fetch-source.py NAME CACHE INTO."""

import hashlib
import subprocess
import sys
import urllib.request
from pathlib import Path

TIMEOUT_S = 60


def listed(name: str) -> tuple[str, list[str]]:
    """Give the checksum of a library's sources and where they may be had."""
    for line in Path(__file__).with_name("library-sources.txt").read_text(encoding="utf-8").splitlines():
        word, *rest = line.split() or [""]
        if word == name:
            return rest[0], rest[1:]
    sys.exit(f"fetch-source: '{name}' is not in library-sources.txt")


def is_whole(archive: Path, sha256: str) -> bool:
    return archive.exists() and hashlib.sha256(archive.read_bytes()).hexdigest() == sha256


def fetch(archive: Path, sha256: str, addresses: list[str]) -> None:
    """Try one address after the other until one gives what the checksum names."""
    failures = []
    for address in addresses:
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
                archive.write_bytes(answer.read())
        except OSError as error:
            failures.append(f"{address}: {error}")
            continue
        if is_whole(archive, sha256):
            return
        failures.append(f"{address}: other content than its SHA-256 {sha256} names")
    sys.exit("fetch-source: " + "; ".join(failures))


def main(name: str, cache: str, into: str) -> None:
    sha256, addresses = listed(name)
    archive = Path(cache) / f"{name}-{sha256[:16]}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    if not is_whole(archive, sha256):
        fetch(archive, sha256, addresses)
    Path(into).mkdir(parents=True)
    subprocess.run(["tar", "--extract", "--strip-components=1", "--file", archive, "--directory", into], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
