"""All that a probe found out in one archive, for whoever is asked for help; secrets stay out."""

import contextlib
import io
import os
import re
import tarfile
import time
from collections.abc import Iterable, Mapping
from json import dumps
from pathlib import Path

from vstream.config import Settings
from vstream.config.access import read_password
from vstream.config.report import json as settings_json
from vstream.log import without_credentials
from vstream.probe.kubernetes import pod_view
from vstream.probe.machine import Machine
from vstream.probe.unfinished import written_whole

_FOLDER = "vstream-probe"
_LOG_LINES = "1000"
_COMMAND_LIMIT_S = 0.7
_KERNEL_LINES = re.compile(
    r"\b(camera|csi|unicam|isp|pisp|rp1|cfe|imx\d|ov\d{3,}|media|video|v4l2|codec|vchiq|dma|cma|i2c|usb|mmc|"
    r"under-?voltage|voltage|thrott|thermal|oom|out of memory|segfault|hung task)",
    re.IGNORECASE,
)


def write(file: Path, report: Mapping[str, str], log: Iterable[str], settings: Settings, machine: Machine) -> None:
    """Write the archive, readable by its owner alone; `report` holds texts by the name of their file.

    Raises:
        OSError: it cannot be written.
    """
    members = {
        **report,
        "settings.json": settings_json(settings),
        "probe.log": "\n".join(log),
        "service.log": _service_log(machine),
        "dmesg.txt": _kernel_log(machine),
        "config.txt": machine.text("/boot/firmware/config.txt", "/boot/config.txt") or "",
    }
    if machine.container == "Kubernetes":
        members["kubernetes.json"] = dumps(pod_view(machine), indent=2)
    secrets = _secrets(settings)
    _write(file, {name: _without(secrets, text) for name, text in members.items() if text})


def _service_log(machine: Machine) -> str:
    """What the service wrote last, where systemd keeps it."""
    flags = ("--unit=vstream", f"--lines={_LOG_LINES}", "--no-pager", "--output=short-iso")
    return machine.run("journalctl", *flags, limit_s=_COMMAND_LIMIT_S) or ""


def _kernel_log(machine: Machine) -> str:
    """The kernel's lines on cameras, power, memory and what is connected."""
    text = machine.run("dmesg", limit_s=_COMMAND_LIMIT_S)
    if text is None:
        text = machine.run("journalctl", "--dmesg", "--no-pager", limit_s=_COMMAND_LIMIT_S)
    if text is None:
        return "The kernel's log cannot be read by this user: sudo vstream probe --bundle ..."
    return "\n".join(line for line in text.splitlines() if _KERNEL_LINES.search(line))


def _secrets(settings: Settings) -> list[str]:
    found = [settings.rtsp_password]
    if settings.rtsp_password_file:
        with contextlib.suppress(ValueError):
            found.append(read_password(Path(settings.rtsp_password_file)))
    return [secret for secret in found if secret]


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return without_credentials(text)


def _write(file: Path, members: Mapping[str, str]) -> None:
    with written_whole(file) as unfinished:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, text in members.items():
                content = f"{text}\n".encode(errors="backslashreplace")  # names of files need not be UTF-8
                entry = tarfile.TarInfo(f"{_FOLDER}/{name}")
                entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
                archive.addfile(entry, io.BytesIO(content))
