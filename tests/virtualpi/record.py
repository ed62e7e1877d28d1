"""Runs on the virtual Raspberry Pi: works a source and prints as JSON what came of it.

STREAM_SOURCE is `camera`, for the camera source by itself in this process, or what `vstream serve` knows.

Each argument is one run of it. `N`: until it gave so many access units. `N:FAULT`: after N of them the fault is
brought about, which must end the run, and taken away. `N+FAULT`: after N of them the fault is there for a while, and
the run goes on to 2 N. A keyframe and another bitrate are asked for after unit 20.

With BUSY_SHARE a software encoder counts as too slow once it takes that share of the frame interval.
"""

import base64
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TypedDict

from vstream.config import Settings, load_settings
from vstream.errors import SourceError
from vstream.sources import preset
from vstream.sources.base import AccessUnit, Source
from vstream.sources.camera import CameraSource
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.select import open_source
from vstream.sources.videoformat import VideoFormat

REQUESTS_AFTER = 20
PASSING_FAULT_S = 0.6


class Unit(TypedDict):
    """An access unit and the times it was captured and handed over, CLOCK_MONOTONIC."""

    data: str
    pts_us: int
    arrived_us: int


class Run(TypedDict):
    """One run of the source: how it ended, and what the requests during it were answered."""

    units: list[Unit]
    error: str | None
    keyframe_granted: bool | None
    bitrate_granted: bool | None
    descriptors: int


class Record(TypedDict):
    """What this program prints."""

    name: str
    runs: list[Run]


class Recorder:
    """The sink of one run, which also carries out what the run is about."""

    def __init__(self, source: Source, wish: str) -> None:
        self._source = source
        self._passes = "+" in wish
        count, _, self._fault = wish.replace("+", ":").partition(":")
        self._faulty_at = int(count)
        self._enough = None if self._fault and not self._passes else int(count) * (1 + self._passes)
        self.run = Run(units=[], error=None, keyframe_granted=None, bitrate_granted=None, descriptors=0)

    def sink(self, unit: AccessUnit) -> None:
        units = self.run["units"]
        data = base64.b64encode(unit.data).decode()
        units.append(Unit(data=data, pts_us=unit.pts_us, arrived_us=time.monotonic_ns() // 1000))
        if len(units) == REQUESTS_AFTER:
            self.run["keyframe_granted"] = self._source.request_keyframe()
            self.run["bitrate_granted"] = self._source.set_bitrate(1_000_000)
        if self._fault and len(units) == self._faulty_at:
            fault_file(self._fault).touch()
            if self._passes:
                threading.Timer(PASSING_FAULT_S, self._end_fault).start()
        if len(units) == self._enough:
            self._source.stop()

    def finish(self) -> Run:
        self._end_fault()
        self.run["descriptors"] = len(list(Path("/proc/self/fd").iterdir()))
        return self.run

    def _end_fault(self) -> None:
        if self._fault:
            fault_file(self._fault).unlink(missing_ok=True)


def fault_file(fault: str) -> Path:
    return Path(os.environ["VIRTUALPI_FAULTS"], fault)


def record(source: Source, wish: str) -> Run:
    recorder = Recorder(source, wish)
    try:
        source.run(recorder.sink)
    except SourceError as error:
        recorder.run["error"] = f"{type(error).__name__}: {error}"
    return recorder.finish()


def camera(settings: Settings) -> Source:
    video = VideoFormat(
        width=settings.stream_width,
        height=settings.stream_height,
        fps=settings.stream_fps,
        profile=settings.h264_profile,
        level=settings.h264_level,
        bitrate_bps=settings.bitrate_bps,
        keyframe_interval=settings.keyframe_interval,
    )
    return CameraSource(CameraSetup(video=video))


def main(wishes: list[str]) -> None:
    logging.basicConfig()
    preset._BUSY_SHARE = float(os.environ.get("BUSY_SHARE", preset._BUSY_SHARE))
    settings = load_settings().settings
    source = camera(settings) if settings.stream_source == "camera" else open_source(settings)
    runs = [record(source, wish) for wish in wishes]
    json.dump(Record(name=source.name, runs=runs), sys.stdout)


main(sys.argv[1:])
