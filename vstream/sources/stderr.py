"""What a camera's process says on standard error, as log lines."""

import logging
import re
import subprocess
import threading
from collections import deque
from typing import IO

_LINE_BYTES = 1000
_LINES_KEPT = 20
_READ_LIMIT_S = 1.0
_SEVERE = re.compile(rb"\b(ERROR|FATAL)\b|^terminate called")
_WARNING = re.compile(rb"\bWARN(ING)?\b")

log = logging.getLogger(__name__)


class StderrLog:
    """Logs each line that a process writes to its standard error, until it ends; its name goes in front."""

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        self._name = name
        self._newest: deque[str] = deque(maxlen=_LINES_KEPT)
        assert process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), name=f"{name}-stderr", daemon=True)
        self._reader.start()

    def find(self, pattern: re.Pattern[str]) -> str | None:
        """The newest line that matches, among the last ones of a process that has ended."""
        self._reader.join(_READ_LIMIT_S)
        return next((line for line in reversed(self._newest) if pattern.search(line)), None)

    def _read(self, stderr: IO[bytes]) -> None:
        with stderr:
            while line := stderr.readline(_LINE_BYTES):
                text = line.strip().decode(errors="replace")
                if text:
                    self._newest.append(text)
                    log.log(_level(line), "%s: %s", self._name, text)


def _level(line: bytes) -> int:
    if _SEVERE.search(line):
        return logging.ERROR
    return logging.WARNING if _WARNING.search(line) else logging.DEBUG
