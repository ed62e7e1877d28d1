"""Print what weighs how much in a frozen program, as a table: weigh.py PROGRAM_FOLDER."""

import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

# Beginnings of paths, and whose they are; the first that fits counts.
OWNERS = {
    "vstream": "the program: Python's modules, compiled",
    "lib/av.libs": "FFmpeg and x264",
    "lib/av": "PyAV",
    "lib/numpy": "NumPy",
    "lib/libcrypto": "OpenSSL",
    "lib/libssl": "OpenSSL",
    "lib/PIL": "Pillow, for picamera2",
    "lib/pillow": "Pillow, for picamera2",
    "lib/simplejpeg": "simplejpeg, for picamera2",
    "lib/zeroconf": "zeroconf",
    "lib/libstdc++": "libstdc++",
    "lib/vstream": "the fast path",
    "lib/base_library": "Python",
    "lib/libpython": "Python",
    "lib/python3": "Python",
}
OTHERS = "others"


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()


def owner(path: str) -> str:
    return next((name for beginning, name in OWNERS.items() if path.startswith(beginning)), OTHERS)


def main(folder: str) -> None:
    weights: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for path, data in files(Path(folder)):
        for name in (owner(path), "all"):
            weights[name][0] += len(data)
            weights[name][1] += len(zlib.compress(data, 9))
    print("| MB | | compressed, as in the one file |\n| --- | --- | --- |")
    for name, (plain, packed) in sorted(weights.items(), key=lambda item: -item[1][0]):
        print(f"| {name} | {plain / 1e6:.1f} | {packed / 1e6:.1f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
