"""The camera's stream at its viewer: its rate, its SPS, and what is added to the encoder's own time; virtual Pi."""

import bisect
from pathlib import Path

from bench.arrivals import Arrival, arrivals
from bench.errors import BenchError
from bench.join import percentile
from bench.options import Options, run
from bench.table import Row, print_table
from bench.virtual_pi import FORMAT, PICTURE, on_virtual_pi
from tests.e2e.viewer import Viewer
from tests.virtualpi.pi import VirtualPi
from tests.virtualpi.serving import serving
from vstream.h264 import NalType, parse_sps

FPS = 30.0
REACH_FPS = 0.3
REACH_ADDED_MS = 8.0
LONGEST_S = 3600.0
TRACE = "encoder-trace"
SESSION = ("--rtsp-session-timeout-s", "3600")


def watch(pi: VirtualPi, seconds: float) -> list[Arrival]:
    """Play over UDP for so long."""
    with serving(pi, *FORMAT, *SESSION, size=PICTURE, VIRTUALPI_ENCODER_TRACE=f"/faults/{TRACE}") as server:
        server.wait_for("Video is")
        with Viewer(server.url).play("udp") as viewer:
            return list(arrivals(viewer, seconds))


def encoding_ms(trace: Path) -> dict[int, float]:
    """How long the emulated encoder took for each picture, by its capture time in microseconds."""
    lines = [line.split() for line in trace.read_text().splitlines()]
    return {int(captured_us): int(took_us) / 1000 for captured_us, took_us in lines}


def added_ms(seen: list[Arrival], took_ms: dict[int, float]) -> list[float]:
    """From capture to the last packet written, without the encoder's own time; in rising order.

    Raises:
        BenchError: a picture that was sent was never encoded.
    """
    known_us = sorted(took_ms)
    added = []
    for arrival in seen:
        captured_us = nearest(known_us, round(arrival.captured_s * 1e6))
        added.append((arrival.written_s - arrival.captured_s) * 1e3 - took_ms[captured_us])
    return sorted(added)


def nearest(known_us: list[int], at_us: int) -> int:
    """The capture time that is meant; RTP's clock tells it to 11 us, and the two clocks may drift apart a little."""
    at = bisect.bisect(known_us, at_us)
    found = min(known_us[max(at - 1, 0) : at + 1], key=lambda known: abs(known - at_us))
    if abs(found - at_us) > 1e6 / FPS / 3:
        raise BenchError(f"no picture was encoded that was captured at {at_us} us, the nearest one at {found} us")
    return found


def describe_sps(seen: list[Arrival]) -> str:
    sps = next(nal for arrival in seen for nal in arrival.unit.units if nal[0] & 0x1F == NalType.SPS)
    said = parse_sps(sps)
    return f"profile_idc {said.profile_idc}, level_idc {said.level_idc}, {said.width}x{said.height}"


def measure_stream(pi: VirtualPi, seconds: float) -> None:
    seen = watch(pi, seconds)
    rate = (len(seen) - 1) / (seen[-1].captured_s - seen[0].captured_s)
    print(f"{len(seen)} frames in {seconds:.0f} s, {rate:.3f} frames/s, none lost")
    print(f"SPS: {describe_sps(seen)}; asked for: main (77), 4.1 (41), 1280x720")
    # What was kept for the newcomer was written long after its capture.
    added = added_ms(seen[int(FPS) :], encoding_ms(pi.faults / TRACE))
    rows = [
        Row("frames/s beside 30", abs(rate - FPS), reach=REACH_FPS),
        Row("capture -> last packet written, beyond the encoder, median, ms", percentile(added, 50)),
        Row("the same, 99th percentile, ms", percentile(added, 99), reach=REACH_ADDED_MS),
        Row("the same, worst, ms", added[-1]),
    ]
    print_table("The camera's stream at a viewer over UDP (virtual Raspberry Pi)", rows)


def measure(options: Options) -> None:
    on_virtual_pi(lambda pi: measure_stream(pi, options.seconds))


if __name__ == "__main__":
    run(measure, "Rate, SPS and delay of the camera's stream.", seconds=60, longest_s=LONGEST_S, pins=False)
