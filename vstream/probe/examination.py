"""The camera as a process of its own finds it, within a time limit."""

import contextlib
import json
import logging
import os
import select
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from vstream.probe.notes import Notes
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.channel import begin
from vstream.sources.stderr import StderrLog
from vstream.sources.worker_program import EXAMINE_CAMERA, worker_environment, worker_program

_NOTES_LIMIT_BYTES = 4 << 20
_END_LIMIT_S = 0.5

Program = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was noted, and how the process ended: `timed_out` where it had to be killed, `died` by itself."""

    notes: Notes
    timed_out: bool = False
    died: str = ""

    @property
    def trouble(self) -> str:
        """Why it came no further; empty where it came to its end."""
        doing = self.notes.get("doing", "starting")
        if "failed" in self.notes:
            return self.notes["failed"]
        if self.timed_out:
            return f"no answer while {doing}"
        return f"the process died while {doing} ({self.died})" if self.died else ""

    @property
    def why_no_camera(self) -> str | None:
        """Why `auto` would not take the camera; None where it would."""
        if "cameras" not in self.notes:
            return f"libcamera cannot be used ({self.trouble})"
        return None if self.notes["cameras"] else "libcamera lists none"


def examine(setup: CameraSetup, limit_s: float, program: Program = worker_program) -> Examination:
    """Have the camera looked at; takes `limit_s` seconds and little more at most.

    `program` gives the command line of the process that does it.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        program(EXAMINE_CAMERA),
        env=worker_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    StderrLog(process, "camera")
    assert process.stdin is not None
    with contextlib.suppress(OSError), process.stdin:  # where it died at once, its exit code says how
        process.stdin.write(json.dumps(begin(setup, logging.INFO)).encode() + b"\n")
    text, ended = _read(process, time.monotonic() + limit_s)
    exit_code = _end(process)
    notes = _merged(text)
    finished = "done" in notes or "failed" in notes
    return Examination(notes, not ended and not finished, "" if finished or not ended else _last_words(exit_code))


def _read(process: subprocess.Popen[bytes], due_s: float) -> tuple[bytes, bool]:
    """What it writes until then, and whether it came to its end."""
    assert process.stdout is not None
    text = b""
    while (left_s := due_s - time.monotonic()) > 0 and len(text) < _NOTES_LIMIT_BYTES:
        if not select.select([process.stdout], [], [], left_s)[0]:
            break
        part = os.read(process.stdout.fileno(), 65536)
        if not part:
            return text, True
        text += part
        if b'"done"' in part:
            return text, True
    return text, False


def _end(process: subprocess.Popen[bytes]) -> int:
    try:
        process.wait(_END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):  # a driver that hangs keeps even a killed process
        process.wait(_END_LIMIT_S)
    assert process.stdout is not None
    process.stdout.close()
    return process.returncode or 0


def _merged(text: bytes) -> Notes:
    """All notes in one; the last line may be cut off."""
    merged: dict[str, object] = {}
    for line in text.splitlines():
        try:
            merged.update(json.loads(line))
        except ValueError:
            continue
    return cast(Notes, merged)


def _last_words(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
