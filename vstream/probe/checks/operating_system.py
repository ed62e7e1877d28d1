"""Which kernel and which system run here."""

import re

from vstream.probe.finding import Finding, ok, warning
from vstream.probe.subject import Subject

# Debian 11, on which Raspberry Pi OS has libcamera beside the old camera stack, but no complete picamera2.
_FIRST_GOOD_DEBIAN = 12


def check(subject: Subject) -> Finding:
    """Kernel and system by name; a Pi's system that is too old for the camera is warned of."""
    machine = subject.machine
    release = _release(machine.text("/etc/os-release", "/usr/lib/os-release") or "")
    kernel = machine.text("/proc/sys/kernel/osrelease") or "unknown"
    name = release.get("PRETTY_NAME", "a system without /etc/os-release")
    version = release.get("VERSION_ID", "")
    facts: dict[str, object] = {"system": name, "version": version or None, "kernel": kernel}
    seen = f"{name}, kernel {kernel}"
    major = re.match(r"\d+", version)
    is_debian = "debian" in {release.get("ID"), *release.get("ID_LIKE", "").split()} or release.get("ID") == "raspbian"
    if machine.is_raspberry_pi and is_debian and major and int(major[0]) < _FIRST_GOOD_DEBIAN:
        return warning(seen, "install Raspberry Pi OS 12 (bookworm) or newer", facts)
    return ok(seen, facts)


def _release(text: str) -> dict[str, str]:
    """os-release(5), as far as it is used here: NAME=value, quoted or not."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name: value.strip().strip("\"'") for name, _, value in pairs}
