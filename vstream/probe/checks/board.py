"""Which board this is, and its memory."""

from vstream.probe.finding import Finding, ok, warning
from vstream.probe.subject import Subject

_LITTLE_MIB = 100


def check(subject: Subject) -> Finding:
    """Model, architecture and memory of the machine."""
    machine = subject.machine
    memory = _memory_mib(machine.text("/proc/meminfo") or "")
    total_mib, available_mib = memory.get("MemTotal"), memory.get("MemAvailable")
    name = machine.model or "a machine of unknown make"
    facts: dict[str, object] = {
        "model": machine.model,
        "raspberry_pi": machine.is_raspberry_pi,
        "architecture": machine.architecture,
        "memory_mib": total_mib,
        "memory_available_mib": available_mib,
        "container": machine.container,
    }
    seen = f"{name}, {machine.architecture}"
    if total_mib is not None and available_mib is not None:
        seen += f", {total_mib} MiB of memory, {available_mib} MiB of it available"
    if machine.container is not None:
        seen += f", in a container ({machine.container})"
    if available_mib is not None and available_mib < _LITTLE_MIB:
        return warning(seen, "end other programs, or lower STREAM_WIDTH, STREAM_HEIGHT and H264_BUFFER_COUNT", facts)
    return ok(seen, facts)


def _memory_mib(meminfo: str) -> dict[str, int]:
    """The lines of /proc/meminfo, which are in KiB."""
    found = {}
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        number = value.split()[:1]
        if number and number[0].isdigit():
            found[name] = int(number[0]) // 1024
    return found
