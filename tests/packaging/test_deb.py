"""The Debian package: lintian finds no error, and it is installed, started, upgraded and removed without a trace."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.players import FFMPEG, FRAMES
from tests.packaging.debian import Debian, debian, needs_debian
from tests.packaging.programs import serving

UNIT = "lib/systemd/system/vstream.service"
SETTINGS = "etc/vstream/vstream.toml"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Debian]:
    with debian(tmp_path) as made:
        yield made


def _install(system: Debian, package: Path) -> None:
    shutil.copy(package, system.tree / "tmp/vstream.deb")
    system.run("dpkg", "--install", "/tmp/vstream.deb")


def _next_version(package: Path, scratch: Path) -> Path:
    """The same package as a later version."""
    subprocess.run(["dpkg-deb", "--raw-extract", package, scratch / "later"], check=True)
    control = scratch / "later/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+later", control.read_text()))
    subprocess.run(["dpkg-deb", "--build", scratch / "later", scratch / "later.deb"], check=True, capture_output=True)
    return scratch / "later.deb"


def _service_command(system: Debian) -> list[str]:
    """What the unit starts, as whom, in this tree."""
    unit = dict(line.split("=", 1) for line in (system.tree / UNIT).read_text().splitlines() if "=" in line)
    as_user = [str(shutil.which("chroot")), f"--userspec={unit['User']}:{unit['Group']}", str(system.tree)]
    program, command, *flags = unit["ExecStart"].split()
    assert (command, flags) == ("serve", ["--config", "/" + SETTINGS])
    return [*as_user, program]


def test_lintian(package: Path) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed")
    told = subprocess.run(["lintian", package], capture_output=True, text=True, check=False).stdout
    assert [line for line in told.splitlines() if line.startswith("E:")] == []


@needs_debian
def test_service_starts_with_its_settings_as_its_user(system: Debian, package: Path) -> None:
    _install(system, package)
    assert "video" in system.run("id", "-nG", "vstream").split()
    with serving(
        _service_command(system), "auto", "--config", f"/{SETTINGS}", "--width", "320", "--height", "240"
    ) as it:
        assert FFMPEG.finish(FFMPEG.start(it.url, "tcp")) >= FRAMES


@needs_debian
def test_service_is_enabled(system: Debian, package: Path) -> None:
    _install(system, package)
    assert (system.tree / "etc/systemd/system/multi-user.target.wants/vstream.service").is_symlink()


@needs_debian
def test_upgrade_keeps_settings(system: Debian, package: Path, tmp_path: Path) -> None:
    _install(system, package)
    settings = system.tree / SETTINGS
    settings.write_text('stream_source = "test"\n')
    _install(system, _next_version(package, tmp_path))
    assert system.run("dpkg-query", "--show", "--showformat", "${Version}", "vstream").endswith("+later")
    assert settings.read_text() == 'stream_source = "test"\n'
    assert "STREAM_SOURCE" in system.run("vstream", "config", "--config", "/" + SETTINGS)


@needs_debian
def test_removal_leaves_settings_and_purge_leaves_nothing(system: Debian, package: Path) -> None:
    before = _files(system)
    _install(system, package)
    system.run("dpkg", "--remove", "vstream")
    assert (system.tree / SETTINGS).exists()
    assert not (system.tree / "usr/lib/vstream").exists()
    system.run("dpkg", "--purge", "vstream")
    assert [path for path in _files(system) - before if "vstream" in path] == ["tmp/vstream.deb"]


def _files(system: Debian) -> set[str]:
    """Every file and folder; /proc is not the tree's, and the user stays, as Debian does it."""
    tree = system.tree
    found = subprocess.run(["find", tree, "-xdev", "-printf", "%P\\n"], capture_output=True, text=True, check=True)
    return set(found.stdout.splitlines())
