"""A source served on loopback, for the probe alone."""

import secrets
import threading
from dataclasses import replace
from typing import NamedTuple

from vstream.clock import monotonic_us
from vstream.config import Settings
from vstream.server.loop import EventLoop
from vstream.server.rtsp_server import RtspServer
from vstream.sources.base import AccessUnit, Source
from vstream.stream import Stream

USER = "probe"

_END_LIMIT_S = 0.5


class Taken(NamedTuple):
    """An access unit, and when the source handed it over (CLOCK_MONOTONIC)."""

    data: bytes
    pts_us: int
    arrived_us: int


class Serving:
    """A source, its stream and a server on a free port of 127.0.0.1, for a user with a password of the moment."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self.password = secrets.token_urlsafe(16)
        self.source = source
        self.stream = Stream(
            max_packet_bytes=settings.rtsp_mtu,
            fps=settings.stream_fps,
            bitrate_bps=settings.bitrate_bps if settings.encodes else None,
            request_keyframe=source.request_keyframe,
        )
        self.loop = EventLoop()
        self.server = RtspServer(_for_us_alone(settings, self.password), self.stream, self.loop)
        self.stream.on_backlog = self.loop.wake
        self.loop.on_wake(self.server.pace)
        self.units: list[Taken] = []
        self.trouble = ""
        self.begun = threading.Event()
        """Set when viewers can be served, or when the source came to its end."""
        self.ended = threading.Event()
        """Set when the source came to its end."""
        self._loop_thread = threading.Thread(target=self.loop.run, name="loop", daemon=True)
        self._source_thread = threading.Thread(target=self._run, name="source", daemon=True)

    def start(self) -> None:
        self._loop_thread.start()
        self._source_thread.start()

    def stop(self) -> None:
        self.source.stop()
        self._source_thread.join(_END_LIMIT_S)
        self.loop.stop()
        self._loop_thread.join(_END_LIMIT_S)
        self.server.shut_down(_END_LIMIT_S)
        self.loop.close()

    def _run(self) -> None:
        try:
            self.source.run(self._take)
        except Exception as error:
            self.trouble = str(error) or type(error).__name__
        self.ended.set()
        self.begun.set()

    def _take(self, unit: AccessUnit) -> None:
        self.units.append(Taken(bytes(unit.data), unit.pts_us, monotonic_us()))
        self.stream.publish(unit)
        if self.stream.ready:
            self.begun.set()


def _for_us_alone(settings: Settings, password: str) -> Settings:
    return replace(
        settings,
        rtsp_host="127.0.0.1",
        rtsp_port=0,
        rtp_port=0,
        rtsp_tls_cert="",
        rtsp_tls_key="",
        rtsp_auth=True,
        rtsp_auth_basic=True,
        rtsp_username=USER,
        rtsp_password=password,
        rtsp_password_file="",
        rtsp_auth_read_networks="",
        rtsp_multicast="",
    )
