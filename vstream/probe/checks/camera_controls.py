"""The controls that the camera offers to CAMERA_CONTROLS."""

from vstream.probe.finding import Finding, ok, skipped
from vstream.probe.subject import Subject


def check(subject: Subject) -> Finding:
    """Every control with its type and bounds, or its words; values that are wrong show in the check of the capture."""
    notes = subject.examination.notes if subject.examination else {}
    if "controls" not in notes:
        return skipped("no camera was opened that could tell")
    controls = notes["controls"]
    names = ", ".join(control["name"] for control in controls) or "none"
    return ok(f"{len(controls)}: {names}", {"controls": controls})
