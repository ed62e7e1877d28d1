"""Who has the camera open now."""

from vstream.holders import holders
from vstream.probe.finding import Finding, ok, skipped, warning
from vstream.probe.subject import Need, Subject

# They open every node to see what it is, and keep some open without using the camera.
_WATCHERS = {"pipewire", "wireplumber", "pipewire-media-"}
_ADVICE = "end it, or leave the camera to it; a vstream service stops with: sudo systemctl stop vstream"


def check(subject: Subject) -> Finding:
    """Other programs with camera nodes open; those of other users show to root alone."""
    if subject.need is Need.NONE:
        return skipped(subject.without_need)
    found = holders(proc=subject.machine.path("/proc"))
    facts: dict[str, object] = {
        "holders": [{"name": one.name, "pid": one.pid, "nodes": one.nodes} for one in found],
        "sees_all": subject.machine.identity.uid == 0 and subject.machine.container is None,
    }
    limit = "" if facts["sees_all"] else " that is to be seen from here (root outside of containers sees all)"
    busy = [one for one in found if one.name not in _WATCHERS]
    if busy:
        return warning(f"held by {', '.join(map(str, busy))}", _ADVICE, facts)
    return ok(f"held by no program{limit}", facts)
