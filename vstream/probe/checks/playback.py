"""The stream as a viewer on this machine gets it."""

from statistics import median

from vstream.probe.finding import Finding, failure, ok, skipped, warning
from vstream.probe.subject import Subject

_LONG_JOIN_MS = 1000.0
_ADVICE = "no player will do better: report it, with a bundle (--bundle)"


def check(subject: Subject) -> Finding:
    """How long joining took, and how old pictures were when the viewer had them."""
    trial = subject.trial
    if trial is None or not trial.units:
        return skipped("there is no stream to play")
    if trial.play is None or not trial.play.pictures:
        return failure(trial.play_trouble or "no picture came", _ADVICE)
    play = trial.play
    join_ms = (play.pictures[0][1] - play.asked_us) / 1000
    delays_ms = [delay / 1000 for delay in trial.delays_us]
    facts: dict[str, object] = {
        "source": trial.source,
        "join_ms": round(join_ms, 1),
        "pictures": len(play.pictures),
        "lost_packets": play.lost_packets,
        "delay_median_ms": round(median(delays_ms), 1) if delays_ms else None,
        "delay_worst_ms": round(max(delays_ms), 1) if delays_ms else None,
    }
    seen = f"{trial.source}: joined in {join_ms:.0f} ms, {len(play.pictures)} pictures"
    if delays_ms:
        seen += f", complete {facts['delay_median_ms']} ms after capture (worst {facts['delay_worst_ms']})"
    if trial.play_trouble or play.lost_packets:
        return warning(f"{seen}; {trial.play_trouble or f'{play.lost_packets} packets lost'}", _ADVICE, facts)
    if join_ms > _LONG_JOIN_MS:
        return warning(seen, "a source that cannot be asked for a keyframe: shorten its KEYFRAME_INTERVAL", facts)
    return ok(seen, facts)
