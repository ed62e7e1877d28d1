"""The commands in the guides, run as they stand there.

A block of commands has a comment on the line before it: `<!-- run -->`, `<!-- run beside a server -->` for one with
default settings and the test pattern, or `<!-- not run: REASON -->`.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.server import Server
from tests.k8s.manifests import KUSTOMIZE
from tests.netns import IS_POSSIBLE, own_network, run_in_own_network

ROOT = Path(__file__).parents[2]
GUIDES = ("docs/camera.md", "docs/kubernetes.md", "docs/operations.md", "docs/packaging.md", "docs/probe.md")
COMMANDS = "VSTREAM_TEST_COMMANDS"
TOOLS = ("curl", "kubectl", "openssl", "promtool", "systemd-analyze")
BESIDE_A_SERVER = "run beside a server"

_BLOCK = re.compile(r"^(?:<!-- (?P<mark>[^\n]*) -->\n)?```sh\n(?P<commands>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    guide: str
    mark: str
    commands: str


def blocks() -> list[Block]:
    return [
        Block(guide, found["mark"] or "", found["commands"])
        for guide in GUIDES
        for found in _BLOCK.finditer((ROOT / guide).read_text())
    ]


def marked(mark: str) -> list[object]:
    chosen = [block for block in blocks() if block.mark == mark]
    return [
        pytest.param(block.commands, id=f"{Path(block.guide).stem}-{block.commands.split()[0]}") for block in chosen
    ]


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.commands.splitlines()[0][:40])
def test_each_block_says_whether_it_is_run(block: Block) -> None:
    assert block.mark in {"run", BESIDE_A_SERVER} or block.mark.startswith("not run: "), block.guide


@pytest.mark.parametrize("commands", marked("run"))
def test_runs(commands: str, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_tools(commands)
    if "vstream probe" in commands and IS_POSSIBLE:  # it looks whether the default ports are free
        monkeypatch.setenv(COMMANDS, commands)
        run_in_own_network("ip link set lo up", "tests.docs.test_commands:run_these")
    else:
        run(commands)


def run_these() -> None:
    run(os.environ[COMMANDS])


@own_network
@pytest.mark.parametrize("commands", marked(BESIDE_A_SERVER))
def test_runs_beside_a_server(commands: str, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_tools(commands)
    monkeypatch.setenv(COMMANDS, commands)
    run_in_own_network("ip link set lo up", "tests.docs.test_commands:run_beside_a_server")


def run_beside_a_server() -> None:
    """Run in a network where the default ports are free."""
    command = [sys.executable, "-m", "vstream", "serve", "--source", "test", "--width", "640", "--height", "360"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    server = Server(process)
    try:
        server.wait_for("Video is")
        run(os.environ[COMMANDS])
    finally:
        process.kill()
        server.wait_for_end()


def run(commands: str) -> None:
    """Every command must succeed, those before a pipe too, but for a probe there: it warns of a busy machine."""
    pipes = [] if "vstream probe" in commands else ["-o", "pipefail"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", *pipes, "-c", commands],
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def skip_without_tools(commands: str) -> None:
    for tool in TOOLS:
        if re.search(rf"\b{tool}\b", commands) and not shutil.which(tool):
            pytest.skip(f"no {tool}")
    if "kubectl kustomize" in commands and KUSTOMIZE != ["kubectl", "kustomize"]:
        pytest.skip("no kubectl whose kustomize knows components")
