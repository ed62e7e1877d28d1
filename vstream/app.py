"""`vstream serve`: a source, its stream, and the server around it, until a signal or the source's end."""

import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from vstream.config import Loaded, Settings
from vstream.http.health import live
from vstream.http.server import HttpServer, open_http
from vstream.mdns import Announcement, announcement
from vstream.notify import Systemd
from vstream.reload import LOOK_INTERVAL_S, Reloader
from vstream.server.loop import EventLoop
from vstream.server.rtsp_server import RtspServer
from vstream.service import Service
from vstream.sources.select import open_source
from vstream.stream import Stream
from vstream.supervisor import Supervisor
from vstream.urls import opening_help, stream_urls

# A frame's thread waits for the interpreter at most this long while another thread computes; Python's own 5 ms is late.
_SWITCH_INTERVAL_S = 0.0005
_SOURCE_STOP_LIMIT_S = 0.3
# What Python itself takes to end, out of the time that ending may take.
_LEAVE_S = 0.1
# How much longer than it may take ending is waited for on a busy machine.
_UNEXPECTED_S = 5.0
_STATUS_INTERVAL_S = 5.0

log = logging.getLogger(__name__)


def serve(loaded: Loaded) -> int:
    """Serve until SIGINT, SIGTERM or the end of the source; gives the exit code.

    Raises:
        VstreamError: a port is taken, or the source cannot be read or was restarted too often.
    """
    log.info("Starting VideoStreamer application")
    for warning in loaded.warnings:
        log.warning(warning)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    loop = EventLoop()
    service = _assemble(loaded.settings, loop)
    http = open_http(loaded.settings)
    systemd = Systemd(os.environ)
    reloader = Reloader(loaded, service)
    if loaded.config_file is not None:
        loop.every(LOOK_INTERVAL_S, reloader.look)
    _obey_signals(loop, reloader, systemd)
    service.supervisor.start()
    announced = announcement(loaded.settings, service.server.port)
    _print_urls(loaded.settings, service.server, http)
    if http is not None:
        http.start(service)
    if announced is not None:
        announced.start()
    _report_to(systemd, service, loop)
    loop.run()
    _ignore_signals()
    log.info("Stopping")
    systemd.stopping(service.settings.shutdown_grace_s + _UNEXPECTED_S)
    _end(service, http, announced)
    loop.close()
    if service.supervisor.outcome is not None:
        raise service.supervisor.outcome
    return 0


def _assemble(settings: Settings, loop: EventLoop) -> Service:
    source = open_source(settings)
    stream = Stream(
        max_packet_bytes=settings.rtsp_mtu,
        fps=settings.stream_fps,
        bitrate_bps=settings.bitrate_bps if settings.encodes else None,
        request_keyframe=source.request_keyframe,
    )
    server = RtspServer(settings, stream, loop)
    supervisor = Supervisor(
        source,
        stream,
        loop.stop,
        frame_timeout_s=settings.frame_timeout_ms / 1000,
        restarts_limit=settings.max_restarts_per_minute,
        waits=settings.camera_fail == "wait",
    )
    stream.on_backlog = loop.wake
    loop.on_wake(server.pace)
    return Service(settings, source, stream, supervisor, server)


def _end(service: Service, http: HttpServer | None, announced: Announcement | None) -> None:
    """Tell the viewers and end everything, within the time that the settings allow."""
    limit_s = time.monotonic() + service.settings.shutdown_grace_s - _LEAVE_S
    service.is_ending = True
    if announced is not None:
        announced.withdraw()
    service.supervisor.stop(min(_SOURCE_STOP_LIMIT_S, service.settings.shutdown_grace_s / 2))
    service.server.shut_down(max(limit_s - time.monotonic(), 0.0))
    if http is not None:
        http.stop(max(limit_s - time.monotonic(), 0.0))
    if announced is not None:
        announced.join(max(limit_s - time.monotonic(), 0.0))
    service.stream.log_summary()


def _obey_signals(loop: EventLoop, reloader: Reloader, systemd: Systemd) -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        log.info("Received %s", signal.Signals(number).name)
        loop.stop()

    def reload(_number: int, _frame: FrameType | None) -> None:
        loop.after(0, lambda: reload_for(systemd, reloader))
        loop.wake()

    # Python calls a handler between two of its steps: without this, not before a wait that had all but begun is over.
    signal.set_wakeup_fd(loop.wake_fd, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, reload)


def _ignore_signals() -> None:
    """All ends in bounded time now; handlers Python would take back, and then who repeats a signal would kill us."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)


def reload_for(systemd: Systemd, reloader: Reloader) -> None:
    """Reload on SIGHUP; whatever comes of it, systemd hears of the end, or it would wait for ever (sd_notify(3))."""
    log.info("Received SIGHUP")
    systemd.reloading()
    try:
        reloader.reload()
    finally:
        systemd.ready("Settings reloaded")


def _report_to(systemd: Systemd, service: Service, loop: EventLoop) -> None:
    """Say that the ports are open, then how it goes; a sign of life only where there is life."""
    if not systemd.listens:
        return

    def report() -> None:
        verdict = live(service)
        age_s = service.stream.newest_frame_age_us / 1e6
        text = f"{len(service.server.viewers)} viewers, newest frame {age_s:.1f} s old, {verdict.reason}"
        systemd.status(text, alive=verdict.is_good)

    systemd.ready(f"Serving on port {service.server.port}")
    interval_s = _STATUS_INTERVAL_S if systemd.watchdog_s is None else min(_STATUS_INTERVAL_S, systemd.watchdog_s / 3)
    loop.every(interval_s, report)


def _print_urls(settings: Settings, server: RtspServer, http: HttpServer | None) -> None:
    urls = stream_urls(settings.rtsp_host, server.port, settings.rtsp_path)
    if server.encrypted_port is not None:
        urls += stream_urls(settings.rtsp_host, server.encrypted_port, settings.rtsp_path, scheme="rtsps")
    log.info("Serving %s", " ".join(urls))
    if http is not None:
        log.info("Metrics, health and status on port %d", http.port)
    _print(opening_help(urls))


def _print(text: str) -> None:
    """A standard output that takes nothing, as on a full disk, is no reason not to serve."""
    try:
        print(text, flush=True)
    except OSError as error:
        log.warning("Standard output takes nothing: %s", error.strerror)
        # Python would fail once more as it ends, over what it still holds.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
