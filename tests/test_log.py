"""Log lines as a collector and a person with grep read them."""

import io
import json
import logging
import re

import pytest

from vstream import log


def test_text_has_time_level_name_message_and_fields(log_stream: io.StringIO) -> None:
    log.set_up("info", "text", log_stream)
    logging.getLogger("vstream.server.connection").info("Client %s", "connected", extra={"address": "10.0.0.7"})
    time, rest = log_stream.getvalue().split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest == "INFO    server.connection: Client connected address=10.0.0.7\n"


def test_a_field_of_several_words_is_quoted(log_stream: io.StringIO) -> None:
    log.set_up("info", "text", log_stream)
    fields = {"reason": 'said "bye" = gone', "path": "a\\b", "nothing": "", "packets": 7}
    logging.getLogger("vstream.x").info("Client disconnected", extra=fields)
    message = log_stream.getvalue().partition(": ")[2]
    assert 'reason="said \\"bye\\" = gone" path=a\\b nothing="" packets=7' in message


def test_json_is_one_object_a_line(log_stream: io.StringIO) -> None:
    log.set_up("info", "json", log_stream)
    logger = logging.getLogger("vstream.stream")
    logger.warning("slow\nviewer", extra={"dropped": 3, "time": "ours wins"})
    logger.info("second")
    first, second = map(json.loads, log_stream.getvalue().splitlines())
    assert {key: first[key] for key in ("level", "logger", "message", "dropped")} == {
        "level": "warning",
        "logger": "stream",
        "message": "slow\nviewer",
        "dropped": 3,
    }
    assert re.fullmatch(r"[0-9T:.-]+Z", first["time"])
    assert second["message"] == "second"


def test_lines_below_the_level_are_left_out(log_stream: io.StringIO) -> None:
    log.set_up("warning", "text", log_stream)
    logging.getLogger("vstream.stream").info("quiet")
    assert log_stream.getvalue() == ""


@pytest.mark.parametrize("line_format", ["text", "json"])
def test_a_peer_cannot_begin_a_line_of_its_own(line_format: str, log_stream: io.StringIO) -> None:
    log.set_up("info", line_format, log_stream)
    agent = "evil\r\n2026-01-01 ERROR forged\x1b[2J\x9b"
    logging.getLogger("vstream.x").info("User-Agent %s", agent, extra={"agent": agent})
    written = log_stream.getvalue()
    assert written.count("\n") == 1
    assert not {"\r", "\x1b"} & set(written)


@pytest.mark.parametrize(("level", "lines_written"), [("info", False), ("debug", True)])
def test_a_traceback_is_for_debugging_only(level: str, lines_written: bool, log_stream: io.StringIO) -> None:
    log.set_up(level, "text", log_stream)
    try:
        raise OSError("broken")
    except OSError:
        logging.getLogger("vstream.x").exception("Pipeline crashed")
    assert "Pipeline crashed" in log_stream.getvalue()
    assert "OSError: broken" in log_stream.getvalue()
    assert ("Traceback" in log_stream.getvalue()) is lines_written
    assert (log_stream.getvalue().count("\n") > 1) is lines_written


def test_json_carries_the_error_in_its_line(log_stream: io.StringIO) -> None:
    log.set_up("info", "json", log_stream)
    try:
        raise OSError("broken")
    except OSError:
        logging.getLogger("vstream.x").exception("Pipeline crashed")
    assert json.loads(log_stream.getvalue())["error"] == "OSError: broken"
