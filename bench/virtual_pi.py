"""A virtual Raspberry Pi to measure on; without one the bench says so and measures nothing."""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError
from tests.virtualpi.pi import MissingError, VirtualPi, prepared

PICTURE = ("--width", "1280", "--height", "720")
FORMAT = ("--fps", "30", "--h264-profile", "main", "--h264-level", "4.1")


def on_virtual_pi(measure: Callable[[VirtualPi], None]) -> None:
    """Measure on a board with an encoder of its own, or say why there is none.

    Raises:
        BenchError: what is measured broke.
    """
    with contextlib.ExitStack() as held:
        try:
            tree = held.enter_context(prepared(print))
        except MissingError as error:
            print(f"Not measured: {error}")
            return
        faults = held.enter_context(tempfile.TemporaryDirectory())
        try:
            measure(VirtualPi(tree, "pi4", Path(faults)))
        except AssertionError as error:
            raise BenchError(str(error)) from error
