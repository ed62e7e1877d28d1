"""The image's root file system serves by itself: nothing else to read, nothing to write, no network, no privileges."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests import certificates
from tests.e2e.players import FRAMES
from tests.packaging.bare import entering, needs_root, serving_in
from tests.packaging.programs import start

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


def test_it_brings_what_tls_needs(root: Path, tmp_path: Path) -> None:
    """OpenSSL is looked for when a certificate is set, so nothing else would notice that it was left out."""
    certificates.make(tmp_path).key.chmod(0o644)
    tmp_path.chmod(0o755)
    inside = certificates.Pair(Path("/run/tls.crt"), Path("/run/tls.key"))
    with serving_in(root, "test", "--width", "320", "--height", "240", *inside.flags, given=tmp_path) as place:
        assert place.play("tcp", place.server.encrypted_url) >= FRAMES


def test_without_a_camera_it_is_the_test_pattern(root: Path) -> None:
    with serving_in(root, "auto", "--width", "320", "--height", "240") as place:
        place.server.wait_for("No camera")
        assert place.play("udp") >= FRAMES


def test_libcamera_for_another_python_is_told_apart(root: Path, tmp_path: Path) -> None:
    system = shutil.copytree(root, tmp_path / "system", symlinks=True)
    binding = system / "usr/lib/python3/dist-packages/libcamera"
    shutil.rmtree(binding, ignore_errors=True)
    binding.mkdir(parents=True)
    (binding / "_libcamera.cpython-309-aarch64-linux-gnu.so").touch()
    server = start(entering(system), "camera", environment={"PATH": os.environ["PATH"]})
    try:
        server.wait_for("libcamera is for another Python (_libcamera.cpython-309-aarch64-linux-gnu.so)")
    finally:
        server.process.kill()
        server.wait_for_end()


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
