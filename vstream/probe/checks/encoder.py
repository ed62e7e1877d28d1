"""The encoder at work: what it makes, and how fast."""

from collections.abc import Sequence
from statistics import median

from vstream.errors import H264Error
from vstream.probe.finding import Finding, failure, ok, skipped, warning
from vstream.probe.serving import Taken
from vstream.probe.subject import Need, Subject
from vstream.probe.trial import Trial
from vstream.sources.fidelity import PROFILE_NAMES, differences
from vstream.sources.select import video_format

_RATE_SHARE = 0.9
_MOST_BITRATE_SHARE = 1.5
_WARM_UP_UNITS = 5
_ADVICE = "the log in a bundle (--bundle) says more; H264_ENCODER=x264 does without the board's encoder"


def check(subject: Subject) -> Finding:
    """Encoded frames from the source that the settings name: profile, level, rate, bitrate and delay."""
    trial = subject.trial
    if trial is None:
        return skipped(_why_untried(subject))
    if not trial.units or trial.picture is None:
        advice = _ADVICE if subject.settings.encodes else "give a file with H.264; ffprobe says what it holds"
        return failure(trial.trouble or "frames come, but without an SPS", advice, {"encoder": _name(subject, trial)})
    return _judged(subject, trial)


def _why_untried(subject: Subject) -> str:
    if subject.settings.stream_source == "-":
        return "standard input is left for vstream serve"
    return "the camera gives no frames to encode"


def _judged(subject: Subject, trial: Trial) -> Finding:
    settings, picture = subject.settings, trial.picture
    assert picture is not None
    span_s = (trial.units[-1].pts_us - trial.units[0].pts_us) / 1e6
    fps = (len(trial.units) - 1) / span_s if span_s > 0 else 0.0
    bitrate_bps = _bits(trial.units[:-1]) / span_s if span_s > 0 else 0.0
    delays_us = sorted(unit.arrived_us - unit.pts_us for unit in trial.units[_WARM_UP_UNITS:] or trial.units)
    facts: dict[str, object] = {
        "encoder": _name(subject, trial),
        "frames": len(trial.units),
        "fps": round(fps, 2),
        "width": picture.width,
        "height": picture.height,
        "profile": PROFILE_NAMES.get(picture.profile_idc, str(picture.profile_idc)),
        "level": f"{picture.level_idc / 10:g}",
        "bitrate_bps": round(bitrate_bps),
        "bitrate_asked_bps": settings.bitrate_bps if settings.encodes else None,
        "delay_median_ms": round(median(delays_us) / 1000, 1),
        "delay_worst_ms": round(delays_us[-1] / 1000, 1),
    }
    coding = f"{picture.width}x{picture.height}, {facts['profile']} {facts['level']}"
    delay = f"out {facts['delay_median_ms']} ms after capture (worst {facts['delay_worst_ms']})"
    seen = f"{facts['encoder']}: {coding}, {fps:.1f} frames/s, {bitrate_bps / 1e6:.2f} Mbit/s, {delay}"
    problem, advice = _problem(subject, trial, fps, bitrate_bps)
    return warning(f"{seen}; {problem}", advice, facts) if problem else ok(seen, facts)


def _problem(subject: Subject, trial: Trial, fps: float, bitrate_bps: float) -> tuple[str, str]:
    """What is not as it was asked for, and what to do; both empty where all is."""
    settings, picture = subject.settings, trial.picture
    if not settings.encodes or picture is None:
        return "", ""
    if trial.trouble:
        return f"then it broke: {trial.trouble}", _ADVICE
    try:
        differing = differences(picture, video_format(settings))
    except H264Error as error:
        differing = [str(error)]
    if differing:
        return f"it does not do as it was told: {', '.join(differing)}", "choose what the encoder can do"
    if fps < settings.stream_fps * _RATE_SHARE:
        return f"{settings.stream_fps:g} frames/s asked for", "lower STREAM_FPS, STREAM_WIDTH and STREAM_HEIGHT"
    if bitrate_bps > settings.bitrate_bps * _MOST_BITRATE_SHARE:
        return f"{settings.bitrate_bps / 1e6:.2f} Mbit/s asked for", "lower H264_BITRATE, or raise KEYFRAME_INTERVAL"
    return "", ""


def _bits(units: Sequence[Taken]) -> int:
    return 8 * sum(len(unit.data) for unit in units)


def _name(subject: Subject, trial: Trial) -> str:
    if not subject.settings.encodes:
        return "none, the file is encoded"
    if trial.source == "rpicam":
        return "rpicam-vid's"
    notes = subject.examination.notes if subject.examination else {}
    node = notes.get("encoder_node") if subject.settings.h264_encoder != "x264" else None
    return f"V4L2 {node}" if node and subject.need is not Need.NONE and trial.source != "test pattern" else "libx264"
