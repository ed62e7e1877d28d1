"""The systemd unit by systemd's own judgement: it is valid, and it leaves the service little that it could harm."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "packaging/systemd/vstream.service"
EXPOSURE_LIMIT_TENTHS = 30

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze (Debian: systemd)")


def analyze(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("vstream")
    (tmp_path / UNIT.name).write_text(UNIT.read_text().replace("/usr/bin/vstream", str(program)))
    assert analyze("verify", "--man=no", str(tmp_path / UNIT.name)) == (0, "")


def test_exposure_is_low() -> None:
    code, said = analyze("security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_LIMIT_TENTHS}", str(UNIT))
    assert code == 0, said
    assert "Overall exposure level" in said


def test_it_is_watched_and_always_started_again() -> None:
    lines = UNIT.read_text().splitlines()
    assert {"Type=notify", "Restart=always"} <= set(lines)
    assert any(line.startswith("WatchdogSec=") for line in lines)
    assert [line for line in lines if line.startswith("DeviceAllow=")]
