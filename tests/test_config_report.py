"""What `vstream config` shows, and that the manual says what the code does."""

import json
from pathlib import Path

from vstream.config import load_settings, report
from vstream.config.settings import SETTINGS

MANUAL = Path(__file__).parents[1] / "docs" / "configuration.md"


def test_the_manual_is_the_one_that_the_code_writes() -> None:
    assert MANUAL.read_text() == report.markdown(), "run `make docs` and commit docs/configuration.md"


def test_every_setting_is_in_the_table_with_value_unit_and_origin() -> None:
    settings = load_settings({"stream_width": "1280"}, {"RTSP_PORT": "9000"}).settings
    lines = {line.split()[0]: line.split()[1:] for line in report.table(settings).splitlines()}
    assert lines["STREAM_WIDTH"] == ["1280", "pixels", "flag"]
    assert lines["RTSP_PORT"] == ["9000", "port", "environment"]
    assert lines["KEYFRAME_INTERVAL"] == ["30", "frames", "default"]
    assert lines["H264_BITRATE"][0] == "auto"
    assert lines["LENS_POSITION"] == ["auto", "dioptres", "default"]
    assert len(lines) == len(SETTINGS) + 1


def test_json_has_the_same_for_scripts() -> None:
    settings = load_settings({"h264_level": "4.2"}, {}).settings
    shown = json.loads(report.json(settings))
    assert shown["H264_LEVEL"] == {"value": "4.2", "unit": "", "origin": "flag"}
    assert shown["H264_BITRATE"] == {"value": 8_000_000, "unit": "bits/s", "origin": "default"}
    assert list(shown) == [setting.environment for setting in SETTINGS]


def test_no_two_settings_share_a_name() -> None:
    assert len({setting.flag for setting in SETTINGS}) == len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.help and setting.example and setting.kind.allowed for setting in SETTINGS)
