"""Everything about a running server as one JSON document, for `vstream status` and for scripts."""

import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from vstream import __version__
from vstream.config import report
from vstream.counters import counters
from vstream.http.health import Verdict, live, ready
from vstream.http.rates import Rates
from vstream.server.viewer import Viewer
from vstream.service import Service


def status(service: Service, rates: Rates) -> Mapping[str, object]:
    """The document; times are UTC, rates bits or frames a second, unknown values null."""
    uptime_s = time.monotonic() - service.started_s
    return {
        "version": __version__,
        "python": sys.version.split()[0],
        "pid": os.getpid(),
        "since": _date(uptime_s),
        "uptime_s": round(uptime_s, 1),
        "health": health(service),
        "source": _source(service, rates),
        "video": _video(service),
        "rtsp": {"port": service.server.port, "path": service.settings.rtsp_path},
        "sent": _sent(service),
        "viewers": _viewers(service, rates),
        "refused": {
            "authentication": dict(counters.auth_failures),
            "connections": dict(counters.connections_refused),
            "requests": dict(counters.requests_refused),
        },
        "settings": report.as_mapping(service.settings),
    }


def health(service: Service) -> Mapping[str, object]:
    """Both verdicts with their reasons."""
    return {"live": verdict(live(service)), "ready": verdict(ready(service))}


def verdict(given: Verdict) -> Mapping[str, object]:
    """One verdict as JSON has it."""
    return {"ok": given.is_good, "reason": given.reason}


def _date(seconds_ago: float) -> str:
    """When that was, by the wall clock as it is set now; in the form of RFC 3339, to the second."""
    return datetime.fromtimestamp(time.time() - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _source(service: Service, rates: Rates) -> Mapping[str, object]:
    fanout = service.stream.fanout
    return {
        "name": service.source.name,
        "frames": fanout.units,
        "keyframes": fanout.keyframes,
        "fps": round(rates.fps(), 2),
        "bitrate_bps": round(rates.bitrate_bps()),
        "newest_frame_age_s": round(service.stream.newest_frame_age_us / 1e6, 3) if fanout.units else None,
        "restarts": dict(service.supervisor.restarts),
    }


def _video(service: Service) -> Mapping[str, object] | None:
    picture = service.stream.picture
    if picture is None:
        return None
    return {
        "width": picture.width,
        "height": picture.height,
        "fps": picture.fps,
        "profile_idc": picture.profile_idc,
        "level_idc": picture.level_idc,
    }


def _sent(service: Service) -> Mapping[str, object]:
    fanout = service.stream.fanout
    return {
        "packets": fanout.packets_sent,
        "payload_bytes": fanout.octets_sent,
        "frames_dropped": fanout.units_dropped,
        "written_p99_us": fanout.delay_us(0.99),
    }


def _viewers(service: Service, rates: Rates) -> list[Mapping[str, object]]:
    bitrates = rates.viewer_bps()
    return [_viewer(viewer, bitrates.get(viewer.number, 0.0)) for viewer in list(service.server.viewers.values())]


def _viewer(viewer: Viewer, bitrate_bps: float) -> Mapping[str, object]:
    writer, reception = viewer.carrier.writer, viewer.reception
    seconds = time.monotonic() - viewer.since_s
    return {
        "viewer": viewer.number,
        "address": str(viewer.peer),
        "transport": viewer.carrier.name,
        "since": _date(seconds),
        "seconds": round(seconds, 1),
        "playing": viewer.is_playing,
        "bitrate_bps": round(bitrate_bps),
        "packets": writer.packets_sent,
        "frames": writer.units_sent,
        "frames_dropped": writer.units_dropped,
        "queued_bytes": writer.queued_bytes,
        "loss": reception.fraction_lost,
        "packets_lost": reception.packets_lost,
        "jitter_s": reception.jitter_s,
        "round_trip_s": reception.round_trip_s,
    }
