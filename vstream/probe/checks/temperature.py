"""How hot the processor is."""

from vstream.probe.finding import Finding, ok, skipped, warning
from vstream.probe.machine import Machine
from vstream.probe.subject import Subject

# A Raspberry Pi slows down from 80 degrees on, and more so at 85.
_SLOWS_DOWN_C = 80.0


def check(subject: Subject) -> Finding:
    """The hottest thermal zone, in degrees Celsius."""
    zones = _zones_c(subject.machine)
    if not zones:
        return skipped("no thermal zone is to be seen")
    name = max(zones, key=zones.__getitem__)
    facts: dict[str, object] = {"zone": name, "celsius": zones[name]}
    seen = f"{zones[name]:.1f} °C ({name})"
    if subject.machine.is_raspberry_pi and zones[name] >= _SLOWS_DOWN_C:
        return warning(seen, "the board slows down from 80 °C on: give it a heat sink or a fan", facts)
    return ok(seen, facts)


def _zones_c(machine: Machine) -> dict[str, float]:
    found = {}
    for zone in machine.find("/sys/class/thermal/thermal_zone*"):
        folder = machine.name_of(zone)
        thousandths = machine.number(f"{folder}/temp")
        if thousandths is not None:
            found[machine.text(f"{folder}/type") or zone.name] = thousandths / 1000
    return found
