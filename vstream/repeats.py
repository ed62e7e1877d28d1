"""Keeps failures that repeat from filling the log: a few of a kind are written, the rest counted and summed up."""

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass

WINDOW_S = 10.0
LINES_A_WINDOW = 5
KINDS_LIMIT = 256

_OWN_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """The fields that a line was given besides its message."""
    return {name: value for name, value in record.__dict__.items() if name not in _OWN_ATTRIBUTES}


@dataclass(slots=True)
class _Kind:
    first: logging.LogRecord
    begun_s: float  # of the monotonic clock; the wall clock may be set back meanwhile
    lines: int = 1
    held_back: int = 0


class Repeats(logging.Filter):
    """Lets five lines of a kind through within 10 s; those held back become one more line with `repeated=N`.

    Warnings and errors are of a kind when logger, text and fields are the same but for the port in an address. The
    line that sums up comes with the first line of any kind after those 10 s, or at `flush`.
    """

    def __init__(self, handler: logging.Handler) -> None:
        """`handler` writes the lines that sum up."""
        super().__init__()
        self._handler = handler
        self._kinds: OrderedDict[tuple[object, ...], _Kind] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        self._handler.acquire()
        try:
            now_s = time.monotonic()
            self._sum_up(now_s - WINDOW_S)
            return record.levelno < logging.WARNING or self._admits(record, now_s)
        finally:
            self._handler.release()

    def flush(self) -> None:
        """Write what was held back."""
        self._handler.acquire()
        try:
            self._sum_up(float("inf"))
        finally:
            self._handler.release()

    def _admits(self, record: logging.LogRecord, now_s: float) -> bool:
        key = _key(record)
        kind = self._kinds.get(key)
        if kind is None:
            self._kinds[key] = _Kind(record, now_s)
            if len(self._kinds) > KINDS_LIMIT:
                self._write(self._kinds.popitem(last=False)[1])
            return True
        if kind.lines >= LINES_A_WINDOW:
            kind.held_back += 1
            return False
        kind.lines += 1
        return True

    def _sum_up(self, begun_before_s: float) -> None:
        while self._kinds:
            key, oldest = next(iter(self._kinds.items()))
            if oldest.begun_s > begun_before_s:
                return
            self._kinds.pop(key, None)
            self._write(oldest)

    def _write(self, kind: _Kind) -> None:
        if kind.held_back:
            now = {"created": time.time(), "repeated": kind.held_back}
            self._handler.emit(logging.makeLogRecord({**kind.first.__dict__, **now}))


def _key(record: logging.LogRecord) -> tuple[object, ...]:
    fields = extra_fields(record)
    if "address" in fields:
        fields["address"] = str(fields["address"]).rpartition(":")[0]
    values = sorted((name, str(value)) for name, value in fields.items())
    return record.name, record.levelno, record.getMessage(), *values
