"""Make the image's root file system of a frozen program: build-root.py PROGRAM_FOLDER ROOT [--libcamera=WHOSE].

It holds the program, the shared libraries that it takes from the system, a user of its own, and nothing else: no shell,
no package manager. Unless WHOSE is none, also the system's libcamera: Python binding, IPA modules, tuning files.
"""

import argparse
import os
import re
import shutil
import subprocess
from pathlib import Path

USER_ID = 65532
VIDEO_GROUP_ID = 44  # Debian's and Raspberry Pi OS' group of cameras and encoders
PROGRAM_HOME = Path("usr/lib/vstream")

_ELF_MAGIC = b"\x7fELF"
_RESOLVED = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x")
_CAMERA_FILES = [
    "usr/lib/python3/dist-packages/libcamera",
    "usr/lib/*/libcamera",
    "usr/lib/*/libcamera.so.*",
    "usr/lib/*/libcamera-base.so.*",
    "usr/libexec/libcamera",
    "usr/share/libcamera",
]
# Merged /usr, as every Debian has it since 12.
_LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "usr/bin/vstream": "../lib/vstream/vstream"}
_FOLDERS = ["dev", "etc", "proc", "run", "sys", "tmp", "usr/bin", "usr/lib", "usr/lib64"]
_FILES = {
    "etc/passwd": f"root:x:0:0:root:/:/nologin\nvstream:x:{USER_ID}:{USER_ID}:vstream:/:/nologin\n",
    "etc/group": f"root:x:0:\nvideo:x:{VIDEO_GROUP_ID}:vstream\nvstream:x:{USER_ID}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def make_frame(root: Path) -> None:
    """Lay the folders, links and files that do not depend on the program."""
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, target in _LINKS.items():
        (root / name).symlink_to(target)
    for name, text in _FILES.items():
        (root / name).write_text(text, encoding="utf-8")
    (root / "tmp").chmod(0o1777)


def elf_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if not path.is_symlink() and path.is_file() and is_elf(path)]


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _ELF_MAGIC


def system_libraries(files: list[Path], program: Path, search: str = "") -> set[Path]:
    """Ask the loader which libraries from outside `program` the `files` need, looking in `search` first."""
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": search}
    listed = subprocess.run(["ldd", *files], check=False, capture_output=True, text=True, env=environment)
    missing = sorted({line.split()[0] for line in listed.stdout.splitlines() if "=> not found" in line})
    if missing:
        raise SystemExit(f"build-root: this system lacks {', '.join(missing)}, which the program needs")
    found = {Path(match[1]) for match in map(_RESOLVED.match, listed.stdout.splitlines()) if match}
    return {path for path in found if not path.is_relative_to(program)}


def copy_library(path: Path, root: Path) -> None:
    """Copy what a library's name stands for under that very name, in merged /usr."""
    parts = path.parts[1:] if path.parts[1] == "usr" else ("usr", *path.parts[1:])
    target = root.joinpath(*parts)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path.resolve(), target)


def copy_camera(root: Path) -> None:
    """Copy the system's libcamera as it is."""
    for pattern in _CAMERA_FILES:
        for path in sorted(Path("/").glob(pattern)):
            target = root / path.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            elif path.is_symlink():
                target.symlink_to(path.readlink())
            else:
                shutil.copy2(path, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--libcamera", default="none")
    given = parser.parse_args()
    root, program = given.root.absolute(), given.program.absolute()
    shutil.rmtree(root, ignore_errors=True)
    make_frame(root)
    libraries: set[Path] = set()
    if given.libcamera != "none":
        copy_camera(root)
        libraries = system_libraries(elf_files(root), root)
    shutil.copytree(program, root / PROGRAM_HOME, symlinks=True)
    # The program itself is loaded before it can tell the loader where its own libraries are.
    libraries |= system_libraries([program / "vstream"], program)
    libraries |= system_libraries(elf_files(program), program, search=str(program / "lib"))
    for library in sorted(libraries):
        copy_library(library, root)


if __name__ == "__main__":
    main()
