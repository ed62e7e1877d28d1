"""libcamera and picamera2: which versions, and whether this Python can load them."""

import re
import sys

from vstream.probe.finding import Finding, failure, ok, skipped
from vstream.probe.machine import Machine
from vstream.probe.subject import Need, Subject
from vstream.sources.rpicam import BINARIES, find_binary

# Where Debian and Raspberry Pi OS, and builds of one's own, put libcamera's Python binding.
_BINDINGS = (
    "/usr/lib/python3/dist-packages/libcamera",
    "/usr/local/lib/python3*/*-packages/libcamera",
    "/usr/local/lib/*/python3*/*-packages/libcamera",
)
_INSTALL = "on Raspberry Pi OS: sudo apt install python3-picamera2"


def check(subject: Subject) -> Finding:
    """Whether the way to the camera that the settings take is installed, and works here."""
    if subject.need is Need.NONE:
        return skipped(subject.without_need)
    notes = subject.examination.notes if subject.examination else {}
    binary = find_binary()
    facts: dict[str, object] = {
        "libcamera": notes.get("libcamera"),
        "picamera2": notes.get("picamera2"),
        "python": _python_version(),
        "bindings_for": binding_versions(subject.machine),
        "rpicam": binary,
    }
    if subject.settings.stream_source == "rpicam":
        return _rpicam(binary, facts)
    if "libcamera" in notes and "picamera2" in notes:
        return ok(f"libcamera {notes['libcamera']}, picamera2 {notes['picamera2']}, Python {_python_version()}", facts)
    trouble = subject.examination.trouble if subject.examination else "not looked at"
    absence = subject.absence(trouble, _advice(subject.machine, "libcamera" in notes))
    return Finding(absence.status, absence.seen, absence.advice, facts)


def _rpicam(binary: str | None, facts: dict[str, object]) -> Finding:
    if binary is None:
        return failure(f"neither {' nor '.join(BINARIES)} is installed", "sudo apt install rpicam-apps", facts)
    return ok(f"{binary} is installed", facts)


def binding_versions(machine: Machine) -> list[str]:
    """The Python versions that libcamera's installed bindings were built for, such as 3.11."""
    names = [path.name for place in _BINDINGS for path in machine.find(f"{place}/_libcamera*.so")]
    told = (re.match(r"_libcamera\.cpython-(\d)(\d+)", name) for name in names)
    return sorted({f"{version[1]}.{version[2]}" for version in told if version})


def _python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _advice(machine: Machine, has_libcamera: bool) -> str:
    if has_libcamera:
        return f"picamera2 is missing; {_INSTALL}"
    built_for = binding_versions(machine)
    if not built_for:
        return f"libcamera's Python binding is missing; {_INSTALL}"
    if _python_version() in built_for:
        return "the binding is installed, but this environment does not see it: python3 -m venv --system-site-packages"
    versions = f"for Python {', '.join(built_for)}, this is {_python_version()}"
    return f"libcamera's binding is {versions}: use the system's python3"
