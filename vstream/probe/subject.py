"""What is probed: the machine, with the settings that `vstream serve` would be given."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from vstream.config import Settings
from vstream.probe.examination import Examination
from vstream.probe.finding import Finding, failure, skipped, warning
from vstream.probe.machine import Machine
from vstream.probe.trial import Trial


class Need(Enum):
    """Whether the settings need a camera."""

    REQUIRED = "required"
    IF_THERE = "if there is one"
    NONE = "none"


@dataclass
class Subject:
    """The settings and the machine; camera and stream once they were looked at."""

    settings: Settings
    machine: Machine
    snapshot: Path | None = None
    examination: Examination | None = None
    """What libcamera and picamera2 told; None where they were not asked."""
    trial: Trial | None = None
    """The stream as it was served; None where it was not."""

    @property
    def need(self) -> Need:
        source = self.settings.stream_source
        if source in {"camera", "rpicam"}:
            return Need.REQUIRED
        return Need.IF_THERE if source == "auto" else Need.NONE

    @property
    def without_need(self) -> str:
        """Why the camera is not looked at."""
        return f"STREAM_SOURCE={self.settings.stream_source} needs no camera"

    def absence(self, seen: str, advice: str) -> Finding:
        """Something that a camera takes is not here: how bad that is depends on who needs one."""
        if self.need is Need.REQUIRED:
            return failure(seen, advice)
        if self.need is Need.IF_THERE and self.machine.is_raspberry_pi:
            return warning(seen, advice)
        return skipped(seen)
