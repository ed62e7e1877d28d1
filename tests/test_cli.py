"""The command line as a shell sees it: output, exit code, and what it costs to start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vstream import __version__
from vstream.cli import main


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "vstream", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=bare | environment, check=False, timeout=60)


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"vstream {__version__}\n", "")


def test_config_prints_what_is_in_force_and_from_where(tmp_path: Path) -> None:
    config_file = tmp_path / "vstream.toml"
    config_file.write_text("rtsp_port = 9000")
    flags = ("--width", "1280", "--camera-hflip", "--no-h264-flush", "--source", "-", "--config", str(config_file))
    done = run("config", "--json", *flags, KEYFRAME_INTERVAL="60")
    assert (done.returncode, done.stderr) == (0, "")
    shown = {name: (entry["value"], entry["origin"]) for name, entry in json.loads(done.stdout).items()}
    assert shown["STREAM_WIDTH"] == (1280, "flag")
    assert shown["CAMERA_HFLIP"] == (True, "flag")
    assert shown["H264_FLUSH"] == (False, "flag")
    assert shown["STREAM_SOURCE"] == ("-", "flag")
    assert shown["RTSP_PORT"] == (9000, "file")
    assert shown["KEYFRAME_INTERVAL"] == (60, "environment")
    assert shown["CAMERA_VFLIP"] == (False, "default")


def test_config_prints_a_table_for_people() -> None:
    done = run("config", STREAM_WIDHT="1280")
    assert done.returncode == 0
    assert done.stdout.startswith("SETTING ")
    assert "did you mean STREAM_WIDTH?" in done.stderr


@pytest.mark.parametrize("command", ["serve", "config"])
def test_wrong_settings_are_one_line_each_and_exit_code_2(command: str) -> None:
    done = run(command, "--width", "-1", "--log-format", "xml", RTSP_PATH="video")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("vstream: ") and "give " in line for line in lines)


@pytest.mark.parametrize("arguments", [["serve", "--widht", "1"], ["sreve"], ["config", "--width"]])
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [[], ["serve"], ["config"]])
def test_help_is_there_for_everything(command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "Options:" in done.stdout


def test_a_failure_nobody_foresaw_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr("vstream.cli.load_settings", fail)
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    assert main(["config"]) == 1
    written = capsys.readouterr().err
    assert written.startswith("vstream: internal error: RuntimeError: no such luck")
    assert written.count("\n") == 1
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert main(["config"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_starting_loads_nothing_that_serving_a_file_does_not_need() -> None:
    heavy = {"rich", "pydantic", "numpy", "av", "picamera2", "libcamera", "asyncio"}
    program = (
        "import sys, vstream.cli; vstream.cli.main(['config', '--source', 'file:x']); "
        f"print(sorted({heavy!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
