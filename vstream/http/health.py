"""Whether a running server is well: does it make progress, and can a viewer get pictures now."""

from typing import NamedTuple

from vstream.clock import monotonic_us
from vstream.service import Service

FRAME_AGE_LIMIT_S = 2.0
LOOP_LIMIT_S = 10.0
SOURCE_LIMIT_S = 60.0
"""Longer than any pause that is made on purpose before a source is started again."""


class Verdict(NamedTuple):
    """Yes or no, and the reason a person wants to read."""

    is_good: bool
    reason: str


def live(service: Service) -> Verdict:
    """Whether the process makes progress; if not, only a new one helps.

    A source without frames is no reason as long as somebody does something about it, or it waits for what it shows.
    """
    now_us = monotonic_us()
    loop_s = (now_us - service.server.checked_us) / 1e6
    if loop_s > LOOP_LIMIT_S:
        return Verdict(False, f"the event loop has stood still for {loop_s:.1f} s")
    if not service.supervisor.is_running and not service.is_ending:
        return Verdict(False, "the source's thread is gone")
    moved_us = max(service.stream.fanout.newest_us, service.supervisor.moved_us)
    source_s = (now_us - moved_us) / 1e6
    if source_s > SOURCE_LIMIT_S and not service.source.is_waiting:
        return Verdict(False, f"the source has given nothing and was not restarted for {source_s:.0f} s")
    return Verdict(True, "event loop and source make progress")


def ready(service: Service) -> Verdict:
    """Whether a viewer that comes now gets pictures."""
    if service.is_ending:
        return Verdict(False, "the server is ending")
    if not service.server.is_accepting:
        return Verdict(False, "RTSP connections are not accepted now")
    if not service.stream.ready:
        return Verdict(False, "the source has given no picture yet")
    age_s = service.stream.newest_frame_age_us / 1e6
    if age_s > FRAME_AGE_LIMIT_S:
        return Verdict(False, f"the newest frame is {age_s:.1f} s old")
    return Verdict(True, f"frames come and RTSP is served on port {service.server.port}")
