"""The command line that all benches share."""

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from bench.cpu import CORES, move_to_viewers_core
from bench.errors import BenchError

# A session that is not kept alive ends after 60 s (RFC 2326 section 12.37), and these viewers only listen.
MAX_SECONDS = 45.0
MAX_VIEWERS = 1000


class Options(NamedTuple):
    """How long each measurement lasts, and with how many viewers."""

    seconds: float
    viewers: list[int]


def run(
    measure: Callable[[Options], None],
    description: str,
    viewers: Sequence[int] = (),
    *,
    seconds: float | None = 10.0,
    fewest_viewers: int = 1,
    longest_s: float = MAX_SECONDS,
    pins: bool = True,
) -> None:
    """Read the command line and measure; the exit code is 1 only when something broke, whatever the figures say.

    Where `viewers` is empty, or `seconds` None, the bench has none, and takes no such option. `pins`: this process and
    what it starts keep to the viewers' core.
    """
    parser = argparse.ArgumentParser(description=description)
    if seconds is not None:
        parser.add_argument(
            "--seconds", type=partial(_seconds, longest_s), default=seconds, help="how long each measurement lasts"
        )
    if viewers:
        parser.add_argument("--viewers", type=int, nargs="+", metavar="N", default=list(viewers), help="how many")
    given = vars(parser.parse_args())
    counts: list[int] = given.get("viewers", [])
    if not all(fewest_viewers <= count <= MAX_VIEWERS for count in counts):
        parser.error(f"--viewers takes {fewest_viewers} to {MAX_VIEWERS}, given {counts}")
    print(_machine(), flush=True)
    if pins:
        move_to_viewers_core()
    try:
        measure(Options(given.get("seconds", 0.0), counts))
    except (BenchError, OSError) as error:
        sys.exit(f"the measurement broke: {error}")


def _machine() -> str:
    """Describe what the figures depend on; a load beside the bench's own makes them worse."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return f"{platform.machine()}, {len(CORES)} cores, {today}, load before {os.getloadavg()[0]:.1f}"


def _seconds(longest_s: float, text: str) -> float:
    value = float(text)
    if not 0 < value <= longest_s:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {longest_s:.0f}")
    return value
