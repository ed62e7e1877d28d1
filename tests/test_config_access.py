"""The settings of authentication together, and that a password is shown nowhere."""

from pathlib import Path

import pytest

from tests.test_cli import run
from vstream.config import load_settings, report
from vstream.config.access import read_password
from vstream.errors import ConfigError

SECRET = "hunter2 is secret"


def problems(**environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environment=environment)
    return caught.value.problems


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"RTSP_USERNAME": "u"}, "RTSP_AUTH is on without a password"),
        ({"RTSP_USERNAME": "u", "RTSP_PASSWORD": ""}, "RTSP_AUTH is on without a password"),
        ({"RTSP_USERNAME": "u", "RTSP_PASSWORD": "   "}, "RTSP_AUTH is on without a password"),
        ({"RTSP_PASSWORD": "p"}, "RTSP_AUTH is on without a user"),
        ({"RTSP_USERNAME": "u", "RTSP_PASSWORD": "p", "RTSP_PASSWORD_FILE": "/dev/null"}, "are both given"),
        ({"RTSP_USERNAME": "u", "RTSP_PASSWORD_FILE": "/dev/null"}, "does not hold a password"),
        ({"RTSP_USERNAME": "u", "RTSP_PASSWORD_FILE": "/nowhere"}, "/nowhere cannot be read: No such file"),
        ({"RTSP_USERNAME": "a:b", "RTSP_PASSWORD": "p"}, "RTSP_USERNAME cannot be 'a:b'"),
    ],
)
def test_authentication_that_cannot_work_is_refused_in_one_line(environment: dict[str, str], told: str) -> None:
    (line,) = problems(RTSP_AUTH="on", **environment)
    assert told in line
    assert "give " in line


def test_serve_ends_with_exit_code_2() -> None:
    done = run("serve", "--source", "test", RTSP_AUTH="on", RTSP_USERNAME="viewer")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_password_that_is_no_password_is_not_repeated() -> None:
    (line,) = problems(RTSP_PASSWORD=f"{SECRET}\x07")
    assert "RTSP_PASSWORD cannot be what was given" in line
    assert SECRET not in line


def test_the_password_is_shown_nowhere() -> None:
    settings = load_settings(environment={"RTSP_PASSWORD": SECRET}).settings
    assert settings.rtsp_password == SECRET
    for shown in (report.table(settings), report.json(settings), repr(settings), str(settings)):
        assert SECRET not in shown
    assert "(hidden)" in report.table(settings)


def test_a_password_cannot_be_given_as_a_flag() -> None:
    for arguments in (("--rtsp-password", SECRET), (f"--rtsp-password={SECRET}",)):
        done = run("config", *arguments)
        assert done.returncode == 2
        assert SECRET not in done.stderr
    assert "--rtsp-password " not in run("serve", "--help").stdout


def test_blanks_in_a_password_are_kept(tmp_path: Path) -> None:
    assert load_settings(environment={"RTSP_PASSWORD": " a b "}).settings.rtsp_password == " a b "
    config_file = tmp_path / "vstream.toml"
    config_file.write_text('rtsp_password = " a b "')
    assert load_settings(environment={}, config_file=config_file).settings.rtsp_password == " a b "


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b" two words ", " two words "),
        ("pä".encode(), "pä"),
    ],
)
def test_a_line_end_behind_the_password_in_a_file_does_not_count(tmp_path: Path, content: bytes, password: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    assert read_password(path) == password


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n", b"a\nb\n", b"\xff\xfe", b"x" * 2000, b"a\x00b"])
def test_a_file_without_a_password_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"RTSP_PASSWORD_FILE .*password.*: give "):
        read_password(path)
