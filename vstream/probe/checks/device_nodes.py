"""The device files that a camera and an encoder consist of: their drivers, owners, and whether we may use them."""

from pathlib import Path

from vstream.probe.finding import Finding, failure, ok, warning
from vstream.probe.machine import Machine
from vstream.probe.subject import Need, Subject

PATTERNS = ("/dev/media[0-9]*", "/dev/video[0-9]*", "/dev/v4l-subdev[0-9]*")
UDEV = "/run/udev"

_NONE_HERE = (
    "check cable and config.txt; in a container hand the device files in, `vstream probe --manifest` names them"
)


def check(subject: Subject) -> Finding:
    """Whether the files are there and may be read and written by this user."""
    nodes = [_described(subject.machine, path) for pattern in PATTERNS for path in subject.machine.find(pattern)]
    if not nodes:
        return subject.absence("no /dev/media*, /dev/video* or /dev/v4l-subdev*", _NONE_HERE)
    facts: dict[str, object] = {"nodes": nodes, "udev": subject.machine.path(UDEV).is_dir()}
    drivers = sorted({str(node["driver"]) for node in nodes if node["driver"]})
    seen = f"{len(nodes)} nodes of {', '.join(drivers) or 'unknown drivers'}"
    refused = [node for node in nodes if node["refused"]]
    if refused and subject.need is not Need.NONE:
        names = ", ".join(str(node["node"]) for node in refused[:4])
        seen = f"{seen}; {len(refused)} refuse us: {names} ({refused[0]['refused']})"
        return failure(seen, _advice(subject.machine, str(refused[0]["group"])), facts)
    if subject.machine.container and not facts["udev"]:
        return warning(
            f"{seen}; no {UDEV}", f"mount {UDEV} read-only: libcamera lists what udev's database knows", facts
        )
    return ok(seen, facts)


def _described(machine: Machine, path: Path) -> dict[str, object]:
    status = path.stat()
    return {
        "node": machine.name_of(path),
        "name": _model(machine, path.name),
        "driver": _driver(machine, path.name),
        "owner": machine.user_name(status.st_uid),
        "group": machine.group_name(status.st_gid),
        "mode": f"{status.st_mode & 0o777:03o}",
        "refused": machine.refusal(path),
    }


def _folder(node: str) -> str:
    return f"/sys/bus/media/devices/{node}" if node.startswith("media") else f"/sys/class/video4linux/{node}"


def _model(machine: Machine, node: str) -> str | None:
    return machine.text(f"{_folder(node)}/name", f"{_folder(node)}/model")


def _driver(machine: Machine, node: str) -> str | None:
    """The kernel driver of the device behind a node; of a sensor, which has none there, its own name."""
    for link in ("device/driver", "driver"):
        try:
            return machine.path(f"{_folder(node)}/{link}").readlink().name
        except OSError:
            continue
    return _model(machine, node)


def _advice(machine: Machine, group: str) -> str:
    if machine.container == "Kubernetes":
        return (
            "ask for the device plugin's squat.ai/camera, with the group in supplementalGroups; see docs/kubernetes.md"
        )
    if machine.container:
        return "give the container the devices (--device) and their group (--group-add)"
    return f"add the user to the group: sudo usermod -aG {group} USER, then log in anew"
