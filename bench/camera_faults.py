"""How long viewers see nothing when the camera, its encoder or its process fails, on the virtual Raspberry Pi."""

import os
import signal
import time
from collections.abc import Callable

from bench.options import Options, run
from bench.table import Row, print_table
from bench.virtual_pi import FORMAT, PICTURE, on_virtual_pi
from tests.e2e.server import Server
from tests.e2e.viewer import Viewer
from tests.network import wait_until
from tests.virtualpi.pi import VirtualPi
from tests.virtualpi.serving import RECOVERY_LIMIT_S, children, serving, watching

TIMES = 3
HOLDER = ("python", "/project/tests/virtualpi/hold_camera.py")
LOOK_AGAIN_S = 0.02

Fault = Callable[[VirtualPi, Server], None]


def stall_until(fault: str, remedy: str) -> Fault:
    """A fault that ends as its remedy is applied, so that no milder one helps."""

    def bring_about(pi: VirtualPi, server: Server) -> None:
        with pi.fault(fault):
            server.wait_for(f"Pipeline crashed: no frames, {remedy}")

    return bring_about


def kill(_: VirtualPi, server: Server) -> None:
    os.kill(children(server)[0], signal.SIGKILL)


def recovery_s(pi: VirtualPi, source: str, fault: Fault) -> float:
    """From the last frame before a fault to the first one after it, at the viewer who waits longer."""
    with serving(pi, *FORMAT, size=PICTURE, source=source) as server, watching(server) as watchers:
        fault(pi, server)
        server.wait_for("Frames are back", timeout_s=RECOVERY_LIMIT_S)
        for watcher in watchers:
            watcher.wait_for_more()
        return max(watcher.longest_gap().arrival_s for watcher in watchers)


def first_frame_s(server: Server) -> float:
    """From now until a viewer that asks again and again has its first frame."""
    begun_s = time.monotonic()

    def is_described() -> bool:
        with Viewer(server.url) as viewer:
            return viewer.ask("DESCRIBE").status == 200

    wait_until(is_described, "a description", timeout_s=RECOVERY_LIMIT_S, pause_s=LOOK_AGAIN_S)
    with Viewer(server.url).play("tcp") as viewer:
        next(viewer.units())
    return time.monotonic() - begun_s


def freed_s(pi: VirtualPi) -> float:
    """From the end of the program that has the camera to the first frame."""
    with serving(pi, *FORMAT, size=PICTURE, before=HOLDER) as server:
        told = server.wait_for("rpicam-hello (pid ")
        os.kill(int(told.partition("rpicam-hello (pid ")[2].partition(")")[0]), signal.SIGKILL)
        return first_frame_s(server)


def appeared_s(pi: VirtualPi) -> float:
    """From the camera's being listed to the first frame."""
    with pi.fault("camera-absent"), serving(pi, *FORMAT, size=PICTURE) as server:
        server.wait_for("Camera failed to open")
        pi.end_fault("camera-absent")
        return first_frame_s(server)


def restarts_before_the_end(pi: VirtualPi) -> int:
    """How often a source that is broken for good is started again within the minute before the server ends."""
    with serving(pi, *FORMAT, size=PICTURE) as server:
        server.wait_for("Video is")
        with pi.fault("encoder-error"):
            given_up = server.wait_for("Max retries exceeded", timeout_s=RECOVERY_LIMIT_S)
            code = server.wait_for_end()
    print(f"EIO for good: exit code {code}, {given_up.partition('ERROR')[2].strip()}")
    return len(server.lines_with("Pipeline crashed")) - 1


def worst(measure: Callable[[], float]) -> float:
    return max(measure() for _ in range(TIMES))


def measure_all(pi: VirtualPi) -> None:
    stalled = stall_until("encoder-stall", "restarting the encoder")
    starved = stall_until("camera-timeout", "restarting the camera")
    rows = [
        Row("the encoder stalls", worst(lambda: recovery_s(pi, "camera", stalled)), reach=2.5),
        Row("the camera stalls", worst(lambda: recovery_s(pi, "camera", starved)), reach=4.0),
        Row("SIGKILL to the camera's process", worst(lambda: recovery_s(pi, "camera", kill)), reach=2.0),
        Row("SIGKILL to rpicam-vid", worst(lambda: recovery_s(pi, "rpicam", kill)), reach=2.0),
        Row("another program frees the camera", worst(lambda: freed_s(pi)), reach=3.0),
        Row("a camera appears", worst(lambda: appeared_s(pi)), reach=6.0),
        Row("the encoder answers EIO for good: restarts", restarts_before_the_end(pi), reach=5),
    ]
    print_table(f"Without a frame, worst of {TIMES}, in s (virtual Raspberry Pi)", rows)


def measure(_: Options) -> None:
    on_virtual_pi(measure_all)


if __name__ == "__main__":
    run(measure, "How long viewers see nothing after each fault of a camera.", seconds=None, pins=False)
