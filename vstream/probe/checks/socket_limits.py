"""What the system allows in socket buffers and open files."""

import resource
import socket

from vstream.probe.finding import Finding, ok, warning
from vstream.probe.subject import Subject
from vstream.server.sockets import enlarge_send_buffer

# With less, a keyframe of a small stream already has to wait for the network card.
_LITTLE_BYTES = 128 << 10


def check(subject: Subject) -> Finding:
    """The limits of the kernel and of this process, and the send buffer that vstream really gets."""
    machine, settings = subject.machine, subject.settings
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted_bytes = _granted_bytes()
    facts: dict[str, object] = {
        "rmem_max_bytes": machine.number("/proc/sys/net/core/rmem_max"),
        "wmem_max_bytes": machine.number("/proc/sys/net/core/wmem_max"),
        "send_buffer_bytes": granted_bytes,
        "open_files": None if files == resource.RLIM_INFINITY else files,
    }
    seen = (
        f"send buffer {granted_bytes >> 10} KiB (rmem_max {_kib(facts['rmem_max_bytes'])}, "
        f"wmem_max {_kib(facts['wmem_max_bytes'])}), open files {facts['open_files'] or 'unlimited'}"
    )
    if granted_bytes < _LITTLE_BYTES:
        return warning(seen, "sudo sysctl net.core.wmem_max=4194304", facts)
    if files != resource.RLIM_INFINITY and files < settings.rtsp_max_connections:
        return warning(seen, "raise the limit (ulimit -n), or lower RTSP_MAX_CONNECTIONS", facts)
    return ok(seen, facts)


def _granted_bytes() -> int:
    """The kernel gives twice of what it allows, and tells that number; half of it holds data."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        enlarge_send_buffer(udp)
        return udp.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2


def _kib(value: object) -> str:
    return f"{value >> 10} KiB" if isinstance(value, int) else "unknown"
