"""What is played from: the programs, the image's root file system and the Debian package in dist/, as built before.

Tests of what is not built are skipped; where DIST names the directory, as in .ci/run, all of it must be there.
"""

import os
from pathlib import Path

import pytest

from tests.e2e.clips import encode

DIST = Path(os.environ.get("DIST", Path(__file__).parents[2] / "dist"))


def _built(path: Path, command: str) -> Path:
    if not path.exists():
        missing = f"{path.name} is not built; {command}"
        pytest.fail(missing) if "DIST" in os.environ else pytest.skip(missing)
    return path


@pytest.fixture(scope="session", params=["vstream", "vstream-folder/vstream"])
def program(request: pytest.FixtureRequest) -> Path:
    """The program, as one file and as a folder."""
    return _built(DIST / request.param, "make binary")


@pytest.fixture(scope="session")
def root() -> Path:
    """The image's root file system."""
    return _built(DIST / "root", "make root")


@pytest.fixture(scope="session")
def package() -> Path:
    """The Debian package."""
    found = sorted(DIST.glob("vstream_*.deb"))
    return found[-1] if found else _built(DIST / "vstream_VERSION.deb", "make deb")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds in which no two pictures are alike, a keyframe every second."""
    return encode(tmp_path_factory.mktemp("clip") / "clip.h264", "keyint=30:bframes=0")


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a container, with B-pictures."""
    return encode(tmp_path_factory.mktemp("film") / "film.mp4", "keyint=30:bframes=2")
