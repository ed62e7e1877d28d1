"""Whether the board has enough voltage and runs at its full speed."""

import re

from vstream.probe.finding import Finding, failure, ok, skipped, warning
from vstream.probe.machine import Machine
from vstream.probe.subject import Subject

# The bits of `vcgencmd get_throttled`; those of "now" are repeated 16 bits further up for "since the start".
_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
_SINCE_START = 16
_FIRMWARE_FILES = "/sys/devices/platform/soc*/*firmware/get_throttled"
_ADVICE = "use the board's own power supply and a short, thick cable; a starved camera stops without a word"


def check(subject: Subject) -> Finding:
    """Under-voltage and throttling, now and since the start, from vcgencmd or sysfs."""
    flags = _flags(subject.machine)
    if flags is None:
        return _alarm(subject.machine)
    now = [name for bit, name in _BITS.items() if flags >> bit & 1]
    before = [name for bit, name in _BITS.items() if flags >> (bit + _SINCE_START) & 1]
    facts: dict[str, object] = {"throttled": flags, "now": now, "since_start": before}
    if _BITS[0] in now:
        return failure(f"now: {', '.join(now)}", _ADVICE, facts)
    if now:
        return warning(f"now: {', '.join(now)}", "cool the board; see the check of the temperature", facts)
    if before:
        return warning(f"since the start: {', '.join(before)}", _ADVICE, facts)
    return ok("no under-voltage and no throttling since the start", facts)


def _flags(machine: Machine) -> int | None:
    printed = machine.run("vcgencmd", "get_throttled") or ""
    told = re.search(r"throttled=(0x[0-9a-fA-F]+)", printed)
    if told is not None:
        return int(told[1], 16)
    for file in machine.find(_FIRMWARE_FILES):
        text = machine.text(machine.name_of(file)) or ""
        if re.fullmatch(r"[0-9a-fA-F]+", text):
            return int(text, 16)
    return None


def _alarm(machine: Machine) -> Finding:
    """The kernel's own watch over the voltage (raspberrypi-hwmon), where nothing else can be asked."""
    for file in machine.find("/sys/class/hwmon/hwmon*"):
        folder = machine.name_of(file)
        if machine.text(f"{folder}/name") == "rpi_volt":
            is_low = machine.number(f"{folder}/in0_lcrit_alarm") == 1
            now: list[object] = [_BITS[0]] if is_low else []
            facts: dict[str, object] = {"throttled": None, "now": now, "since_start": []}
            return warning("under-voltage was seen", _ADVICE, facts) if is_low else ok("no under-voltage", facts)
    why = "neither vcgencmd nor sysfs tells" if machine.is_raspberry_pi else "only a Raspberry Pi tells"
    return skipped(f"voltage unknown: {why}")
