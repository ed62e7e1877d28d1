"""Header fields of an RTSP message (RFC 2326 section 12)."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True, init=False)
class Headers:
    """Header fields in their order; names are compared without case, and a name may come more than once.

    Text is one character a byte (latin-1), so that whatever a client sent can be written back unchanged.
    """

    _fields: list[tuple[str, str]]

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = list(fields)

    def get(self, name: str) -> str | None:
        """The first field of that name."""
        values = self.get_all(name)
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        """Every field of that name, in order."""
        wanted = name.lower()
        return [value for field, value in self._fields if field.lower() == wanted]

    def elements(self, name: str) -> list[str]:
        """The comma-separated elements of every field of that name (RFC 2326 section 15.1, `#` rule)."""
        return [element for value in self.get_all(name) for element in split_quoted(value, ",")]

    def set(self, name: str, value: str) -> None:
        """Replace every field of that name by one at the end."""
        wanted = name.lower()
        self._fields = [field for field in self._fields if field[0].lower() != wanted]
        self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Append a field; one of the same name stays."""
        self._fields.append((name, value))

    def items(self) -> list[tuple[str, str]]:
        """Every field as (name, value), in order."""
        return list(self._fields)

    def encode(self) -> bytes:
        """The fields as they stand on the wire, one line each, without the empty line at the end."""
        return "".join(f"{name}: {value}\r\n" for name, value in self._fields).encode("latin-1")

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __len__(self) -> int:
        return len(self._fields)


def split_quoted(text: str, separator: str) -> list[str]:
    """Cut at a separator that stands outside quotes; parts come stripped, and empty ones are left out."""
    parts: list[str] = []
    start = 0
    quoted = False
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:index].strip(" \t"))
            start = index + 1
    parts.append(text[start:].strip(" \t"))
    return [part for part in parts if part]
