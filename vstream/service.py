"""The parts of a running server, for those who look at it from outside its threads."""

import time
from dataclasses import dataclass, field

from vstream.config import Settings
from vstream.server.rtsp_server import RtspServer
from vstream.sources.base import Source
from vstream.stream import Stream
from vstream.supervisor import Supervisor


@dataclass(slots=True)
class Service:
    """What runs, and the settings in force; whoever looks changes nothing."""

    settings: Settings
    source: Source
    stream: Stream
    supervisor: Supervisor
    server: RtspServer
    started_s: float = field(default_factory=time.monotonic)
    """By the clock that nobody sets."""
    is_ending: bool = False
    """Whether it was told to end and says goodbye to its viewers."""
