"""The camera's process from within, as far as it needs no camera."""

import json
import logging

from vstream.sources.camera_worker import ReportingHandler, Worker
from vstream.sources.channel import EVENT, Inbox, open_pair


def test_an_error_in_a_log_line_is_named() -> None:
    """picamera2 logs so what ends its event loop."""
    ours, theirs = open_pair()
    with ours, theirs:
        handler = ReportingHandler(Worker(theirs))
        error = ValueError("bad request")
        caught = (type(error), error, None)
        line = logging.LogRecord("picamera2", logging.ERROR, "here", 1, "Exception in %s", ("the loop",), caught)
        handler.emit(line)
        inbox = Inbox(ours)
        assert inbox.read()
        ((kind, _, data),) = [(kind, pts_us, bytes(data)) for kind, pts_us, data in inbox.messages()]
    assert (kind, json.loads(data)["log"]) == (
        EVENT,
        [logging.ERROR, "picamera2", "Exception in the loop: ValueError: bad request"],
    )
