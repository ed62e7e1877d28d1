"""Where settings come from, which one wins, and what is said of those that are wrong."""

import json
from pathlib import Path

import pytest

from vstream.config import Settings, load_settings
from vstream.config.settings import SETTINGS, Setting
from vstream.errors import ConfigError


def problems(
    flags: dict[str, str] | None = None, environment: dict[str, str] | None = None, config_file: Path | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(flags, environment or {}, config_file)
    assert caught.value.exit_code == 2
    return caught.value.problems


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return tmp_path / "vstream.toml"


def test_defaults_are_those_of_the_manual() -> None:
    settings = load_settings(environment={}).settings
    assert (settings.stream_source, settings.stream_width, settings.stream_height) == ("auto", 1920, 1080)
    assert (settings.stream_fps, settings.h264_profile, settings.h264_level) == (30.0, "main", "4.1")
    assert (settings.rtsp_host, settings.rtsp_port, settings.rtsp_path, settings.rtp_port) == ("", 8554, "/video", 8000)
    assert settings.keyframe_interval == 30
    assert settings.bitrate_bps == 8_000_000
    assert not settings.given("stream_fps")


def test_flag_beats_environment_beats_file_beats_default(config_file: Path) -> None:
    config_file.write_text("stream_width = 640\nstream_height = 480\nstream_fps = 12.5\n")
    environment = {"STREAM_WIDTH": "800", "STREAM_HEIGHT": "600"}
    settings = load_settings({"stream_width": "1024"}, environment, config_file).settings
    assert (settings.stream_width, settings.stream_height, settings.stream_fps) == (1024, 600, 12.5)
    assert settings.origins == {"stream_width": "flag", "stream_height": "environment", "stream_fps": "file"}
    assert settings.given("stream_fps")
    assert not settings.given("h264_profile")


def test_an_empty_variable_counts_as_unset(config_file: Path) -> None:
    config_file.write_text("stream_width = 640")
    assert load_settings(environment={"STREAM_WIDTH": " "}, config_file=config_file).settings.stream_width == 640


COMPANIONS = {
    "rtsp_auth": {"RTSP_USERNAME": "viewer", "RTSP_PASSWORD": "secret"},
    "rtsp_tls_cert": {"RTSP_TLS_KEY": "/etc/vstream/tls.key"},
    "rtsp_tls_key": {"RTSP_TLS_CERT": "/etc/vstream/tls.crt"},
}
"""What a setting cannot do without."""


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_example_is_accepted_everywhere(setting: Setting, config_file: Path) -> None:
    user = COMPANIONS.get(setting.name, {})
    config_file.write_text(f'{setting.name} = "{setting.example}"')
    by_file = load_settings(environment=user, config_file=config_file).settings
    by_variable = load_settings(environment=user | {setting.environment: setting.example}).settings
    by_flag = load_settings({setting.name: setting.example}, user).settings
    assert by_file == by_variable == by_flag != Settings()


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "TRUE", "On"])
def test_yes(text: str) -> None:
    assert load_settings(environment={"CAMERA_HFLIP": text}).settings.camera_hflip is True


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "No"])
def test_no(text: str) -> None:
    assert load_settings(environment={"H264_FLUSH": text}).settings.h264_flush is False


def test_toml_has_types_of_its_own(config_file: Path) -> None:
    config_file.write_text("camera_hflip = true\nh264_level = 4.0\nh264_bitrate = 2_500_000\nlog_format = 'JSON'\n")
    settings = load_settings(environment={}, config_file=config_file).settings
    assert (settings.camera_hflip, settings.h264_level, settings.bitrate_bps) == (True, "4", 2_500_000)
    assert settings.log_format == "json"


def test_all_that_is_wrong_is_told_at_once(config_file: Path) -> None:
    config_file.write_text("rtsp_path = 'video'\nrtsp_prot = 1\nlog_level = [1]\n")
    told = problems({"stream_width": "12x"}, {"RTP_PORT": "8001", "H264_PROFILE": "extended"}, config_file)
    assert len(told) == 6
    text = "\n".join(told)
    assert "--width cannot be '12x' (from the command line): give an even whole number from 16 to 8192 (pixels)" in text
    assert "RTP_PORT cannot be '8001' (from the environment): give an even whole number from 0 to 65534" in text
    assert "H264_PROFILE cannot be 'extended' (from the environment): give one of baseline, main, high" in text
    assert f"rtsp_path cannot be 'video' (from {config_file}): give a path such as /video" in text
    assert f"rtsp_prot in {config_file} is no setting; did you mean rtsp_port?" in text
    assert f"log_level in {config_file} cannot be a list" in text


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("STREAM_SOURCE", "webcam"),
        ("STREAM_SOURCE", "file:"),
        ("STREAM_WIDTH", "1921"),
        ("STREAM_WIDTH", "-2"),
        ("STREAM_WIDTH", "1_920"),
        ("STREAM_WIDTH", "\u0661\u0662"),
        ("STREAM_HEIGHT", "0"),
        ("STREAM_FPS", "nan"),
        ("STREAM_FPS", "0.5"),
        ("STREAM_FPS", "1e2"),
        ("H264_LEVEL", "4.3"),
        ("H264_BITRATE", "8M"),
        ("H264_BITRATE", "0"),
        ("KEYFRAME_INTERVAL", "0"),
        ("H264_BUFFER_COUNT", "17"),
        ("CAMERA_HFLIP", "maybe"),
        ("RTSP_HOST", "a b"),
        ("RTSP_PORT", "65536"),
        ("RTSP_PORT", "tcp://10.43.0.9:8554"),
        ("RTSP_PATH", "/video/"),
        ("RTSP_PATH", "/"),
        ("RTSP_PATH", "/a b"),
        ("RTSP_PATH", "/a?b"),
        ("RTSP_MTU", "100"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(variable: str, text: str) -> None:
    (told,) = problems(environment={variable: text})
    assert variable in told
    assert repr(text) in told
    assert "give " in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("STREAM_SOURCE", "-"),
        ("STREAM_SOURCE", "file:clip with spaces.mp4"),
        ("STREAM_FPS", "29.97"),
        ("RTSP_HOST", "::"),
        ("RTSP_HOST", "fe80::1%eth0"),
        ("RTSP_HOST", "0.0.0.0"),
        ("RTSP_HOST", "camera-3.lan"),
        ("RTSP_PATH", "/cam.1/low_res"),
        ("RTP_PORT", "0"),
        ("RTSP_MTU", "8972"),
    ],
)
def test_a_right_value_is_kept_as_it_is(variable: str, text: str) -> None:
    settings = load_settings(environment={variable: text}).settings
    assert str(getattr(settings, variable.lower())) == text


def test_a_variable_that_is_nearly_a_setting_is_warned_of() -> None:
    environment = {"STREAM_WITDH": "1", "RTSP_SERVICE_HOST": "10.0.0.1", "HOME": "/root", "LOGNAME": "root"}
    warnings = load_settings(environment=environment).warnings
    assert len(warnings) == 2
    assert "STREAM_WITDH in the environment is no setting; did you mean STREAM_WIDTH?" in warnings


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (told,) = problems(config_file=tmp_path / "absent.toml")
    assert "absent.toml cannot be read: No such file or directory" in told
    (told,) = problems(config_file=tmp_path)
    assert "cannot be read" in told


@pytest.mark.parametrize("content", [b"stream_width = ", b"\xff\xfe", b"[[["])
def test_a_file_that_is_no_toml_is_a_problem(content: bytes, config_file: Path) -> None:
    config_file.write_bytes(content)
    (told,) = problems(config_file=config_file)
    assert "is no valid TOML" in told


def test_a_file_without_end_is_a_problem(tmp_path: Path) -> None:
    """A file of settings is read again while viewers watch: what it became meanwhile must not take all memory."""
    endless = tmp_path / "vstream.toml"
    endless.symlink_to("/dev/zero")
    (told,) = problems(config_file=endless)
    assert "vstream.toml cannot be read: File too large" in told


def test_a_file_may_begin_with_a_byte_order_mark(config_file: Path) -> None:
    config_file.write_bytes(b"\xef\xbb\xbfrtsp_port = 9000\r\n")
    assert load_settings(environment={}, config_file=config_file).settings.rtsp_port == 9000


def test_text_that_a_file_has_as_a_number_is_not_guessed(config_file: Path) -> None:
    config_file.write_text("rtsp_username = 1.10\nrtsp_password = 27182818284.5905\n")
    name, password = problems(config_file=config_file)
    assert f"rtsp_username in {config_file} cannot be a float: put it in quotes" in name
    assert f"rtsp_password in {config_file} cannot be a float: put it in quotes" in password
    assert "27182818284" not in password


@pytest.mark.parametrize(
    ("key", "text"),
    [("stream_source", "file:a\0b"), ("rtsp_password_file", "a\0b"), ("rtsp_tls_cert", "a\0b")],
)
def test_no_file_has_a_name_with_a_null_in_it(key: str, text: str, config_file: Path) -> None:
    config_file.write_text(f"{key} = {json.dumps(text)}\n")
    (told,) = problems(config_file=config_file)
    assert f"{key} cannot be {text!r}" in told


def test_the_level_is_raised_where_the_picture_needs_more() -> None:
    flags = {"stream_width": "3840", "stream_height": "2160", "stream_source": "test"}
    settings, warnings, *_ = load_settings(flags, {})
    assert settings.h264_level == "5.1"
    assert settings.origins["h264_level"] == "raised"
    assert len(warnings) == 1
    assert "H264_LEVEL raised from 4.1 to 5.1" in warnings[0]


def test_the_level_is_raised_where_the_bitrate_needs_more() -> None:
    settings, warnings, *_ = load_settings({"h264_bitrate": "60000000"}, {})
    assert settings.h264_level == "5"
    assert len(warnings) == 1


def test_a_level_that_is_high_enough_is_kept() -> None:
    settings, warnings, *_ = load_settings({"h264_level": "5.2", "stream_width": "640", "stream_height": "480"}, {})
    assert settings.h264_level == "5.2"
    assert not warnings


def test_h264_that_is_not_encoded_here_has_a_level_of_its_own() -> None:
    flags = {"stream_width": "8192", "stream_height": "8192", "stream_source": "file:clip.mp4"}
    settings, warnings, *_ = load_settings(flags, {})
    assert settings.h264_level == "4.1"
    assert not warnings


def test_a_picture_that_no_level_holds_is_a_problem() -> None:
    (told,) = problems({"stream_width": "8192", "stream_height": "8192", "stream_fps": "240"})
    assert "8192x8192 at 240 frames/s" in told
    assert "lower STREAM_WIDTH" in told


@pytest.mark.parametrize(
    ("width", "height", "fps", "least_bps", "most_bps"),
    [(640, 480, 30, 1_000_000, 2_500_000), (1280, 720, 30, 3_000_000, 6_000_000), (3840, 2160, 30, 16e6, 30e6)],
)
def test_the_automatic_bitrate_grows_with_the_picture(
    width: int, height: int, fps: float, least_bps: float, most_bps: float
) -> None:
    settings = Settings(stream_width=width, stream_height=height, stream_fps=fps)
    assert least_bps <= settings.bitrate_bps <= most_bps
