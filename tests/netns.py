"""A network of its own for one test, where a link can be narrow or slow; needs the rights to make one."""

import shutil
import subprocess
import sys

import pytest

_SHELL = ["unshare", "--net", "--map-root-user", "sh", "-e", "-c"]


def _works() -> bool:
    tools = all(shutil.which(tool) for tool in ("unshare", "ip", "tc"))
    return tools and subprocess.run([*_SHELL, "ip link set lo up"], capture_output=True, check=False).returncode == 0


own_network = pytest.mark.skipif(not _works(), reason="no right to make a network namespace, or no iproute2")


def run_in_own_network(link: str, test: str) -> None:
    """Run the function `test` ("module:name") in a new process, on a loopback that the commands in `link` set up."""
    module, _, name = test.partition(":")
    command = f"{link}\nexec {sys.executable} -c 'from {module} import {name}; {name}()'"
    done = subprocess.run([*_SHELL, command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
