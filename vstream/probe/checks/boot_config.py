"""The lines of config.txt that decide whether the firmware tells the kernel of a camera."""

import re

from vstream.probe.finding import Finding, ok, skipped, warning
from vstream.probe.subject import Need, Subject

_FILES = ("/boot/firmware/config.txt", "/boot/config.txt")
_CAMERA_CHIPS = re.compile(r"(imx\d|ov\d|arducam|adv7|tc358|irs1125|ar\d)", re.IGNORECASE)
_WORDS = re.compile(r"(camera_auto_detect|start_x|start_file|gpu_mem)\b")
_MODEL_FILTERS = re.compile(r"pi\d\w*\+?|cm\d\w*|none|all", re.IGNORECASE)
# The first that is part of the model's name counts.
_BOARDS = (
    (" Compute Module 5", ("cm5", "pi5")),
    (" Compute Module 4S", ("cm4s", "pi4")),
    (" Compute Module 4", ("cm4", "pi4")),
    (" Compute Module 3", ("cm3", "pi3")),
    (" Zero 2", ("pi02", "pi0")),
    (" Zero W", ("pi0w", "pi0")),
    (" Zero", ("pi0",)),
    (" 500", ("pi500", "pi5")),
    (" 5", ("pi5",)),
    (" 400", ("pi400", "pi4")),
    (" 4", ("pi4",)),
    (" 3 Model B Plus", ("pi3+", "pi3")),
    (" 3 Model A Plus", ("pi3+", "pi3")),
    (" 3", ("pi3",)),
    (" 2", ("pi2",)),
    ("", ("pi1",)),
)
_ADVICE = "put camera_auto_detect=1 below [all], or dtoverlay=SENSOR (such as imx708) for other makers' cameras; reboot"


def check(subject: Subject) -> Finding:
    """Whether a camera is looked for at boot, by the lines that are in force for this board."""
    machine = subject.machine
    if not machine.is_raspberry_pi:
        return skipped("only a Raspberry Pi has a config.txt")
    text = machine.text(*_FILES)
    if text is None:
        where = "is hidden in this container" if machine.container else f"is neither at {' nor at '.join(_FILES)}"
        return skipped(f"config.txt {where}")
    lines = camera_lines(text, machine.model or "")
    facts: dict[str, object] = {"lines": lines}
    seen = "; ".join(lines) or "no line on a camera"
    if any(re.fullmatch(r"start_x=1|start_file=start_?x.*", line) for line in lines):
        return warning(
            f"{seen}: the old camera stack", "remove that line and reboot: libcamera cannot work beside", facts
        )
    looks = any(line == "camera_auto_detect=1" or _names_camera(line) for line in lines)
    if looks or subject.need is Need.NONE:
        return ok(seen, facts)
    return warning(f"{seen}: no camera is looked for at boot", _ADVICE, facts)


def camera_lines(text: str, model: str) -> list[str]:
    """The lines on cameras that hold for a board; of sections by other conditions than the board all are taken."""
    found, holds = [], True
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        section = re.fullmatch(r"\[(.+)\]", line)
        if section is not None:
            holds = _holds(section[1], model)
        elif holds and (_WORDS.match(line) or _names_camera(line)):
            found.append(line)
    return found


def _names_camera(line: str) -> bool:
    name, _, value = line.partition("=")
    return name == "dtoverlay" and _CAMERA_CHIPS.match(value) is not None


def _holds(section: str, model: str) -> bool:
    """Whether a section is for this board (the conditional filters of Raspberry Pi's config.txt documentation)."""
    name = section.lower()
    if not _MODEL_FILTERS.fullmatch(name) or name == "all":
        return True
    return name in _filters_of(model)


def _filters_of(model: str) -> set[str]:
    """The names of the sections that hold for a board, from its model as the device tree has it."""
    return next((set(names) for words, names in _BOARDS if f"Raspberry Pi{words}" in model), set())
