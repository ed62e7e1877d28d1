"""Stands in for the process that looks at the camera: a program that writes what a test wants."""

import json
import sys
from collections.abc import Callable, Sequence

from vstream.probe.notes import CameraNote, ChosenNote, ControlNote, FrameNote, ModeNote, Notes

CAMERA = CameraNote(number=0, model="imx708", id="/base/soc/i2c0mux/i2c@1/imx708@1a")
MODE = ModeNote(format="SRGGB10_CSI2P", width=2304, height=1296, bit_depth=10, fps=56.03)
CHOSEN = ChosenNote(
    sensor_width=2304,
    sensor_height=1296,
    sensor_bit_depth=10,
    width=1920,
    height=1080,
    format="YUV420",
    fps_limit=56.03,
)
CONTROL = ControlNote(
    name="AfMode", type="integer", is_array=False, lowest=0, highest=2, words=["Manual", "Auto", "Continuous"]
)


def frames(steps_us: Sequence[int]) -> list[FrameNote]:
    """Frames, each so long after the one before."""
    times = [1_000_000]
    for step_us in steps_us:
        times.append(times[-1] + step_us)
    return [FrameNote(sensor_us=time, duration_us=33_333, exposure_us=12_000, gain=1.5) for time in times]


def notes_of_a_good_camera() -> Notes:
    return Notes(
        doing="closing the camera",
        libcamera="v0.5.2",
        picamera2="0.3.30",
        cameras=[CAMERA],
        encoder_node="/dev/video11",
        opened=0,
        modes=[MODE],
        controls=[CONTROL],
        chosen=CHOSEN,
        frames=frames([33_333] * 29),
        done=True,
    )


def program(*lines: Notes, then: str = "") -> Callable[[str], list[str]]:
    """A program that reads the setup, writes these notes, and goes on with `then`, which is Python."""
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    code = f"import os, sys, time; sys.stdin.readline(); sys.stdout.write({text!r}); sys.stdout.flush(); {then}"
    return lambda _word: [sys.executable, "-c", code]
