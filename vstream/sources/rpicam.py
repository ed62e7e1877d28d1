"""The Raspberry Pi's camera, through the program rpicam-vid."""

import logging
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vstream.errors import CameraError, CameraMissingError, CameraSetupError, NoVideoError
from vstream.sources.base import AccessUnit, Remedy, Sink
from vstream.sources.camera_refusals import CameraRefusals, who_has_it
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.control_values import likest
from vstream.sources.fidelity import checked
from vstream.sources.stderr import StderrLog
from vstream.sources.stdin import StdinSource

BINARIES = ("rpicam-vid", "libcamera-vid")
"""By the names it had over the years, the newest first."""

_LEVELS = ("4", "4.1", "4.2")
_NOISE_REDUCTION = "NoiseReductionMode"
_FLAGS = {
    "AeExposureMode": "--exposure",
    "AeMeteringMode": "--metering",
    "AfMode": "--autofocus-mode",
    "AfRange": "--autofocus-range",
    "AfSpeed": "--autofocus-speed",
    "AnalogueGain": "--gain",
    "AwbMode": "--awb",
    "Brightness": "--brightness",
    "Contrast": "--contrast",
    "ExposureTime": "--shutter",
    "ExposureValue": "--ev",
    "LensPosition": "--lens-position",
    _NOISE_REDUCTION: "--denoise",
    "Saturation": "--saturation",
    "Sharpness": "--sharpness",
}
# Where the program has another word for a control's value than libcamera.
_WORDS = {
    ("AeMeteringMode", "centreweighted"): "centre",
    (_NOISE_REDUCTION, "off"): "off",
    (_NOISE_REDUCTION, "minimal"): "cdn_off",
    (_NOISE_REDUCTION, "fast"): "cdn_fast",
    (_NOISE_REDUCTION, "highquality"): "cdn_hq",
}
_BUSY = re.compile(r"failed to acquire camera|resource busy|in use by another", re.IGNORECASE)
_UNAVAILABLE = re.compile(rf"no cameras available|{_BUSY.pattern}", re.IGNORECASE)
_REOPEN_INTERVAL_S = 1.0
_END_LIMIT_S = 0.2
_LIST_LIMIT_S = 10

log = logging.getLogger(__name__)


def find_binary() -> str | None:
    """The camera program that is installed here."""
    return next((name for name in BINARIES if shutil.which(name)), None)


def lists_none(binary: str) -> bool:
    """Whether the program says that there is no camera; one that cannot be asked may have one."""
    try:
        asked = subprocess.run([binary, "--list-cameras"], capture_output=True, timeout=_LIST_LIMIT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return b"no cameras available" in (asked.stdout + asked.stderr).lower()


class RpicamSource:
    """Runs rpicam-vid and plays what it writes; it has no way to be asked for a keyframe or a bitrate."""

    def __init__(self, setup: CameraSetup) -> None:
        self.name = "rpicam"
        self.remedies: Sequence[Remedy] = (
            Remedy("ending the camera program", self._kill, 10_000_000, interrupts=False),
        )
        self._setup = setup
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: StdinSource | None = None
        self._refusals = CameraRefusals()

    @property
    def is_waiting(self) -> bool:
        return self._refusals.are_recent

    def run(self, sink: Sink) -> None:
        """Start the program and hand over its access units until it ends; ever again while there is no camera.

        Raises:
            CameraError: the program ended.
            CameraMissingError: it is not installed.
            CameraSetupError: it has no flag for one of the controls.
        """
        while not self._stopping.is_set():
            failure = self._run_once(sink)
            if self._stopping.is_set():
                return
            if not self.is_waiting:
                raise failure
            self._stopping.wait(_REOPEN_INTERVAL_S)

    def _run_once(self, sink: Sink) -> CameraError:
        """Run the program to its end; gives what that end means."""
        binary = find_binary()
        if binary is None:
            raise CameraMissingError(f"neither {' nor '.join(BINARIES)} is installed; sudo apt install rpicam-apps")
        command = arguments(binary, self._setup)
        log.info("Using camera binary: %s", binary)
        process = subprocess.Popen(
            [*_ending_with_us(), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        said = StderrLog(process, binary)
        self._process = process
        self._reader = StdinSource(self._setup.video.fps, fd=_output(process), live=True)
        if self._stopping.is_set():
            self._reader.stop()
        try:
            self._reader.run(checked(self._noting_success(sink), self._setup.video))
        except NoVideoError:
            log.debug("%s gave no picture", binary)
        finally:
            self._end(process)
        return self._meaning(binary, process.returncode, said.find(_UNAVAILABLE))

    def _noting_success(self, sink: Sink) -> Sink:
        def hand_over(unit: AccessUnit) -> None:
            self._refusals.end()
            sink(unit)

        return hand_over

    def _meaning(self, binary: str, exit_code: int, refused: str | None) -> CameraError:
        """A camera that is absent or busy is waited for; anything else is a failure."""
        if refused is None:
            self._refusals.end()
            return CameraError(f"{binary} ended with exit code {exit_code}")
        self._refusals.add(f"{refused} ({who_has_it()})" if _BUSY.search(refused) else refused)
        return CameraError(refused)

    def stop(self) -> None:
        self._stopping.set()
        reader = self._reader
        if reader is not None:
            reader.stop()

    def request_keyframe(self) -> bool:
        return False

    def set_bitrate(self, bitrate_bps: int) -> bool:
        """Take it for the next time that the program starts."""
        self._setup = replace(self._setup, video=replace(self._setup.video, bitrate_bps=bitrate_bps))
        return False

    def set_keyframe_interval(self, frames: int) -> bool:
        """Take it for the next time that the program starts."""
        self._setup = replace(self._setup, video=replace(self._setup.video, keyframe_interval=frames))
        return False

    def _kill(self) -> None:
        process = self._process
        if process is not None:
            process.kill()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self._process = self._reader = None
        process.terminate()
        try:
            process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _ending_with_us() -> list[str]:
    """What to start a program by, so that it does not keep the camera when the server is killed."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def _output(process: subprocess.Popen[bytes]) -> int:
    if process.stdout is None:
        raise CameraError("the camera program has no output")
    return process.stdout.fileno()


def arguments(binary: str, setup: CameraSetup) -> list[str]:
    """The command line that gives the stream of `setup` on standard output.

    Raises:
        CameraSetupError: a control has no flag.
    """
    video = setup.video
    given = {
        "--camera": setup.index,
        "--width": video.width,
        "--height": video.height,
        "--framerate": f"{video.fps:g}",
        "--bitrate": video.bitrate_bps,
        "--intra": video.keyframe_interval,
        "--profile": video.profile,
        "--denoise": setup.denoise,
        "--buffer-count": setup.buffer_count,
        "--rotation": setup.rotation,
        **_focus(setup),
        **_controls(setup.controls),
    }
    if video.level in _LEVELS:
        given["--level"] = video.level
    else:
        log.warning("%s knows the levels %s only, so it chooses one", binary, ", ".join(_LEVELS))
    if setup.encoder != "auto":
        log.warning("%s chooses its encoder by itself: H264_ENCODER has no effect", binary)
    switches = {
        "--inline": video.inline_headers,
        "--hflip": setup.hflip,
        "--vflip": setup.vflip,
        "--flush": setup.flush,
        "--low-latency": video.low_latency and binary == BINARIES[0],
    }
    chosen = [text for flag, value in given.items() for text in (flag, str(value))]
    chosen += [flag for flag, wanted in switches.items() if wanted]
    return [binary, "--timeout", "0", "--nopreview", "--codec", "h264", *chosen, "--output", "-"]


def _focus(setup: CameraSetup) -> dict[str, object]:
    if setup.lens_position is None:
        return {}
    return {"--autofocus-mode": "manual", "--lens-position": f"{setup.lens_position:g}"}


def _controls(controls: Mapping[str, str]) -> dict[str, object]:
    """The flags that stand for libcamera's controls; a word becomes rpicam-vid's, in small letters."""
    unknown = sorted(controls.keys() - _FLAGS.keys())
    if unknown:
        near = {like for name in unknown for like in likest(name, list(_FLAGS))}
        known = ", ".join(sorted(near or _FLAGS))
        raise CameraSetupError(f"CAMERA_CONTROLS: rpicam-vid has no flag for {', '.join(unknown)}, but for {known}")
    return {_FLAGS[name]: _word(name, value.lower()) for name, value in controls.items()}


def _word(control: str, value: str) -> str:
    return _WORDS.get((control, value), value)
