"""What a pod sees of its cluster and its node; never a token."""

from vstream.probe.checks.device_nodes import PATTERNS
from vstream.probe.checks.dma_heap import PATTERN as HEAPS
from vstream.probe.machine import Machine

_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_LIMITS = {
    "memory_max": ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    "memory_current": ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    "cpu_max": ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    "pids_max": ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"),
}


def pod_view(machine: Machine) -> dict[str, object]:
    """Namespace, Kubernetes' own variables, limits, mounts and the device files that are there."""
    devices = [machine.name_of(path) for pattern in (*PATTERNS, HEAPS) for path in machine.find(pattern)]
    limits: dict[str, object] = {name: machine.text(*files) for name, files in _LIMITS.items()}
    return {
        "namespace": machine.text(_NAMESPACE),
        "environment": {
            name: value for name, value in sorted(machine.environment.items()) if name.startswith("KUBERNETES_")
        },
        "limits": limits,
        "devices": devices,
        "groups": sorted(machine.identity.gids),
        "user": machine.identity.uid,
        "mounts": _mounts(machine.text("/proc/self/mountinfo") or ""),
    }


def _mounts(mountinfo: str) -> list[object]:
    """Where something is mounted, of which kind and how (proc_pid_mountinfo(5))."""
    found: list[object] = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, of_kind = left.split(), right.split()
        if len(fields) > 5 and of_kind:
            found.append({"target": fields[4], "options": fields[5], "type": of_kind[0]})
    return found
