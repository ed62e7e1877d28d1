"""Let an installed PyAV use other FFmpeg libraries than those of its wheel: replace-ffmpeg.py SITE_PACKAGES LIBRARIES.

PyAV's wheels carry a whole FFmpeg and a dozen codec libraries. Its extension modules ask for those by names of the
wheel's own; they are told the usual names (libavcodec.so.62), and libraries of those names take the wheel's place.
Both must come from the same release: a library serves what was built against an earlier minor version, not a later one.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

# What the wheel's maker calls a library: libavcodec-5e6b81c2.so.62.28.102
_BUNDLED = re.compile(r"lib(?P<name>[a-z]+)-[0-9a-f]+\.so\.(?P<major>\d+)\.(?P<minor>\d+)\.\d+")


def replacements(bundled: Path, libraries: Path) -> dict[str, str]:
    """Map the wheel's name of each FFmpeg library to the usual one, which must be there and no older."""
    names = {}
    for path in sorted(bundled.iterdir()):
        match = _BUNDLED.fullmatch(path.name)
        if match is None or not (libraries / f"lib{match['name']}.so").exists():
            continue
        soname = f"lib{match['name']}.so.{match['major']}"
        ours = (libraries / soname).resolve()
        if not ours.exists() or int(ours.name.split(".")[-2]) < int(match["minor"]):
            sys.exit(f"replace-ffmpeg: PyAV wants {path.name} or a later minor version of it; {libraries} has none")
        names[path.name] = soname
    if not names:
        sys.exit(f"replace-ffmpeg: {bundled} holds no FFmpeg")
    return names


def needed(module: Path) -> list[str]:
    """Give the libraries that a module names (DT_NEEDED)."""
    listed = subprocess.run(["patchelf", "--print-needed", module], check=True, capture_output=True, text=True)
    return listed.stdout.split()


def retarget(module: Path, names: dict[str, str]) -> None:
    pairs = [word for name in needed(module) if name in names for word in ("--replace-needed", name, names[name])]
    if pairs:
        subprocess.run(["patchelf", *pairs, module], check=True)
    foreign = [name for name in needed(module) if _BUNDLED.fullmatch(name)]
    if foreign:
        sys.exit(f"replace-ffmpeg: {module.name} wants {', '.join(foreign)}, which is not replaced")


def main(site_packages: str, libraries: str) -> None:
    bundled = Path(site_packages) / "av.libs"
    names = replacements(bundled, Path(libraries))
    for module in sorted((Path(site_packages) / "av").rglob("*.so")):
        retarget(module, names)
    shutil.rmtree(bundled)
    bundled.mkdir()
    for soname in names.values():
        shutil.copy(Path(libraries) / soname, bundled / soname)


if __name__ == "__main__":
    main(*sys.argv[1:])
