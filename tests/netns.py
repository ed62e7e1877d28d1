"""A network of its own for one test, with narrow and slow links, and other hosts; needs the rights to make it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.network import wait_until

_SHELL = ["unshare", "--net", "--map-root-user", "sh", "-e", "-c"]
_TIMEOUT_S = 150


def _works() -> bool:
    tools = all(shutil.which(tool) for tool in ("unshare", "nsenter", "ip", "tc"))
    return tools and subprocess.run([*_SHELL, "ip link set lo up"], capture_output=True, check=False).returncode == 0


IS_POSSIBLE = _works()
"""Whether this machine lets tests have networks of their own."""

own_network = pytest.mark.skipif(not IS_POSSIBLE, reason="no right to make a network namespace, or no iproute2")
lossy_network = pytest.mark.skipif(
    not IS_POSSIBLE or not shutil.which("nft") or not shutil.which("ethtool"),
    reason="no right to make a network namespace, or no nftables or ethtool",
)


def losing(percent: int) -> str:
    """The commands for a loopback that loses so many of all UDP packets, each by itself and in both directions."""
    rule = f"meta l4proto udp numgen random mod 100 '<' {percent} drop"
    return (
        "ip link set lo up\nethtool -K lo tx-udp-segmentation off\n"  # or it would lose trains
        "nft add table inet lossy\nnft add chain inet lossy input '{ type filter hook input priority 0 ; }'\n"
        f"nft add rule inet lossy input {rule}"
    )


def run_in_own_network(link: str, test: str) -> None:
    """Run the function `test` ("module:name") in a new process, on a loopback that the commands in `link` set up."""
    module, _, name = test.partition(":")
    command = f"{link}\nexec {sys.executable} -c 'from {module} import {name}; {name}()'"
    done = subprocess.run([*_SHELL, command], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Host:
    """Another host, that is a network namespace which the present one can be cabled to; gone with its process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        own = Path("/proc/self/ns/net").readlink()
        wait_until(lambda: Path(f"/proc/{self._process.pid}/ns/net").readlink() != own, "another network namespace")
        self.prefix = ["nsenter", f"--net=/proc/{self._process.pid}/ns/net"]
        """What a command begins with that is to run there."""
        self.run("ip link set lo up")

    def run(self, *commands: str) -> None:
        for command in commands:
            subprocess.run([*self.prefix, *command.split()], check=True)

    def cable(self, name: str, ours: str, theirs: str, begin: "Host | None" = None) -> None:
        """Lay a cable from here, or from the host `begin`, to this one; its ends are `name` and `uplink`.

        Each end has an address, given with its prefix; ours is this host's way to everywhere else.
        """
        there = begin.prefix if begin else []
        family = "-6" if ":" in ours else "-4"
        usable = "nodad" if ":" in ours else ""
        for command in (
            f"ip link add {name} type veth peer name uplink netns {self._process.pid}",
            f"ip {family} address add {ours} dev {name} {usable}",
            f"ip link set {name} up",
        ):
            subprocess.run([*there, *command.split()], check=True)
        self.run(
            f"ip {family} address add {theirs} dev uplink {usable}",
            "ip link set uplink up",
            f"ip {family} route add default via {ours.partition('/')[0]} dev uplink",
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many other hosts, not cabled yet."""
    made = [Host() for _ in range(count)]
    try:
        yield made
    finally:
        for host in made:
            host.close()
