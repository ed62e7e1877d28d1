"""The image's root file system serves by itself: nothing else to read, nothing to write, no network, no privileges."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.players import FRAMES
from tests.packaging.bare import needs_root, serving_in
from tests.packaging.certificate import encrypted, make_certificate

pytestmark = needs_root


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_test_pattern(root: Path, transport: str) -> None:
    with serving_in(root, "test", "--width", "320", "--height", "240") as place:
        assert place.play(transport) >= FRAMES


def test_file(root: Path, clip: Path) -> None:
    clip.parent.chmod(0o755)
    with serving_in(root, f"file:/run/{clip.name}", given=clip.parent) as place:
        assert place.play("tcp") >= FRAMES


def test_components_are_listed(root: Path) -> None:
    listed = json.loads((root / "usr/share/doc/vstream/vstream.cdx.json").read_text())
    names = {component["name"].lower() for component in listed["components"]}
    assert {"av", "ffmpeg", "numpy", "picamera2", "python", "x264"} <= names
    assert "libc6" in names
    assert names.isdisjoint({"pip", "pyinstaller", "cython", "setuptools"})


def test_encrypted(root: Path, tmp_path: Path) -> None:
    make_certificate(tmp_path)
    tmp_path.chmod(0o755)
    there = encrypted(Path("/run"))
    with serving_in(root, "test", "--width", "320", "--height", "240", *there.flags, given=tmp_path) as place:
        assert place.play("tcp", there.url) >= FRAMES


def test_without_a_camera_it_is_the_test_pattern(root: Path) -> None:
    with serving_in(root, "auto", "--width", "320", "--height", "240") as place:
        place.server.wait_for("No camera")
        assert place.play("udp") >= FRAMES


def test_there_is_no_other_program(root: Path) -> None:
    files = [path for path in root.rglob("*") if path.is_file() and os.access(path, os.X_OK) and ".so" not in path.name]
    # libcamera's workers speak its own protocol on a descriptor that they are given, and nothing else.
    programs = {path.resolve() for path in files if not path.is_relative_to(root / "usr/libexec/libcamera")}
    assert programs == {root / "usr/lib/vstream/vstream"}


def test_one_file_in_an_empty_root(root: Path, clip: Path, tmp_path: Path) -> None:
    """It unpacks itself, so it needs a place to write."""
    tmp_path.chmod(0o755)
    shutil.copy(root.parent / "vstream", tmp_path)
    shutil.copy(clip, tmp_path)
    with serving_in(root, f"file:/run/{clip.name}", given=tmp_path, program="/run/vstream") as place:
        assert place.play("tcp") >= FRAMES
