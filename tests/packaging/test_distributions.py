"""What pip gets: wheel and sdist say all that PyPI shows, and each installs in a fresh environment and serves."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from tests.e2e.players import FFMPEG, FRAMES
from tests.packaging.programs import serving
from vstream import __version__

PROJECT = Path(__file__).parents[2]
SOURCES = ("vstream", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


def _run(*command: str | Path, cwd: Path, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources without what was built in place."""
    copy = tmp_path_factory.mktemp("checkout")
    built = shutil.ignore_patterns("*.so", "*.c", "__pycache__", "_build.py")
    for name in SOURCES:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=built)
        else:
            shutil.copy(source, copy)
    return copy


@pytest.fixture(scope="module")
def sdist(checkout: Path) -> Path:
    _run(sys.executable, "-c", BUILD, "build_sdist", checkout / "dist", cwd=checkout)
    return next((checkout / "dist").glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, as pip does it: what the sdist lacks would be missed here."""
    unpacked = tmp_path_factory.mktemp("sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    _run(
        sys.executable,
        "-c",
        BUILD,
        "build_wheel",
        unpacked,
        cwd=source,
        environment=os.environ | {"VSTREAM_CFLAGS": "-O1"},
    )
    return next(unpacked.glob("*.whl"))


def _metadata(distribution: Path) -> Message:
    if distribution.suffix == ".whl":
        with zipfile.ZipFile(distribution) as files:
            name = next(name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
            return message_from_string(files.read(name).decode())
    with tarfile.open(distribution) as archive:
        file = archive.extractfile(f"{distribution.name.removesuffix('.tar.gz')}/PKG-INFO")
        assert file is not None
        return message_from_string(file.read().decode())


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_metadata_is_complete(kind: str, request: pytest.FixtureRequest) -> None:
    told = _metadata(request.getfixturevalue(kind))
    assert (told["Name"], told["Version"]) == ("vstream", __version__)
    needed = ["Summary", "Author", "License-Expression", "Keywords", "Description-Content-Type", "Requires-Python"]
    assert [name for name in needed if not told[name]] == []
    urls = {str(url).partition(", ")[0] for url in told.get_all("Project-URL", [])}
    assert urls >= {"Homepage", "Documentation", "Changelog", "Issues"}
    assert "Operating System :: POSIX :: Linux" in told.get_all("Classifier", [])


def test_wheel_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
    assert [name for name in names if name.startswith("vstream/_fastpath.cpython")]
    assert "vstream/py.typed" in names
    assert {Path(name).suffix for name in names if name.startswith("vstream/")} <= {".py", ".pyi", ".so", ".typed"}


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_pip_installs_it(kind: str, request: pytest.FixtureRequest, clip: Path, tmp_path: Path) -> None:
    _run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv/bin/python"
    _run(python, "-m", "pip", "install", "--quiet", request.getfixturevalue(kind), cwd=tmp_path)
    program = tmp_path / "venv/bin/vstream"
    with serving([program], f"file:{clip}", "--metrics-port", "0") as server:
        assert FFMPEG.finish(FFMPEG.start(server.url, "tcp")) >= FRAMES
