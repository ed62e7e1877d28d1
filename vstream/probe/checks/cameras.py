"""The cameras that libcamera lists, and which of their modes the settings would use."""

from vstream.probe.finding import Finding, failure, ok, skipped, warning
from vstream.probe.notes import ChosenNote, ModeNote, Notes
from vstream.probe.subject import Need, Subject

_ADVICE = (
    "check the cable (contacts, latch, right connector), then config.txt; dmesg tells of a sensor that does not answer"
)


def check(subject: Subject) -> Finding:
    """Whether there is the camera that the settings ask for."""
    if subject.need is Need.NONE:
        return skipped(subject.without_need)
    if subject.examination is None:
        return skipped("rpicam-vid finds the camera by itself; rpicam-hello --list-cameras shows it")
    reason = subject.examination.why_no_camera
    return _listed(subject, subject.examination.notes) if reason is None else _none(subject, reason)


def _none(subject: Subject, reason: str) -> Finding:
    examination = subject.examination
    is_asked = examination is not None and "cameras" in examination.notes
    advice = _ADVICE if is_asked else "see the check of the camera's software"
    if subject.need is Need.REQUIRED:
        return failure(reason, advice)
    advice = f"where there should be none: STREAM_SOURCE=test; otherwise {advice}"
    return warning(f"{reason}; vstream serve looks for rpicam-vid then, or streams the test pattern", advice)


def _listed(subject: Subject, notes: Notes) -> Finding:
    cameras, index = notes["cameras"], subject.settings.camera_index
    facts: dict[str, object] = {
        "cameras": cameras,
        "index": index,
        "modes": notes.get("modes", []),
        "chosen": notes.get("chosen"),
    }
    seen = ", ".join(f"{camera['number']}: {camera['model']}" for camera in cameras)
    if index >= len(cameras):
        return failure(f"{seen}; CAMERA_INDEX is {index}", "give the number of one that is listed", facts)
    if "chosen" not in notes:
        return ok(seen, facts)
    seen = f"{seen}; {_words(notes['chosen'])}"
    if modes := [_mode(mode) for mode in notes.get("modes", ()) if mode["width"] is not None]:
        seen += f"; it has {', '.join(modes)}"
    return _judged(subject, seen, notes["chosen"], facts)


def _judged(subject: Subject, seen: str, chosen: ChosenNote, facts: dict[str, object]) -> Finding:
    settings = subject.settings
    if chosen["fps_limit"] is not None and chosen["fps_limit"] < settings.stream_fps * 0.99:
        what = f"{seen}; at most {chosen['fps_limit']:.4g} frames/s"
        return warning(what, "lower STREAM_FPS, or STREAM_WIDTH and STREAM_HEIGHT for a faster mode", facts)
    if (chosen["width"], chosen["height"]) != (settings.stream_width, settings.stream_height):
        return warning(seen, "the camera cannot give the size that was asked for: choose another", facts)
    return ok(seen, facts)


def _mode(mode: ModeNote) -> str:
    rate = f" at {mode['fps']:g}" if mode["fps"] is not None else ""
    return f"{mode['width']}x{mode['height']}{rate}"


def _words(chosen: ChosenNote) -> str:
    picture = f"{chosen['width']}x{chosen['height']} {chosen['format']}"
    if chosen["sensor_width"] is None:
        return picture
    depth = f", {chosen['sensor_bit_depth']} bits" if chosen["sensor_bit_depth"] else ""
    return f"{picture} from the sensor's {chosen['sensor_width']}x{chosen['sensor_height']}{depth}"
