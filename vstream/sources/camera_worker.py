"""The camera's own process: whatever its libraries do, the server can end it and start another.

Started by `vstream.sources.camera_process`; it speaks on the socket whose descriptor it is given.
"""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

from vstream.errors import CameraError, CameraMissingError, CameraSetupError, CameraUnavailableError
from vstream.sources.base import AccessUnit
from vstream.sources.camera import CameraSource, why_no_camera
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.channel import Command, Ending, Event, commands, send_event, send_frame, setup_of
from vstream.sources.worker_program import EXAMINE_CAMERA, LIST_CAMERAS

REOPEN_INTERVAL_S = 0.5
REOPENINGS_LIMIT = 40
"""After so many vain attempts a new process tries on: each one leaves a descriptor open in picamera2."""

_PR_SET_PDEATHSIG = 1


class ReportingHandler(logging.Handler):
    """Passes log lines to the server, which writes all of them."""

    def __init__(self, worker: "Worker") -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            text = f"{text}: {type(error).__name__}: {error}"
        with contextlib.suppress(OSError):
            self._worker.report({"log": (record.levelno, record.name, text)})


class Worker:
    """Runs the camera on one thread while another obeys commands."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sending = threading.Lock()
        self._stopping = threading.Event()

    def report(self, event: Event) -> None:
        with self._sending:
            send_event(self._end, event)

    def run(self, orders: Iterator[Command], setup: CameraSetup) -> int:
        """Work until told to stop, until the server is gone or until the camera broke; gives the exit code."""
        source = CameraSource(setup)
        obeying = threading.Thread(target=self._obey, args=(orders, source), name="commands", daemon=True)
        obeying.start()
        try:
            return self._work(source)
        except OSError:
            return 0  # the server is gone

    def _work(self, source: CameraSource) -> int:
        for _ in range(REOPENINGS_LIMIT):
            try:
                source.run(self._hand_over, opened=self._opened)
            except CameraUnavailableError as error:
                self.report({"refused": str(error)})
            except CameraMissingError as error:
                return self._end_for("missing", error)
            except CameraSetupError as error:
                return self._end_for("setup", error)
            except CameraError as error:
                return self._end_for("broke", error)
            if self._stopping.wait(REOPEN_INTERVAL_S):
                return 0
        return 0

    def _end_for(self, why: Ending, error: CameraError | CameraMissingError | CameraSetupError) -> int:
        self.report({"ending": (why, str(error))})
        return error.exit_code

    def _opened(self) -> None:
        self.report({"opened": True})

    def _hand_over(self, unit: AccessUnit) -> None:
        with self._sending:
            send_frame(self._end, memoryview(unit.data), unit.pts_us)

    def _obey(self, orders: Iterator[Command], source: CameraSource) -> None:
        with contextlib.suppress(OSError):
            for order in orders:
                self._carry_out(order, source)
        # Without a server nobody needs the camera; a library that hangs must not keep it.
        os._exit(0)

    def _carry_out(self, order: Command, source: CameraSource) -> None:
        match order["do"]:
            case "keyframe":
                source.request_keyframe()
            case "bitrate":
                source.set_bitrate(order["number"])
            case "interval":
                source.set_keyframe_interval(order["number"])
            case "encoder":
                source.restart_encoder()
            case "camera":
                source.restart_camera()
            case "stop":
                self._stopping.set()
                source.stop()


def main(argument: str) -> int:
    """Serve the server at the other end of a socket, given by its descriptor; gives the exit code.

    Or, by the words of `worker_program`, say why there is no camera, or look at it for the probe.
    """
    _die_with_the_server()
    if argument == LIST_CAMERAS:
        print(why_no_camera() or "")
        return 0
    if argument == EXAMINE_CAMERA:
        from vstream.probe.examiner import main as examine

        return examine()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a Ctrl-C reaches the whole group, and the server says when to end
    end = socket.socket(fileno=int(argument))
    orders = commands(end)
    first = next(orders, None)
    if first is None:
        return 0
    worker = Worker(end)
    root = logging.getLogger()
    root.handlers = [ReportingHandler(worker)]
    root.setLevel(first["number"])
    if first["number"] > logging.DEBUG:
        logging.getLogger("picamera2").setLevel(logging.WARNING)  # it tells every step
    return worker.run(orders, setup_of(first))


def _die_with_the_server() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
