"""Log lines as a collector and a person with grep read them."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from vstream import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield io.StringIO()
    root.handlers, root.level = handlers, level


def test_text_has_time_level_name_message_and_fields(stream: io.StringIO) -> None:
    log.set_up("info", "text", stream)
    logging.getLogger("vstream.server.connection").info("Client %s", "connected", extra={"address": "10.0.0.7"})
    time, rest = stream.getvalue().split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest == "INFO    server.connection: Client connected address=10.0.0.7\n"


def test_a_field_of_several_words_is_quoted(stream: io.StringIO) -> None:
    log.set_up("info", "text", stream)
    fields = {"reason": 'said "bye" = gone', "path": "a\\b", "nothing": "", "packets": 7}
    logging.getLogger("vstream.x").info("Client disconnected", extra=fields)
    message = stream.getvalue().partition(": ")[2]
    assert 'reason="said \\"bye\\" = gone" path=a\\b nothing="" packets=7' in message


def test_json_is_one_object_a_line(stream: io.StringIO) -> None:
    log.set_up("info", "json", stream)
    logger = logging.getLogger("vstream.stream")
    logger.warning("slow\nviewer", extra={"dropped": 3, "time": "ours wins"})
    logger.info("second")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert {key: first[key] for key in ("level", "logger", "message", "dropped")} == {
        "level": "warning",
        "logger": "stream",
        "message": "slow\nviewer",
        "dropped": 3,
    }
    assert re.fullmatch(r"[0-9T:.-]+Z", first["time"])
    assert second["message"] == "second"


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    log.set_up("warning", "text", stream)
    logging.getLogger("vstream.stream").info("quiet")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("line_format", ["text", "json"])
def test_a_peer_cannot_begin_a_line_of_its_own(line_format: str, stream: io.StringIO) -> None:
    log.set_up("info", line_format, stream)
    agent = "evil\r\n2026-01-01 ERROR forged\x1b[2J\x9b"
    logging.getLogger("vstream.x").info("User-Agent %s", agent, extra={"agent": agent})
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert not {"\r", "\x1b"} & set(written)


@pytest.mark.parametrize(("level", "lines_written"), [("info", False), ("debug", True)])
def test_a_traceback_is_for_debugging_only(level: str, lines_written: bool, stream: io.StringIO) -> None:
    log.set_up(level, "text", stream)
    try:
        raise OSError("broken")
    except OSError:
        logging.getLogger("vstream.x").exception("Pipeline crashed")
    assert "Pipeline crashed" in stream.getvalue()
    assert "OSError: broken" in stream.getvalue()
    assert ("Traceback" in stream.getvalue()) is lines_written
    assert (stream.getvalue().count("\n") > 1) is lines_written


def test_json_carries_the_error_in_its_line(stream: io.StringIO) -> None:
    log.set_up("info", "json", stream)
    try:
        raise OSError("broken")
    except OSError:
        logging.getLogger("vstream.x").exception("Pipeline crashed")
    assert json.loads(stream.getvalue())["error"] == "OSError: broken"
