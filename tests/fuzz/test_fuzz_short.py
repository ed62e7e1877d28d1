"""Every fuzz target over its stored inputs, and a short search for new ones where atheris is installed."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TARGETS = sorted(file.stem.removeprefix("fuzz_") for file in HERE.glob("fuzz_*.py"))
SHORT_RUN = ("-runs=20000", "-max_total_time=8", "-timeout=10", "-max_len=4096", "-verbosity=0")


def test_every_target_is_found() -> None:
    assert {"headers", "nal", "rtcp", "rtsp", "tunnel"} <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_stored_inputs(target: str) -> None:
    fuzz_one = importlib.import_module(f"tests.fuzz.fuzz_{target}").fuzz_one
    seeds = sorted((HERE / "seeds" / target).iterdir())
    assert seeds
    for seed in seeds:
        fuzz_one(seed.read_bytes())


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed for this Python")
@pytest.mark.parametrize("target", TARGETS)
def test_a_short_search(target: str, tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.mkdir()
    command = [sys.executable, "-m", f"tests.fuzz.fuzz_{target}", *SHORT_RUN, f"-artifact_prefix={tmp_path}/"]
    command += [str(found), str(HERE / "seeds" / target)]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
