"""Take libcamera's Python binding from the system, for libcamera must match its kernel, firmware and tuning files."""

import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


def _places() -> list[Path]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    multiarch = getattr(sys.implementation, "_multiarch", "")
    return [
        Path("/usr/local/lib", multiarch, version, "site-packages"),
        Path("/usr/local/lib", version, "dist-packages"),
        Path("/usr/local/lib", multiarch, "python3", "dist-packages"),
        Path("/usr/lib/python3/dist-packages"),
    ]


class SystemLibcamera:
    """Finds `libcamera` where Debian, Raspberry Pi OS and a build of one's own put it, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "libcamera":
            return None
        others: list[str] = []
        for place in _places():
            extensions = [file.name for file in place.glob("libcamera/_libcamera*.so")]
            if any(f"_libcamera{suffix}" in extensions for suffix in EXTENSION_SUFFIXES):
                return PathFinder.find_spec(name, [str(place)])
            others += extensions
        raise ImportError(_complaint(others), name=name)


def _complaint(others: list[str]) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if others:
        return (
            f"the system's libcamera is for another Python ({', '.join(others)}), this vstream holds {version}; "
            "take the vstream that was built for this release of the system"
        )
    return f"the system has no libcamera for Python {version}; sudo apt install python3-libcamera"


sys.meta_path.append(SystemLibcamera)
