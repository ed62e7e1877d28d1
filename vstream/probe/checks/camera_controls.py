"""The controls that the camera offers to CAMERA_CONTROLS."""

from vstream.probe.finding import Finding, ok, skipped
from vstream.probe.notes import ControlNote
from vstream.probe.subject import Subject


def check(subject: Subject) -> Finding:
    """Every control with its bounds or its words; values that are wrong show in the check of the capture."""
    notes = subject.examination.notes if subject.examination else {}
    if "controls" not in notes:
        return skipped("no camera was opened that could tell")
    controls = notes["controls"]
    return ok(", ".join(map(_described, controls)) or "the camera offers none", {"controls": controls})


def _described(control: ControlNote) -> str:
    if control["words"]:
        return f"{control['name']} ({' '.join(control['words'])})"
    if control["type"] == "bool":
        return f"{control['name']} (true false)"
    if control["lowest"] is None or control["highest"] is None:
        return f"{control['name']} ({control['type']})"
    return f"{control['name']} ({control['lowest']:g} to {control['highest']:g})"
