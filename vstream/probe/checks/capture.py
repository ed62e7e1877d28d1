"""Frames of the camera, before any encoder: do they come, at their rate, and how were they exposed."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from vstream.probe.finding import Finding, failure, ok, skipped, warning
from vstream.probe.notes import FrameNote
from vstream.probe.subject import Need, Subject

_LATE_SHARE = 1.5
_RATE_SHARE = 0.97
_OPEN_ADVICE = "end who holds it; where nobody does: cable, config.txt, CAMERA_CONTROLS, and what dmesg says"
_STALL_ADVICE = "look for under-voltage and at the cable; restarting the board frees a sensor that hangs"


def check(subject: Subject) -> Finding:
    """Rate, jitter and lost frames by the sensor's own times."""
    if subject.need is Need.NONE:
        return skipped(subject.without_need)
    examination = subject.examination
    if examination is None:
        return skipped("rpicam-vid captures and encodes in one; see the check of the encoder")
    notes = examination.notes
    if not notes.get("cameras"):
        return skipped("no camera")
    if "frames" not in notes:
        return failure(examination.trouble, _OPEN_ADVICE)
    frames = notes["frames"]
    if len(frames) < 2:
        return failure(f"the camera opens, but gives no frames ({len(frames)} came)", _STALL_ADVICE)
    return _judged(frames, subject.settings.stream_fps)


def _judged(frames: Sequence[FrameNote], wanted_fps: float) -> Finding:
    steps_us = [after["sensor_us"] - before["sensor_us"] for before, after in pairwise(frames)]
    interval_us = median(steps_us)
    fps = 1e6 / interval_us if interval_us > 0 else 0.0
    lost = sum(max(round(step / interval_us) - 1, 0) for step in steps_us) if interval_us > 0 else 0
    regular_us = [step for step in steps_us if step < interval_us * _LATE_SHARE]
    jitter_us = max((abs(step - interval_us) for step in regular_us), default=0.0)
    newest = frames[-1]
    facts: dict[str, object] = {
        "frames": len(frames),
        "fps": round(fps, 3),
        "jitter_us": round(jitter_us),
        "lost": lost,
        "exposure_us": newest["exposure_us"],
        "gain": newest["gain"],
    }
    seen = f"{len(frames)} frames at {fps:.2f} frames/s, jitter {jitter_us / 1000:.2f} ms, {lost} lost"
    if newest["exposure_us"] is not None:
        gain = f" with gain {newest['gain']:.1f}" if newest["gain"] is not None else ""
        seen += f", exposed for {newest['exposure_us'] / 1000:.1f} ms{gain}"
    if fps < wanted_fps * _RATE_SHARE:
        return warning(f"{seen}, {wanted_fps:g} frames/s asked for", "lower STREAM_FPS or the size", facts)
    if lost:
        return warning(seen, "end other programs; raise H264_BUFFER_COUNT", facts)
    return ok(seen, facts)
