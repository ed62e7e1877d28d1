"""What the tests with real clients share: clips, and one server that many of them look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clips import encode
from tests.e2e.operating import Operator
from tests.e2e.server import Server, serving


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds in which no two pictures are alike, a keyframe every second."""
    return encode(tmp_path_factory.mktemp("clip") / "clip.h264", "keyint=30:bframes=0")


@pytest.fixture(scope="module")
def operator() -> Operator:
    """Whoever asks the HTTP port of a server that is started with its flags."""
    return Operator()


@pytest.fixture(scope="module")
def server(clip: Path) -> Iterator[Server]:
    """One server for all tests of a module; its end is checked, too."""
    with serving(clip) as running:
        yield running
