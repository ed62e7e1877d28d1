"""The whole server in this process, on loopback ports it picks, fed by the test instead of a source."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests import access_units
from tests.certificates import Pair
from vstream.clock import monotonic_us
from vstream.config import Settings
from vstream.server.loop import EventLoop
from vstream.server.rtsp_server import RtspServer
from vstream.sources.base import AccessUnit
from vstream.stream import Stream

_CLOSE_LIMIT_S = 10
_GOODBYE_LIMIT_S = 0.5


class Served:
    """A running server; `keyframe` and `picture` publish numbered access units from the caller's thread."""

    def __init__(self, settings: Settings, request_keyframe: Callable[[], bool]) -> None:
        self.loop = EventLoop()
        self.stream = Stream(max_packet_bytes=1400, fps=30, bitrate_bps=1_000_000, request_keyframe=request_keyframe)
        self.server = RtspServer(settings, self.stream, self.loop)
        self.stream.on_backlog = self.loop.wake
        self.loop.on_wake(self.server.pace)
        host = settings.rtsp_host
        self.url = f"rtsp://{f'[{host}]' if ':' in host else host}:{self.server.port}{settings.rtsp_path}"
        self.count = 0
        self._thread = threading.Thread(target=self.loop.run, name="loop", daemon=True)
        self._thread.start()

    @property
    def encrypted_url(self) -> str:
        """Where it is reached through TLS."""
        return self.url.replace(
            f"rtsp://127.0.0.1:{self.server.port}", f"rtsps://127.0.0.1:{self.server.encrypted_port}"
        )

    def keyframe(self, size_bytes: int = 3000) -> None:
        self._publish(access_units.keyframe(self.count, size_bytes))

    def picture(self, size_bytes: int = 1000) -> None:
        self._publish(access_units.picture(self.count, size_bytes))

    def keyframes_until_one_is_sent(self) -> None:
        """Wait until a viewer has joined, whose answer to PLAY comes a moment before that."""
        while not self.stream.fanout.packets_sent:
            self.keyframe()

    def _publish(self, data: bytes) -> None:
        self.count += 1
        self.stream.publish(AccessUnit(data, monotonic_us()))

    def on_loop(self, call: Callable[[], None]) -> None:
        """Have the loop's thread call something, and wait until it has."""
        done = threading.Event()

        def run() -> None:
            try:
                call()
            finally:
                done.set()
                self.loop.on_wake(self.server.pace)

        self.loop.on_wake(run)
        self.loop.wake()
        assert done.wait(_CLOSE_LIMIT_S)

    def shut_down(self, goodbye_limit_s: float = _GOODBYE_LIMIT_S) -> float:
        """Stop as `vstream serve` does; gives how long that took, in seconds."""
        begun_s = time.monotonic()
        if self._thread.is_alive():
            self.loop.stop()
            self._thread.join(_CLOSE_LIMIT_S)
            assert not self._thread.is_alive()
            self.server.shut_down(goodbye_limit_s)
            self.loop.close()
        return time.monotonic() - begun_s


@contextmanager
def served(
    *,
    host: str = "127.0.0.1",
    request_keyframe: Callable[[], bool] = lambda: False,
    settings: Settings | None = None,
    tls: Pair | None = None,
) -> Iterator[Served]:
    """Serve until the block ends, on ports of its own whatever `settings` say; with `tls`, on an RTSPS port too."""
    settings = replace(settings or Settings(), rtsp_host=host, rtsp_port=0, rtp_port=0)
    if tls is not None:
        settings = replace(settings, rtsps_port=0, rtsp_tls_cert=str(tls.certificate), rtsp_tls_key=str(tls.key))
    running = Served(settings, request_keyframe)
    try:
        yield running
    finally:
        running.shut_down()
