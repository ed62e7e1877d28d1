"""The virtual Raspberry Pi's boards, with vstream as it is in this tree; skipped where there can be none."""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.virtualpi.pi import HERE, Board, VirtualPi, is_built, missing

DEFAULT_TREE = "~/.cache/vstream/virtualpi"


@pytest.fixture(scope="session")
def tree(pytestconfig: pytest.Config) -> Iterator[Path]:
    """The tree of $VSTREAM_VIRTUAL_PI, built if need be, with the devices and the program to test as they are here.

    For as long as it is used here, no other run may change it.
    """
    tree = Path(os.environ.get("VSTREAM_VIRTUAL_PI", DEFAULT_TREE)).expanduser()
    reason = missing(tree)
    if reason is not None:
        pytest.skip(reason)
    if not is_built(tree):
        _announce(pytestconfig, f"\nBuilding a virtual Raspberry Pi in {tree}; once, some minutes")
    tree.mkdir(parents=True, exist_ok=True)
    with (tree / ".in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        for step in ("setup", "install"):
            environment = os.environ | {"VIRTUALPI_LOCK_FD": str(lock.fileno())}
            done = subprocess.run(
                [HERE / step, tree],
                capture_output=True,
                text=True,
                check=False,
                env=environment,
                pass_fds=[lock.fileno()],
            )
            assert done.returncode == 0, done.stderr
        yield tree


def _announce(config: pytest.Config, text: str) -> None:
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(text, flush=True)


@pytest.fixture
def board(tree: Path, tmp_path: Path) -> Callable[[Board], VirtualPi]:
    """Give a board by its name."""
    return lambda name: VirtualPi(tree, name, tmp_path)


@pytest.fixture
def pi4(tree: Path, tmp_path: Path) -> VirtualPi:
    """A board with an H.264 encoder of its own."""
    return VirtualPi(tree, "pi4", tmp_path)
