"""Runs all checks, each within a time limit, and all of them within another."""

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from vstream.probe.checks import (
    board,
    boot_config,
    camera_controls,
    camera_holders,
    camera_software,
    cameras,
    capture,
    device_nodes,
    dma_heap,
    encoder,
    network,
    operating_system,
    playback,
    ports,
    power,
    snapshot,
    socket_limits,
    temperature,
)
from vstream.probe.examination import Examination, examine
from vstream.probe.finding import Finding, failure, skipped
from vstream.probe.log_lines import LogLines
from vstream.probe.subject import Need, Subject
from vstream.probe.trial import Trial, run_trial
from vstream.sources.select import camera_setup

T = TypeVar("T")

Check = Callable[[Subject], Finding]

OF_THE_MACHINE: dict[str, Check] = {
    "board": board.check,
    "system": operating_system.check,
    "power": power.check,
    "temperature": temperature.check,
    "config_txt": boot_config.check,
    "device_nodes": device_nodes.check,
    "dma_heap": dma_heap.check,
    "holders": camera_holders.check,
    "ports": ports.check,
    "network": network.check,
    "socket_limits": socket_limits.check,
}
OF_THE_CAMERA: dict[str, Check] = {
    "camera_software": camera_software.check,
    "cameras": cameras.check,
    "controls": camera_controls.check,
    "capture": capture.check,
}
OF_THE_STREAM: dict[str, Check] = {"encoder": encoder.check, "playback": playback.check}
SNAPSHOT = "snapshot"

# Together they leave a slow board time to start Python and to write a bundle within 30 s.
_CHECK_LIMIT_S = 2.0
_MACHINE_LIMIT_S = 4.0
_EXAMINATION_LIMIT_S = 11.0
_CAMERA_AND_STREAM_LIMIT_S = 18.0
_TRIAL_LIMIT_S = 11.0
_TRIAL_END_LIMIT_S = 1.5
_SNAPSHOT_LIMIT_S = 3.0


class Checked(NamedTuple):
    """A check by its name, what it found and how long it took."""

    name: str
    finding: Finding
    took_s: float


def run(subject: Subject, log: LogLines, progress: Callable[[str], None]) -> list[Checked]:
    """Look at everything; `progress` is told what is being looked at."""
    progress("the machine")
    checked = _all(OF_THE_MACHINE, subject, time.monotonic() + _MACHINE_LIMIT_S)
    progress("the camera")
    due_s = time.monotonic() + _CAMERA_AND_STREAM_LIMIT_S
    subject.examination = _examination(subject)
    checked += _all(OF_THE_CAMERA, subject)
    log.take_errors()
    progress("the stream")
    subject.trial = _trial(subject, log, min(due_s - time.monotonic(), _TRIAL_LIMIT_S))
    checked += _all(OF_THE_STREAM, subject)
    if subject.snapshot is not None:
        checked.append(_timed(SNAPSHOT, lambda: bounded(snapshot.check, subject, _SNAPSHOT_LIMIT_S)))
    return checked


def _all(checks: dict[str, Check], subject: Subject, due_s: float = math.inf) -> list[Checked]:
    """Check one after the other, until their time is up."""

    def look(check: Check) -> Finding:
        if time.monotonic() >= due_s:
            return skipped("there was no time left for it, as other checks gave no answer")
        return bounded(check, subject, _CHECK_LIMIT_S)

    return [_timed(name, partial(look, check)) for name, check in checks.items()]


def _timed(name: str, look: Callable[[], Finding]) -> Checked:
    begun_s = time.monotonic()
    finding = look()
    return Checked(name, finding, time.monotonic() - begun_s)


def bounded(check: Check, subject: Subject, limit_s: float) -> Finding:
    """What the check finds; a failure where it takes longer, or fails itself."""
    try:
        found = within(limit_s, lambda: check(subject))
    except Exception as error:
        what = f"the check itself failed: {type(error).__name__}: {error}"
        return failure(what, "report this, it is a fault of vstream")
    return found or failure(f"no answer within {limit_s:.0f} s", "look at dmesg: a driver or a disk may hang")


def within(limit_s: float, call: Callable[[], T]) -> T | None:
    """What `call` gives, or raises; None where that takes longer, and it is left to itself."""
    given: list[T] = []
    raised: list[Exception] = []

    def run_it() -> None:
        try:
            given.append(call())
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run_it, name="probe", daemon=True)
    thread.start()
    thread.join(max(limit_s, 0.0))
    if raised:
        raise raised[0]
    return given[0] if given else None


def _examination(subject: Subject) -> Examination | None:
    if subject.need is Need.NONE or subject.settings.stream_source == "rpicam":
        return None
    try:
        return examine(camera_setup(subject.settings), _EXAMINATION_LIMIT_S)
    except OSError as error:
        return Examination({}, died=f"it cannot be started: {error.strerror}")


def _trial(subject: Subject, log: LogLines, limit_s: float) -> Trial | None:
    """Serve the source that the settings name for `limit_s` at most; None where that would tell nothing."""
    source, examination = subject.settings.stream_source, subject.examination
    takes_camera = source == "camera" or (examination is not None and examination.why_no_camera is None)
    if source == "-" or (takes_camera and not (examination and len(examination.notes.get("frames", ())) > 1)):
        return None
    why_no_camera = None if examination is None else lambda: examination.why_no_camera
    try:
        trial = within(limit_s + _TRIAL_END_LIMIT_S, lambda: run_trial(subject.settings, why_no_camera, limit_s))
    except Exception as error:
        trial = Trial(trouble=f"{type(error).__name__}: {error}")
    trial = trial or Trial(trouble=f"no answer within {limit_s:.0f} s")
    errors = [error for error in log.take_errors() if trial.trouble not in error]
    if errors and not trial.units:
        trial.trouble = f"{trial.trouble}: {errors[-1]}" if trial.trouble else errors[-1]
    return trial
