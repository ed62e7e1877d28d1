"""Whose signature apt goes by in the image's build: that of the key with the known fingerprint, and of no other."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEYRING = "/usr/share/keyrings/raspberrypi.gpg"
# In place of what the script changes: nothing of it is left behind.
ENTER = f"""
mount -t tmpfs none /usr/share/keyrings
mount -t tmpfs none /etc/apt/sources.list.d
"$1/install-for-image" raspberrypi ''
cp {KEYRING} /etc/apt/sources.list.d/raspberrypi.list "$1"
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("gpg", "gpg-agent", "unshare", "apt-get"))),
    reason="needs root, apt and gpg",
)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Fingerprints of keys just made: the archive's, and a stranger's."""
    home = tmp_path / "gnupg"
    home.mkdir(0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    for name in ("archive", "stranger"):
        gpg("--batch", "--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never")
    listed = gpg("--list-keys", "--with-colons")
    subprocess.run(["gpgconf", "--kill", "all"], check=True)
    return dict(zip(("archive", "stranger"), re.findall("^fpr:+([0-9A-F]+):", listed, re.MULTILINE), strict=True))


def gpg(*arguments: str) -> str:
    return subprocess.run(["gpg", "--quiet", *arguments], capture_output=True, text=True, check=True).stdout


def install(folder: Path, fingerprint: str, served: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a fingerprint in place of Raspberry Pi's, an idle apt-get, and what is served."""
    (folder / "key").write_text(served)
    text = re.sub("^fingerprint=.*", f"fingerprint={fingerprint}", script(), flags=re.MULTILINE)
    for name, content in (
        ("install-for-image", text),
        ("apt-get", "#!/bin/sh\n"),
        ("curl", f"#!/bin/sh\ncat {folder}/key\n"),
    ):
        (folder / name).write_text(content)
        (folder / name).chmod(0o755)
    shutil.copy(ROOT / "packaging/binary-packages.txt", folder)
    command = ["unshare", "--mount", "sh", "-ec", ENTER, "sh", str(folder)]
    return subprocess.run(
        command, env={"PATH": f"{folder}:{os.environ['PATH']}"}, capture_output=True, text=True, check=False
    )


def script() -> str:
    return (ROOT / "packaging/install-for-image").read_text()


def trusted(folder: Path) -> list[str]:
    shown = gpg("--show-keys", "--with-colons", str(folder / "raspberrypi.gpg"))
    return re.findall("^fpr:+([0-9A-F]+):", shown, re.MULTILINE)


def test_the_archives_key_is_trusted(tmp_path: Path, keys: dict[str, str]) -> None:
    done = install(tmp_path, keys["archive"], gpg("--armor", "--export", keys["archive"]))
    assert done.returncode == 0, done.stderr
    assert trusted(tmp_path) == [keys["archive"]]
    assert f"signed-by={KEYRING}" in (tmp_path / "raspberrypi.list").read_text()


def test_a_key_beside_it_is_not(tmp_path: Path, keys: dict[str, str]) -> None:
    install(tmp_path, keys["archive"], gpg("--armor", "--export"))
    assert trusted(tmp_path) == [keys["archive"]]


@pytest.mark.parametrize("content", ["another key", "no key"])
def test_another_key_ends_the_build(tmp_path: Path, keys: dict[str, str], content: str) -> None:
    served = gpg("--armor", "--export", keys["stranger"]) if content == "another key" else "<html>"
    done = install(tmp_path, keys["archive"], served)
    assert done.returncode != 0
    assert f"is not {keys['archive']}" in done.stderr
    assert not (tmp_path / "raspberrypi.list").exists()
