"""The checks of the machine, on made ones: a Pi 4, a Pi 5, a laptop and a pod."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.probe.machines import (
    POD_ENVIRONMENT,
    STRANGER,
    laptop,
    node,
    pi4,
    pi5,
    pod,
    program,
    subject,
    write,
)
from vstream.probe.checks import (
    board,
    boot_config,
    camera_holders,
    device_nodes,
    dma_heap,
    network,
    operating_system,
    ports,
    power,
    socket_limits,
    temperature,
)
from vstream.probe.machine import Machine
from vstream.probe.run import OF_THE_MACHINE
from vstream.probe.subject import Subject

Make = Callable[[Path], None]


@pytest.mark.parametrize(
    ("make", "model", "is_pi"),
    [
        (pi4, "Raspberry Pi 4 Model B Rev 1.5", True),
        (pi5, "Raspberry Pi 5 Model B Rev 1.0", True),
        (pod, "Raspberry Pi 4 Model B Rev 1.4", True),
        (laptop, "ThinkPad X1", False),
    ],
)
def test_the_board_is_named(make: Make, model: str, is_pi: bool, tmp_path: Path) -> None:
    found = board.check(subject(tmp_path, make))
    assert (found.status, found.facts["model"], found.facts["raspberry_pi"]) == ("ok", model, is_pi)
    assert model in found.seen


def test_little_memory_is_warned_of(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    write(tmp_path, {"/proc/meminfo": "MemTotal: 443000 kB\nMemAvailable: 61440 kB\n"})
    found = board.check(made)
    assert (found.status, found.facts["memory_available_mib"]) == ("warning", 60)


def test_kernel_and_system_are_named(tmp_path: Path) -> None:
    found = operating_system.check(subject(tmp_path, pi4))
    assert (found.status, found.seen) == ("ok", "Debian GNU/Linux 12 (bookworm), kernel 6.6.51+rpt-rpi-v8")


def test_a_system_that_is_too_old_for_the_camera_is_warned_of(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    write(tmp_path, {"/etc/os-release": 'PRETTY_NAME="Raspbian GNU/Linux 10 (buster)"\nID=raspbian\nVERSION_ID="10"\n'})
    assert operating_system.check(made).status == "warning"


@pytest.mark.parametrize(
    ("flags", "status", "now", "since_start"),
    [
        ("0x0", "ok", [], []),
        ("0x50000", "warning", [], ["under-voltage", "throttled"]),
        ("0x50005", "failure", ["under-voltage", "throttled"], ["under-voltage", "throttled"]),
        ("0x80008", "warning", ["soft temperature limit"], ["soft temperature limit"]),
    ],
)
def test_vcgencmd_tells_of_power(
    flags: str, status: str, now: list[str], since_start: list[str], tmp_path: Path
) -> None:
    made = subject(tmp_path, pi4)
    program(tmp_path, "vcgencmd", f'[ "$1" = get_throttled ] && echo throttled={flags}')
    found = power.check(made)
    assert (found.status, found.facts["now"], found.facts["since_start"]) == (status, now, since_start)


def test_sysfs_tells_of_power_where_vcgencmd_cannot(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    program(tmp_path, "vcgencmd", "exit 1")
    write(tmp_path, {"/sys/devices/platform/soc/soc:firmware/get_throttled": "10000\n"})
    assert power.check(made).facts["since_start"] == ["under-voltage"]


@pytest.mark.parametrize(("alarm", "status"), [("0", "ok"), ("1", "warning")])
def test_the_kernels_alarm_tells_of_power_where_nothing_else_does(alarm: str, status: str, tmp_path: Path) -> None:
    made = subject(tmp_path, pi5)
    write(tmp_path, {"/sys/class/hwmon/hwmon2/in0_lcrit_alarm": alarm})
    assert power.check(made).status == status


def test_a_laptop_has_no_voltage_to_tell_of(tmp_path: Path) -> None:
    assert power.check(subject(tmp_path, laptop)).status == "skipped"


@pytest.mark.parametrize(
    ("make", "thousandths", "status"), [(pi4, 48_199, "ok"), (pi4, 82_300, "warning"), (laptop, 91_000, "ok")]
)
def test_a_hot_pi_is_warned_of(make: Make, thousandths: int, status: str, tmp_path: Path) -> None:
    made = subject(tmp_path, make)
    write(tmp_path, {"/sys/class/thermal/thermal_zone0/temp": f"{thousandths}\n"})
    found = temperature.check(made)
    assert (found.status, found.facts["celsius"]) == (status, thousandths / 1000)


@pytest.mark.parametrize(
    ("text", "status", "lines"),
    [
        ("camera_auto_detect=1\n", "ok", ["camera_auto_detect=1"]),
        ("camera_auto_detect=0\n", "warning", ["camera_auto_detect=0"]),
        ("[pi5]\ncamera_auto_detect=1\n", "warning", []),
        ("[pi4]\n  dtoverlay=imx477,cam0 # ours\n[all]\n", "ok", ["dtoverlay=imx477,cam0"]),
        ("[none]\ndtoverlay=ov5647\n[0x1234]\ngpu_mem=128\n", "warning", ["gpu_mem=128"]),
        ("camera_auto_detect=1\nstart_x=1\n", "warning", ["camera_auto_detect=1", "start_x=1"]),
        ("#camera_auto_detect=1\n", "warning", []),
    ],
)
def test_config_txt(text: str, status: str, lines: list[str], tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    write(tmp_path, {"/boot/firmware/config.txt": text})
    found = boot_config.check(made)
    assert (found.status, found.facts["lines"]) == (status, lines)


@pytest.mark.parametrize(
    ("model", "sections"),
    [
        ("Raspberry Pi 4 Model B Rev 1.5", {"pi4"}),
        ("Raspberry Pi 400 Rev 1.0", {"pi4", "pi400"}),
        ("Raspberry Pi Compute Module 4 Rev 1.0", {"pi4", "cm4"}),
        ("Raspberry Pi Compute Module 5 Rev 1.0", {"pi5", "cm5"}),
        ("Raspberry Pi 5 Model B Rev 1.0", {"pi5"}),
        ("Raspberry Pi 500 Rev 1.0", {"pi5", "pi500"}),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", {"pi3", "pi3+"}),
        ("Raspberry Pi Zero 2 W Rev 1.0", {"pi0", "pi02"}),
        ("Raspberry Pi Zero W Rev 1.1", {"pi0", "pi0w"}),
    ],
)
def test_sections_of_config_txt_are_for_their_boards(model: str, sections: set[str]) -> None:
    names = ("pi0", "pi0w", "pi02", "pi1", "pi2", "pi3", "pi3+", "pi4", "pi400", "pi5", "pi500", "cm4", "cm5")
    text = "".join(f"[{name}]\ndtoverlay=imx219,{name}\n" for name in names)
    lines = boot_config.camera_lines(text, model)
    assert {line.partition(",")[2] for line in lines} == sections


@pytest.mark.parametrize(("make", "environment"), [(laptop, {}), (pod, POD_ENVIRONMENT)])
def test_config_txt_may_be_out_of_sight(make: Make, environment: dict[str, str], tmp_path: Path) -> None:
    assert boot_config.check(subject(tmp_path, make, environment=environment)).status == "skipped"


def test_device_nodes_with_drivers_owners_and_modes(tmp_path: Path) -> None:
    found = device_nodes.check(subject(tmp_path, pi4))
    assert found.status == "ok"
    nodes = {one["node"]: one for one in found.facts["nodes"]}  # type: ignore[attr-defined]
    assert set(nodes) == {
        *("/dev/media0", "/dev/media1", "/dev/video0", "/dev/video11", "/dev/video13", "/dev/v4l-subdev0")
    }
    encoder = nodes["/dev/video11"]
    assert (encoder["name"], encoder["group"], encoder["mode"]) == ("bcm2835-codec-encode", "video", "660")
    assert (encoder["driver"], encoder["refused"]) == ("bcm2835-codec", None)


def test_a_link_to_a_device_that_is_gone_is_none(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    (tmp_path / "dev/video99").symlink_to("gone")
    found = device_nodes.check(made)
    assert (found.status, len(found.facts["nodes"])) == ("ok", 6)  # type: ignore[arg-type]


def test_who_is_not_in_the_group_is_told_so(tmp_path: Path) -> None:
    found = device_nodes.check(subject(tmp_path, pi4, identity=STRANGER))
    assert found.status == "failure"
    assert "/dev/media0" in found.seen
    assert "usermod -aG video" in found.advice


def test_a_pod_without_devices_is_told_of_the_device_plugin(tmp_path: Path) -> None:
    found = device_nodes.check(subject(tmp_path, pod, environment=POD_ENVIRONMENT))
    assert found.status == "failure"
    assert "--manifest" in found.advice


def test_a_container_without_udevs_database_is_warned(tmp_path: Path) -> None:
    def make(root: Path) -> None:
        pod(root)
        node(root, "media0", "unicam")

    found = device_nodes.check(subject(tmp_path, make, environment=POD_ENVIRONMENT))
    assert (found.status, found.facts["udev"]) == ("warning", False)
    assert "/run/udev" in found.advice


@pytest.mark.parametrize(
    ("make", "source", "status"), [(laptop, "auto", "skipped"), (laptop, "camera", "failure"), (pod, "auto", "warning")]
)
def test_no_device_files_are_as_bad_as_the_camera_is_needed(
    make: Make, source: str, status: str, tmp_path: Path
) -> None:
    assert device_nodes.check(subject(tmp_path, make, source)).status == status
    assert dma_heap.check(subject(tmp_path, make, source)).status == status


@pytest.mark.parametrize(
    ("mode", "free_kib", "status"), [(0o660, 400_000, "ok"), (0o600, 400_000, "failure"), (0o660, 4_000, "warning")]
)
def test_dma_heap(mode: int, free_kib: int, status: str, tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    (tmp_path / "dev/dma_heap/linux,cma").chmod(mode)
    write(tmp_path, {"/proc/meminfo": f"CmaTotal: 524288 kB\nCmaFree: {free_kib} kB\n"})
    assert dma_heap.check(made).status == status


def test_who_holds_the_camera_is_named(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    assert camera_holders.check(made).status == "ok"
    write(tmp_path, {"/proc/812/comm": "libcamera-vid\n"})
    (tmp_path / "proc/812/fd").mkdir()
    (tmp_path / "proc/812/fd/7").symlink_to("/dev/media1")
    found = camera_holders.check(made)
    assert (found.status, found.seen) == ("warning", "held by libcamera-vid (pid 812)")


def test_a_desktops_audio_server_does_not_hold_the_camera(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    write(tmp_path, {"/proc/812/comm": "wireplumber\n"})
    (tmp_path / "proc/812/fd").mkdir()
    (tmp_path / "proc/812/fd/7").symlink_to("/dev/video0")
    assert camera_holders.check(made).status == "ok"


def own_machine(**settings: str) -> Subject:
    made = subject(Path("/nonexistent"), lambda root: None, "test", rtsp_host="127.0.0.1", given=settings)
    made.machine = Machine()
    return made


def test_a_port_that_another_program_has_is_named_with_its_holder() -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        found = ports.check(own_machine(rtsp_port=str(port), rtp_port="0", metrics_port="0"))
        other.communicate("\n")
    assert found.status == "failure"
    assert f"TCP {port} (RTSP_PORT): held by python" in found.seen
    assert f"(pid {other.pid})" in found.seen


def test_a_udp_port_that_is_taken_is_found() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        while True:
            ours.bind(("127.0.0.1", 0))
            if ours.getsockname()[1] % 2 == 0:
                break
            ours.close()
            ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # noqa: PLW2901
        port = ours.getsockname()[1]
        found = ports.check(own_machine(rtsp_port="0", rtp_port=str(port), metrics_port="0"))
    assert found.status == "failure"
    assert f"UDP {port} (RTP_PORT)" in found.seen


def test_free_ports_are_free() -> None:
    assert ports.check(own_machine(rtsp_port="0", rtp_port="0", metrics_port="0")).status == "ok"


def test_interfaces_and_urls(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4, rtsp_host="192.0.2.7", rtsp_path="/front")
    write(
        tmp_path,
        {
            "/sys/class/net/lo/operstate": "unknown\n",
            "/sys/class/net/eth0/operstate": "up\n",
            "/sys/class/net/eth0/speed": "10\n",
            "/sys/class/net/wlan0/operstate": "down\n",
            "/sys/class/net/wlan0/wireless/x": "",
        },
    )
    found = network.check(made)
    assert found.facts["urls"] == ["rtsp://192.0.2.7:8554/front"]
    interfaces = {one["name"]: one for one in found.facts["interfaces"]}  # type: ignore[attr-defined]
    assert set(interfaces) == {"eth0", "wlan0"}
    assert (interfaces["wlan0"]["wireless"], interfaces["eth0"]["speed_mbps"]) == (True, 10)
    assert found.status == "warning"


@pytest.mark.parametrize(("state", "status"), [("up", "warning"), ("down", "ok"), ("unknown", "ok")])
def test_a_link_that_is_not_up_is_not_too_slow(state: str, status: str, tmp_path: Path) -> None:
    """`down` is a card without a cable; a tunnel's state is `unknown`, whatever it carries."""
    made = subject(tmp_path, pi4, rtsp_host="192.0.2.7")
    write(tmp_path, {"/sys/class/net/eth0/operstate": f"{state}\n", "/sys/class/net/eth0/speed": "10\n"})
    assert network.check(made).status == status


def test_socket_limits_are_the_kernels(tmp_path: Path) -> None:
    made = subject(tmp_path, pi4)
    write(tmp_path, {"/proc/sys/net/core/rmem_max": "212992\n", "/proc/sys/net/core/wmem_max": "425984\n"})
    found = socket_limits.check(made)
    assert (found.facts["rmem_max_bytes"], found.facts["wmem_max_bytes"]) == (212992, 425984)
    assert isinstance(found.facts["send_buffer_bytes"], int)


@pytest.mark.parametrize("make", [pi4, pi5, laptop, pod, lambda root: None])
@pytest.mark.parametrize("source", ["auto", "camera", "test"])
def test_no_check_fails_by_itself(make: Make, source: str, tmp_path: Path) -> None:
    made = subject(tmp_path, make, source)
    for name, check in OF_THE_MACHINE.items():
        found = check(made)
        assert found.seen, name
        assert bool(found.advice) == (found.status in {"warning", "failure"}), name
