"""The camera as the server sees it: a process of its own that gives frames, takes commands and can be killed."""

import contextlib
import json
import logging
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from vstream.errors import CameraError, CameraMissingError, CameraSetupError, SourceError
from vstream.sources.base import AccessUnit, Remedy, Sink
from vstream.sources.camera_refusals import CameraRefusals
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.channel import EVENT, Command, Ending, Event, Inbox, begin, open_pair, send_command
from vstream.sources.fidelity import checked
from vstream.sources.stderr import StderrLog
from vstream.sources.worker_program import worker_environment, worker_program

_END_LIMIT_S = 0.2
_ENDINGS: dict[Ending, type[SourceError]] = {
    "broke": CameraError,
    "missing": CameraMissingError,
    "setup": CameraSetupError,
}

log = logging.getLogger(__name__)

Program = Callable[[str], list[str]]


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    end: socket.socket


class CameraProcess:
    """Runs the camera in a child process, so that a library that hangs costs a restart and not the server."""

    def __init__(self, setup: CameraSetup, program: Program = worker_program) -> None:
        """`program` gives the command line of the process, from the descriptor of its socket."""
        self.name = "camera"
        self.remedies: Sequence[Remedy] = (
            Remedy(
                "asking the encoder for a keyframe", partial(self._send, {"do": "keyframe"}), 250_000, interrupts=False
            ),
            Remedy("restarting the encoder", partial(self._send, {"do": "encoder"}), 900_000),
            Remedy("restarting the camera", partial(self._send, {"do": "camera"}), 2_500_000),
            Remedy("ending the camera's process", self._kill, 10_000_000, interrupts=False),
        )
        self._setup, self._program = setup, program
        self._stopped = False
        self._child: _Child | None = None
        self._ending: SourceError | None = None
        self._refusals = CameraRefusals()

    @property
    def is_waiting(self) -> bool:
        return self._refusals.are_recent

    def run(self, sink: Sink) -> None:
        """Start the process and hand over its frames until it ends; while there is no camera, start it ever again.

        Raises:
            CameraError: the camera or its process broke.
            CameraMissingError: the software for the camera is not installed.
            CameraSetupError: the camera does not offer what the settings ask for.
        """
        self._ending = None
        waited = True
        while waited and not self._stopped and self._ending is None:
            waited = self._run_once(sink)
        if self._ending is not None and not self._stopped:
            raise self._ending

    def _run_once(self, sink: Sink) -> bool:
        """Run one process to its end; whether it ended while it waited for a camera."""
        child = self._child = _start(self._setup, self._program)
        if self._stopped:
            self.stop()
        try:
            self._hand_over(Inbox(child.end), checked(sink, self._setup.video))
        except (OSError, ValueError) as error:
            self._ending = self._ending or CameraError(f"its process cannot be read: {error}")
        finally:
            self._child = None
            _end(child)
        if not self.is_waiting and self._ending is None:
            self._ending = CameraError(_last_words(child.process.returncode))
        return self.is_waiting

    def stop(self) -> None:
        self._stopped = True
        child = self._child
        if child is not None:
            send_command(child.end, {"do": "stop"})
            with contextlib.suppress(OSError):
                child.end.shutdown(socket.SHUT_RD)

    def request_keyframe(self) -> bool:
        """Ask for one; a process that is yet to start begins with one anyway."""
        self._send({"do": "keyframe"})
        return True

    def set_bitrate(self, bitrate_bps: int) -> bool:
        self._setup = replace(self._setup, video=replace(self._setup.video, bitrate_bps=bitrate_bps))
        return self._send({"do": "bitrate", "number": bitrate_bps})

    def set_keyframe_interval(self, frames: int) -> bool:
        self._setup = replace(self._setup, video=replace(self._setup.video, keyframe_interval=frames))
        return self._send({"do": "interval", "number": frames})

    def _hand_over(self, inbox: Inbox, sink: Sink) -> None:
        while inbox.read():
            for kind, pts_us, data in inbox.messages():
                if kind == EVENT:
                    self._take_note(json.loads(bytes(data)))
                else:
                    sink(AccessUnit(data, pts_us))

    def _take_note(self, event: Event) -> None:
        if "log" in event:
            level, name, text = event["log"]
            logging.getLogger(name).log(level, "%s", text)
        elif "refused" in event:
            self._refusals.add(event["refused"])
        elif "opened" in event:
            self._refusals.end()
        elif "ending" in event:
            why, text = event["ending"]
            self._ending = _ENDINGS[why](text)
            self._refusals.end()
            if why != "broke":
                log.error("Camera failed to open: %s", text)

    def _send(self, command: Command) -> bool:
        child = self._child
        if child is None:
            return False
        send_command(child.end, command)
        return True

    def _kill(self) -> None:
        child = self._child
        if child is not None:
            self._ending = CameraError("it gave no frames and nothing milder helped")
            child.process.kill()


def _start(setup: CameraSetup, program: Program) -> _Child:
    ours, theirs = open_pair()
    with theirs:
        process = subprocess.Popen(
            program(str(theirs.fileno())),
            env=worker_environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
        )
    StderrLog(process, "camera")
    send_command(ours, begin(setup, logging.getLogger().level))
    return _Child(process, ours)


def _end(child: _Child) -> None:
    """Let the process close the camera where it does so soon; otherwise it is killed."""
    try:
        child.process.wait(_END_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.process.kill()
        child.process.wait()
    child.end.close()


def _last_words(exit_code: int) -> str:
    if exit_code < 0:
        return f"its process was ended by signal {-exit_code}"
    return f"its process ended with exit code {exit_code}"
