"""Copy a file out of an image: take-from-image.py IMAGE_ARCHIVE PATH INTO."""

import json
import sys
import tarfile
from pathlib import Path


def take(archive: tarfile.TarFile, path: str) -> bytes:
    """Give the file of the topmost layer that has it."""
    (image,) = json.load(_open(archive, "manifest.json"))
    for layer in reversed(image["Layers"]):
        with tarfile.open(fileobj=_open(archive, layer)) as files:
            for name in (path, f"./{path}"):
                if name in files.getnames():
                    return _open(files, name).read()
    sys.exit(f"take-from-image: there is no {path} in the image")


def _open(archive: tarfile.TarFile, name: str) -> tarfile.ExFileObject:
    file = archive.extractfile(name)
    if file is None:
        sys.exit(f"take-from-image: {name} is no file")
    return file


def main(image: str, path: str, into: str) -> None:
    with tarfile.open(image) as archive:
        Path(into).write_bytes(take(archive, path))


if __name__ == "__main__":
    main(*sys.argv[1:])
