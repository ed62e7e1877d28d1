"""The stream as `vstream serve` would give it, served on loopback for a few seconds and watched there."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vstream.clock import monotonic_us
from vstream.config import Settings
from vstream.errors import UnreachableError, VstreamError
from vstream.h264 import Sps
from vstream.probe.player import Play, Player
from vstream.probe.serving import USER, Serving, Taken
from vstream.rtp import CLOCK_RATE_HZ
from vstream.sources.select import open_source

WATCH_S = 2.0
"""How long the stream is watched."""

# By then the stream's first keyframe is too old to begin with, so that joining takes what it will take.
_JOIN_AFTER_S = 0.5
_CONNECTION_LIMIT_S = 3.0


@dataclass
class Trial:
    """What came of it; without `units` it says in `trouble` why."""

    source: str = ""
    units: list[Taken] = field(default_factory=list)
    picture: Sps | None = None
    trouble: str = ""
    play: Play | None = None
    play_trouble: str = ""
    delays_us: list[int] = field(default_factory=list)
    """From capture until the viewer has the whole picture, for those captured after it asked."""


def run_trial(settings: Settings, why_no_camera: Callable[[], str | None] | None, limit_s: float) -> Trial:
    """Serve and watch for `limit_s` seconds and little more at most, of which the frames have all but 3 s to begin."""
    due_s = time.monotonic() + limit_s
    try:
        serving = Serving(settings, open_source(settings, why_no_camera))
    except VstreamError as error:
        return Trial(trouble=str(error))
    trial = Trial(serving.source.name)
    serving.start()
    try:
        patience_s = limit_s - WATCH_S - _JOIN_AFTER_S - 0.5
        if not serving.begun.wait(patience_s):
            trial.trouble = f"no encoded frame within {patience_s:.0f} s"
        elif serving.stream.ready:
            _watch(serving, settings.rtsp_path, trial, due_s)
    finally:
        serving.stop()
    trial.trouble = trial.trouble or serving.trouble
    trial.units, trial.picture = serving.units, serving.stream.picture
    return trial


def _watch(serving: Serving, path: str, trial: Trial, due_s: float) -> None:
    def enough(play: Play) -> bool:
        watched_s = (monotonic_us() - play.asked_us) / 1e6
        return time.monotonic() >= due_s or (watched_s >= WATCH_S and bool(play.pictures))

    serving.ended.wait(_JOIN_AFTER_S)
    try:
        player = Player(serving.server.port, path, USER, serving.password, _CONNECTION_LIMIT_S)
        try:
            trial.play = player.play(player.set_up(), monotonic_us, enough)
        finally:
            player.close()
    except TimeoutError:
        trial.play_trouble = f"nothing came for {_CONNECTION_LIMIT_S:.0f} s"
        return
    except (OSError, UnreachableError) as error:
        trial.play_trouble = str(error)
        return
    clock_us, clock = monotonic_us(), serving.stream.clocks().rtp_timestamp
    for timestamp, arrived_us in trial.play.pictures:
        captured_us = clock_us - _signed(clock - timestamp) * 1_000_000 // CLOCK_RATE_HZ
        if captured_us >= trial.play.asked_us:
            trial.delays_us.append(arrived_us - captured_us)


def _signed(difference: int) -> int:
    """A difference of 32-bit timestamps, of which the later one may have wrapped."""
    wrapped = difference & 0xFFFFFFFF
    return wrapped - (1 << 32) if wrapped & 0x80000000 else wrapped
