"""The log lines of a probe: kept for the bundle and for the words of a failure, and written nowhere."""

import logging

from vstream.log import TextFormatter, without_credentials


class LogLines(logging.Handler):
    """Keeps what is logged, at level info and above."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(TextFormatter())
        self.lines: list[str] = []
        self._errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
        if record.levelno >= logging.ERROR:
            self._errors.append(without_credentials(record.getMessage()))

    def take_errors(self) -> list[str]:
        """The errors since this was last asked."""
        taken, self._errors = self._errors, []
        return taken


def keep_log() -> LogLines:
    """Have all log lines of this process kept instead of written."""
    kept = LogLines()
    root = logging.getLogger()
    root.handlers = [kept]
    root.setLevel(logging.INFO)
    return kept
