"""The virtual Raspberry Pi's boards, with vstream as it is in this tree; skipped where there is none."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.virtualpi.pi import HERE, Board, VirtualPi, missing

DEFAULT_TREE = "~/.cache/vstream/virtualpi"


@pytest.fixture(scope="session")
def tree() -> Path:
    """The tree of $VSTREAM_VIRTUAL_PI, brought up to date with the devices and the program to test."""
    tree = Path(os.environ.get("VSTREAM_VIRTUAL_PI", DEFAULT_TREE)).expanduser()
    reason = missing(tree)
    if reason is not None:
        pytest.skip(reason)
    for step in ("setup", "install"):
        done = subprocess.run([HERE / step, tree], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return tree


@pytest.fixture
def board(tree: Path, tmp_path: Path) -> Callable[[Board], VirtualPi]:
    """Give a board by its name."""
    return lambda name: VirtualPi(tree, name, tmp_path)


@pytest.fixture
def pi4(tree: Path, tmp_path: Path) -> VirtualPi:
    """A board with an H.264 encoder of its own."""
    return VirtualPi(tree, "pi4", tmp_path)
