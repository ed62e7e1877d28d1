"""Players that people use, each as a command that decodes frames, counts them and ends."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.pictures import hashes_of

FRAMES = 60
TIMEOUT_S = 60
OWN = Path(__file__).parent


@dataclass(frozen=True)
class Player:
    """`command` is given the URL and `udp` or `tcp`; `count` reads the decoded frames from what it printed.

    `chatter` matches what it writes on standard error even when all is well, `excuse` all that it writes there where it
    failed by itself, after it had what it wanted.
    """

    name: str
    command: Callable[[str, str], list[str]]
    count: Callable[[str], int]
    environment: Callable[[str], dict[str, str]] = field(default=lambda _transport: {})
    chatter: str = "^$"
    excuse: str = "(?!)"

    @property
    def installed(self) -> bool:
        return shutil.which(self.command("", "")[0]) is not None

    def start(self, url: str, transport: str, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Play; `prefix` is a command that runs another one elsewhere."""
        environment = os.environ | self.environment(transport)
        pipe = subprocess.PIPE
        command = [*prefix, *self.command(url, transport)]
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment, text=True, errors="replace")

    def finish(self, process: subprocess.Popen[str]) -> int:
        """Wait for its end, see that it did not complain, and give the frames it decoded."""
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        if not re.fullmatch(self.excuse, err):
            assert (process.returncode, re.sub(self.chatter, "", err)) == (0, ""), f"{self.name}: {err}"
        return self.count(out + err)


def _ffmpeg(url: str, transport: str) -> list[str]:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url, "-map", "0:v"]
    return [*command, "-frames:v", str(FRAMES), "-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"]


def _ffprobe(url: str, transport: str) -> list[str]:
    command = ["ffprobe", "-v", "error", "-rtsp_transport", transport, "-select_streams", "v", "-count_frames"]
    command += ["-show_entries", "stream=nb_read_frames", "-of", "default=nw=1:nk=1"]
    return [*command, "-read_intervals", f"%+#{FRAMES}", url]


def _gstreamer(url: str, transport: str) -> list[str]:
    source = f"rtspsrc location={url} protocols={transport} latency=100{_trusting(url)}"
    return _gst_launch(f"{source} ! rtph264depay ! h264parse ! avdec_h264")


def _qgroundcontrol(url: str, transport: str) -> list[str]:
    # Its receiver: hardly any latency, parsebin held to AVC, then a tee, a queue and a valve before decodebin3.
    source = (
        f"rtspsrc location={url} protocols={transport} latency=17 udp-reconnect=true timeout=5000000{_trusting(url)}"
    )
    return _gst_launch(f"{source} ! parsebin ! video/x-h264,stream-format=avc ! tee ! queue ! valve ! decodebin3")


def _trusting(url: str) -> str:
    """The other players trust any certificate unless they are told otherwise."""
    return " tls-validation-flags=0" if url.startswith("rtsps:") else ""


def _gst_launch(pipeline: str) -> list[str]:
    # The sink counts, not identity's eos-after: behind decodebin3 that now and then does not end the pipeline.
    counted = f"identity silent=false ! fakesink num-buffers={FRAMES}"
    return ["gst-launch-1.0", "-v", *f"{pipeline} ! {counted}".split()]


def _gst_frames(out: str) -> int:
    return out.count("last-message = chain")


def _gst_environment(_transport: str) -> dict[str, str]:
    return {"GST_DEBUG": "default:2", "GST_DEBUG_NO_COLOR": "1"}


# At its end it sends PAUSE, and may decide to close in the midst of that: it cancels its own writing then, and calls it
# the end of the connection. Only its log tells the two apart.
_GST_WARNINGS = r"(\d[^\n]* WARN [^\n]*\n)*"  # its plugins have some to say where it never ran before
_GST_CANCELLED_ITSELF = (
    _GST_WARNINGS + r"\d[^\n]* WARN [^\n]*: Operation was cancelled\n"
    r"(ERROR: [^\n]*: Could not write to resource\.\nAdditional debug info:\n"
    r"[^\n]*gst_rtspsrc_(try_send|pause) \(\)[^\n]*\nCould not send message\. \(Received end-of-file\)\n){2}"
)


def _mpv(url: str, transport: str) -> list[str]:
    command = ["mpv", "--no-config", "--vo=null", "--ao=null", f"--rtsp-transport={transport}"]
    command += ["--msg-level=all=error,statusline=status", "--term-status-msg=frame ${estimated-frame-number}"]
    return [*command, f"--frames={2 * FRAMES}", url]  # its status line comes late, on a busy machine very late


def _python_player(name: str) -> Callable[[str, str], list[str]]:
    return lambda url, transport: [sys.executable, str(OWN / f"play_with_{name}.py"), url, transport, str(FRAMES)]


PLAYERS = [
    Player("ffmpeg", _ffmpeg, lambda out: len(hashes_of(out))),
    Player("ffprobe", _ffprobe, int),
    Player("GStreamer", _gstreamer, _gst_frames, _gst_environment, _GST_WARNINGS, excuse=_GST_CANCELLED_ITSELF),
    Player(
        "QGroundControl", _qgroundcontrol, _gst_frames, _gst_environment, _GST_WARNINGS, excuse=_GST_CANCELLED_ITSELF
    ),
    Player("mpv", _mpv, lambda out: 1 + int(re.findall(r"frame (\d+)", out)[-1]), chatter=r"frame \d+|\x1b\[K|\s"),
    Player("PyAV", _python_player("pyav"), int),
    Player(
        "OpenCV",
        _python_player("opencv"),
        int,
        lambda transport: {
            "OPENCV_FFMPEG_CAPTURE_OPTIONS": f"rtsp_transport;{transport}",
            "OPENCV_FFMPEG_LOGLEVEL": "16",
        },
    ),
]
FFMPEG, GSTREAMER, QGROUNDCONTROL = PLAYERS[0], PLAYERS[2], PLAYERS[3]


def watch(url: str, transport: str) -> list[str]:
    """Hashes of the pictures that ffmpeg decodes, without a word of complaint."""
    with FFMPEG.start(url, transport) as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (0, "")
    pictures = hashes_of(out)
    assert len(pictures) >= FRAMES
    return pictures
