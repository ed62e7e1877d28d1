"""Log lines on standard error: one an event, as text for people or as JSON for collectors."""

import atexit
import logging
import re
import sys
import time
from typing import TextIO

from vstream.repeats import Repeats, extra_fields

# What stands before the last @ of a URL's authority, as a password may hold another, and what follows the names under
# which credentials travel (RFC 7235).
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*(?=@)|(?<=authorization:)[^\r\n]*", re.IGNORECASE)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(0x80, 0xA0))} | {10: "\\n", 13: "\\r", 9: "\\t"}


def set_up(level: str, line_format: str, stream: TextIO | None = None) -> None:
    """Write log lines of `level` (debug, info, warning, error) and above as `line_format`: text or json."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if line_format == "json" else TextFormatter())
    root = logging.getLogger()
    repeats = Repeats(handler)
    handler.addFilter(repeats)
    atexit.register(repeats.flush)
    for earlier in root.handlers:
        for line_filter in earlier.filters:
            if isinstance(line_filter, Repeats):
                line_filter.flush()
    root.handlers = [handler]
    root.setLevel(level.upper())


class TextFormatter(logging.Formatter):
    """`2026-11-23T10:00:00.123Z INFO    stream: message key=value other="two words"`.

    Control characters are escaped, so that no peer can begin a line of its own. Only at level debug a traceback
    follows; otherwise the exception is named on the same line.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_quoted(value)}" for name, value in extra_fields(record).items())
        failure = f": {_named(record)}" if record.exc_info and not _is_debugging() else ""
        message = without_credentials(record.getMessage() + failure + fields).translate(_CONTROL)
        line = f"{_timestamp(record)} {record.levelname:<7} {_short_name(record)}: {message}"
        return f"{line}\n{_traceback(record)}" if record.exc_info and _is_debugging() else line


class JsonFormatter(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `message`, the extra fields, and `error` where one was caught."""

    def format(self, record: logging.LogRecord) -> str:
        from json import dumps

        line: dict[str, object] = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": _short_name(record),
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in extra_fields(record).items() if name not in line}
        if record.exc_info:
            line["error"] = _traceback(record) if _is_debugging() else _named(record)
        line = {name: without_credentials(value) if isinstance(value, str) else value for name, value in line.items()}
        return dumps(line, default=str, ensure_ascii=False)


def without_credentials(text: str) -> str:
    """The text with stars in place of a user and password in a URL, and of what an Authorization field holds."""
    return _CREDENTIALS.sub("***", text) if "@" in text or "uthorization:" in text else text


def _quoted(value: object) -> str:
    text = str(value)
    if text and not set(text) & set(' ="'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _timestamp(record: logging.LogRecord) -> str:
    whole_s = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{whole_s}.{int(record.created * 1000) % 1000:03d}Z"


def _short_name(record: logging.LogRecord) -> str:
    return record.name.removeprefix("vstream.")


def _is_debugging() -> bool:
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def _named(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return f"{type(error).__name__}: {error}"


def _traceback(record: logging.LogRecord) -> str:
    import traceback

    return "".join(traceback.format_exception(record.exc_info[1])).rstrip() if record.exc_info else ""
