"""The image's root file system serves by itself: nothing else to read, nothing to write, no network, no privileges."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import certificates
from tests.e2e.players import FFMPEG, FRAMES
from tests.packaging.bare import needs_root, serving_in
from tests.pictures import hashes_of

pytestmark = needs_root


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_test_pattern(root: Path, transport: str) -> None:
    with serving_in(root, "test", "--width", "320", "--height", "240") as place:
        assert place.play(transport) >= FRAMES


def test_file(root: Path, clip: Path) -> None:
    clip.parent.chmod(0o755)
    with serving_in(root, f"file:/run/{clip.name}", given=clip.parent) as place:
        assert place.play("tcp") >= FRAMES


def test_without_a_camera_it_is_the_test_pattern(root: Path) -> None:
    with serving_in(root, "auto", "--width", "320", "--height", "240") as place:
        place.server.wait_for("No camera")
        assert place.play("udp") >= FRAMES


def test_there_is_no_other_program(root: Path) -> None:
    files = [path for path in root.rglob("*") if path.is_file() and os.access(path, os.X_OK)]
    assert {path.resolve() for path in files if ".so" not in path.name} == {root / "usr/lib/vstream/vstream"}


def test_one_file_in_an_empty_root(root: Path, clip: Path, tmp_path: Path) -> None:
    """It unpacks itself, so it needs a place to write."""
    one_file = root.parent / "vstream"
    if not one_file.exists():
        pytest.skip("vstream is not built; make binary")
    tmp_path.chmod(0o755)
    shutil.copy(one_file, tmp_path)
    shutil.copy(clip, tmp_path)
    with serving_in(root, f"file:/run/{clip.name}", given=tmp_path, program="/run/vstream") as place:
        assert place.play("tcp") >= FRAMES


def test_it_brings_what_tls_needs(root: Path, tmp_path: Path) -> None:
    """OpenSSL is looked for when a certificate is set, so nothing else would notice that it was left out."""
    pair = certificates.make(tmp_path)
    tmp_path.chmod(0o755)
    pair.key.chmod(0o644)
    flags = ["--rtsp-tls-cert", f"/run/{pair.certificate.name}", "--rtsp-tls-key", f"/run/{pair.key.name}"]
    size = "--width", "320", "--height", "240"
    with serving_in(root, "test", *size, *flags, "--rtsps-port", "0", given=tmp_path) as place:
        command = FFMPEG.command(place.server.encrypted_url, "tcp")
        enter = ["nsenter", "--net", "--target", str(place.server.process.pid)]
        done = subprocess.run([*enter, *command], capture_output=True, text=True, timeout=60, check=False)
        assert len(hashes_of(done.stdout)) >= FRAMES
