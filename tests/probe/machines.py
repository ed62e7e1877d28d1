"""Made machines: directories with what /proc, /sys, /dev and /etc of real ones hold, as far as the probe reads it."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from vstream.config import load_settings
from vstream.probe.machine import Identity, Machine
from vstream.probe.subject import Subject

VIDEO_GROUP = "video"
STRANGER = Identity(12345, frozenset({54321}))
"""Neither the owner of any file here, nor in its group."""


def member_of_video() -> Identity:
    """Somebody whom the files' group lets in, but who does not own them."""
    return Identity(STRANGER.uid, frozenset({os.getegid()}))


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def program(root: Path, name: str, script: str) -> None:
    write(root, {f"/usr/bin/{name}": f"#!/bin/sh\n{script}\n"})
    (root / "usr/bin" / name).chmod(0o755)


def node(root: Path, name: str, described: str = "", mode: int = 0o660) -> None:
    """A device file, with what sysfs says of it; in a made machine it is a plain file."""
    write(root, {f"/dev/{name}": ""})
    (root / "dev" / name).chmod(mode)
    if described and name.startswith("media"):
        write(root, {f"/sys/bus/media/devices/{name}/model": described})
    elif described:
        write(root, {f"/sys/class/video4linux/{name}/name": described})


def pi4(root: Path) -> None:
    """A Pi 4 with Raspberry Pi OS 12 and a camera that the firmware found."""
    write(
        root,
        {
            "/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
            "/proc/meminfo": "MemTotal: 3884328 kB\nMemAvailable: 300000 kB\nCmaTotal: 524288 kB\nCmaFree: 400000 kB\n",
            "/proc/sys/kernel/osrelease": "6.6.51+rpt-rpi-v8\n",
            "/proc/net/tcp": "",
            "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
            "/etc/hostname": "Pi-4\n",
            "/etc/group": f"{VIDEO_GROUP}:x:{os.getegid()}:\n",
            "/etc/passwd": f"pi:x:{os.geteuid()}:1000::/home/pi:/bin/bash\n",
            "/sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "/sys/class/thermal/thermal_zone0/temp": "48199\n",
            "/boot/firmware/config.txt": "dtparam=audio=on\ncamera_auto_detect=1\n[cm4]\notg_mode=1\n[all]\n",
            "/run/udev/data/c81:0": "",
        },
    )
    program(root, "vcgencmd", "echo throttled=0x0")
    node(root, "media0", "bcm2835-codec")
    node(root, "media1", "unicam")
    node(root, "video0", "unicam-image")
    node(root, "video11", "bcm2835-codec-encode")
    (root / "sys/class/video4linux/video11/device").mkdir()
    driver = root / "sys/class/video4linux/video11/device/driver"
    driver.symlink_to("../../../../bus/platform/drivers/bcm2835-codec")
    node(root, "video13", "bcm2835-isp-output0")
    node(root, "v4l-subdev0", "imx708")
    node(root, "dma_heap/linux,cma")


def pi5(root: Path) -> None:
    """A Pi 5: no encoder, ISP and receiver of its own kind, no vcgencmd installed."""
    pi4(root)
    (root / "usr/bin/vcgencmd").unlink()
    (root / "dev/video11").unlink()
    (root / "dev/video13").unlink()
    write(
        root,
        {
            "/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "/etc/hostname": "pi-5\n",
            "/sys/class/hwmon/hwmon2/name": "rpi_volt\n",
            "/sys/class/hwmon/hwmon2/in0_lcrit_alarm": "0\n",
        },
    )
    node(root, "video4", "rp1-cfe-csi2_ch0")
    node(root, "video19", "rpi-hevc-dec")
    node(root, "video20", "pispbe-input")
    node(root, "dma_heap/vidbuf_cached")


def laptop(root: Path) -> None:
    """An x86 machine with a USB camera."""
    write(
        root,
        {
            "/sys/class/dmi/id/product_name": "ThinkPad X1\n",
            "/proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU\n",
            "/proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\nCmaTotal: 0 kB\nCmaFree: 0 kB\n",
            "/proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
            "/etc/os-release": 'PRETTY_NAME="Ubuntu 24.04"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n',
            "/sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
            "/sys/class/thermal/thermal_zone0/temp": "91000\n",
        },
    )


def pod(root: Path) -> None:
    """A pod on a Pi 4, to which no device was given; the runtime hides the device tree."""
    write(
        root,
        {
            "/proc/cpuinfo": "processor\t: 0\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
            "/proc/meminfo": "MemTotal:  3884328 kB\nMemAvailable:  3000000 kB\n",
            "/proc/sys/kernel/osrelease": "6.6.51+rpt-rpi-v8\n",
            "/proc/self/mountinfo": (
                "600 500 0:55 / / ro,relatime - overlay overlay rw,lowerdir=/x\n"
                "601 600 0:60 / /tmp rw,nosuid - tmpfs tmpfs rw,size=16384k\n"
            ),
            "/sys/fs/cgroup/memory.max": "209715200\n",
            "/sys/fs/cgroup/cpu.max": "100000 100000\n",
            "/var/run/secrets/kubernetes.io/serviceaccount/namespace": "video-streamer",
            "/var/run/secrets/kubernetes.io/serviceaccount/token": "eyJhbGciOi-TOKEN",
        },
    )


POD_ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "10.43.0.1", "KUBERNETES_SERVICE_PORT": "443", "OTHER": "thing"}


def subject(
    root: Path,
    make: Callable[[Path], None],
    source: str = "camera",
    *,
    identity: Identity | None = None,
    environment: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    **settings: str,
) -> Subject:
    """A made machine, probed with these settings by somebody in the group video."""
    make(root)
    loaded = load_settings({"stream_source": source, **settings, **(given or {})}, {})
    machine = Machine(root, environment or {}, identity or member_of_video())
    return Subject(loaded.settings, machine)
