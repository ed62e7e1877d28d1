"""The kinds of value a setting can have: how each is read from text, written as text, and described."""

import re
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Kind(Protocol[T_co]):
    """Reads one setting's text."""

    @property
    def allowed(self) -> str:
        """What may be given, as it completes the sentence "give ..."."""

    def parse(self, text: str) -> T_co:
        """Turn text into a value.

        Raises:
            ValueError: the text is not one of those allowed.
        """


class Integer:
    """A whole number within bounds, where wanted a multiple of `multiple`."""

    def __init__(self, lowest: int, highest: int, *, multiple: int = 1) -> None:
        self.lowest, self.highest, self.multiple = lowest, highest, multiple

    @property
    def allowed(self) -> str:
        number = "an even whole number" if self.multiple == 2 else "a whole number"
        if self.multiple > 2:
            number = f"a multiple of {self.multiple}"
        return f"{number} from {self.lowest} to {self.highest}"

    def parse(self, text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise ValueError(text)
        value = int(text)
        if not self.lowest <= value <= self.highest or value % self.multiple:
            raise ValueError(text)
        return value


class Number:
    """A number within bounds, with or without decimals."""

    def __init__(self, lowest: float, highest: float) -> None:
        self.lowest, self.highest = lowest, highest

    @property
    def allowed(self) -> str:
        return f"a number from {self.lowest:g} to {self.highest:g}"

    def parse(self, text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
            raise ValueError(text)
        value = float(text)
        if not self.lowest <= value <= self.highest:
            raise ValueError(text)
        return value


class Automatic(Generic[T_co]):
    """Another kind's value, or None for `auto`: vstream then chooses."""

    def __init__(self, kind: Kind[T_co]) -> None:
        self.kind = kind

    @property
    def allowed(self) -> str:
        return f"auto, or {self.kind.allowed}"

    def parse(self, text: str) -> T_co | None:
        return None if text.lower() == "auto" else self.kind.parse(text)


class Choice:
    """One of a few words, in any mixture of capitals."""

    def __init__(self, *options: str) -> None:
        self.options = options

    @property
    def allowed(self) -> str:
        return f"one of {', '.join(self.options)}"

    def parse(self, text: str) -> str:
        if text.lower() not in self.options:
            raise ValueError(text)
        return text.lower()


class H264Level:
    """The number of an H.264 level (ITU-T H.264 table A-1), such as 4.1; 4.0 is 4."""

    @property
    def allowed(self) -> str:
        from vstream.h264 import LEVELS

        return f"one of {', '.join(level.name for level in LEVELS)}"

    def parse(self, text: str) -> str:
        from vstream.errors import H264Error
        from vstream.h264 import level_named

        try:
            return level_named(text).name
        except H264Error:
            raise ValueError(text) from None


class Toggle:
    """Yes or no."""

    allowed = "true or false"
    _words: dict[str, bool] = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(
        ("false", "no", "off", "0"), False
    )

    def parse(self, text: str) -> bool:
        try:
            return self._words[text.lower()]
        except KeyError:
            raise ValueError(text) from None


class Text:
    """Free text that `accepts` finds good; `allowed` says which that is."""

    def __init__(self, allowed: str, accepts: Callable[[str], bool]) -> None:
        self.allowed = allowed
        self._accepts = accepts

    def parse(self, text: str) -> str:
        if not self._accepts(text):
            raise ValueError(text)
        return text


def shown(value: object) -> str:
    """A setting's value as it would be given: `auto`, `true`, `30`."""
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
