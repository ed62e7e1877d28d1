"""libcamera controls as an operator writes them: `AwbMode=Daylight, AfWindows=(0,0,640,360)`."""

import re

_ITEM = re.compile(r"([A-Za-z][A-Za-z0-9]*)\s*=\s*([^\s=].*)")
_SEPARATOR = re.compile(r"[,;](?![^(]*\))")


def parse_controls(text: str) -> dict[str, str]:
    """Cut into names and the text of their values; commas within parentheses belong to a value.

    Raises:
        ValueError: an item is not NAME=VALUE, or a name comes twice.
    """
    found: dict[str, str] = {}
    for item in (part.strip() for part in _SEPARATOR.split(text)):
        if not item:
            continue
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{item} is not NAME=VALUE")
        name, value = match[1], match[2].strip()
        if name in found:
            raise ValueError(f"{name} comes twice")
        found[name] = value
    return found
