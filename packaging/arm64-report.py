"""Play the arm64 programs from outside and print the table: arm64-report.py BUILT TREE.

BUILT holds what was built in the emulated Debian TREE, and what tests left: fast-path.xml, root.xml, packets.sha256.
"""

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from bench.servers import HOST, Server, free_port
from tests.e2e.clips import encode
from tests.e2e.players import watch
from tests.pictures import assert_is_run_of, picture_hashes

STARTS = 3
TRANSPORTS = ("udp", "tcp")


@contextmanager
def serving(root: Path, program: str, clip: str) -> Iterator[Server]:
    """Serve with an emulated program from its own root file system."""
    port = free_port()
    ports = ["--rtsp-host", HOST, "--rtsp-port", str(port), "--rtp-port", "0", "--metrics-port", "0"]
    with Server(["chroot", str(root), program, "serve", "--source", f"file:{clip}", *ports], port) as server:
        yield server


def start_up(root: Path, program: str, clip: str) -> str:
    """Give the shortest time from exec to the open port."""
    took = []
    for _ in range(STARTS):
        with serving(root, program, clip) as server:
            took.append(server.started_ms)
    return f"{min(took) / 1000:.1f} s"


def played(root: Path, program: str, clip: str, source: list[str]) -> str:
    """Give the frames that ffmpeg decoded over each transport, all of them bit by bit the clip's."""
    frames = []
    with serving(root, program, clip) as server:
        for transport in TRANSPORTS:
            pictures = watch(server.url, transport)
            assert_is_run_of(pictures, source)
            frames.append(f"{len(pictures)} over {transport.upper()}")
    return ", ".join(frames)


def megabytes(*paths: Path) -> str:
    return f"{sum(path.lstat().st_size for path in paths) / 1e6:.1f} MB"


def compressed(root: Path, archive: Path) -> str:
    with tarfile.open(archive, "w:gz") as out:
        out.add(root, ".")
    return megabytes(archive)


def passed(results: Path) -> str:
    suite = ElementTree.parse(results).getroot()[0]
    wrong = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    skipped = int(suite.attrib["skipped"])
    if wrong:
        sys.exit(f"arm64-report: {wrong} tests failed, see {results}")
    return f"{int(suite.attrib['tests']) - skipped} passed, {skipped} skipped"


def same_packets(theirs: Path) -> str:
    digest = [sys.executable, str(Path(__file__).with_name("packet-digest.py"))]
    ours = subprocess.run(digest, capture_output=True, text=True, check=True).stdout.strip()
    if ours != theirs.read_text(encoding="utf-8").strip():
        sys.exit("arm64-report: the packets are not those of this machine")
    return f"the same bytes, SHA-256 {ours[:16]}..."


def sizes(built: Path) -> list[tuple[str, str]]:
    root = built / "root"
    (wheel,), (package,) = built.glob("*.whl"), built.glob("*.deb")
    return [
        ("wheel", megabytes(wheel)),
        ("one file", megabytes(built / "vstream")),
        ("one folder", megabytes(*(built / "vstream-folder").rglob("*"))),
        ("Debian package", megabytes(package)),
        ("root file system with libcamera", megabytes(*root.rglob("*"))),
        ("the same as tar.gz", compressed(root, built / "root.tar.gz")),
    ]


def main(built: Path, tree: Path) -> None:
    table = sizes(built)
    clip = encode(built / "clip.h264", "keyint=30:bframes=0")
    pictures = picture_hashes(clip)
    places = {"one file": (tree, "/vstream/dist/vstream"), "one folder": (built / "root", "/usr/bin/vstream")}
    for name, (where, program) in places.items():
        inside = where / "tmp/clip.h264"
        inside.write_bytes(clip.read_bytes())
        table.append((f"start to port open, {name}, emulated", start_up(where, program, "/tmp/clip.h264")))
        table.append((f"frames played, {name}", played(where, program, "/tmp/clip.h264", pictures)))
        inside.unlink()
    table.append(("tests of the fast path", passed(built / "fast-path.xml")))
    table.append(("tests of the root file system", passed(built / "root.xml")))
    table.append(("packets beside this machine's", same_packets(built / "packets.sha256")))
    print("| arm64 | |\n| --- | --- |")
    for what, value in table:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
