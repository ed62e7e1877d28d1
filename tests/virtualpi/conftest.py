"""The virtual Raspberry Pi's boards, with vstream as it is in this tree; skipped where there can be none."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.virtualpi.pi import Board, MissingError, VirtualPi, prepared


@pytest.fixture(scope="session")
def tree(pytestconfig: pytest.Config) -> Iterator[Path]:
    """The tree of the virtual Raspberry Pi, for as long as the tests run."""
    try:
        with prepared(partial(_announce, pytestconfig)) as tree:
            yield tree
    except MissingError as error:
        pytest.skip(str(error))


def _announce(config: pytest.Config, text: str) -> None:
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{text}", flush=True)


@pytest.fixture
def board(tree: Path, tmp_path: Path) -> Callable[[Board], VirtualPi]:
    """Give a board by its name."""
    return lambda name: VirtualPi(tree, name, tmp_path)


@pytest.fixture
def pi4(tree: Path, tmp_path: Path) -> VirtualPi:
    """A board with an H.264 encoder of its own."""
    return VirtualPi(tree, "pi4", tmp_path)
