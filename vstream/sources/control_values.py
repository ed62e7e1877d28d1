"""Turns libcamera controls as text into values, and holds them against what the camera offers."""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from vstream.errors import CameraSetupError

Scalar = bool | int | float
Value = Scalar | str | tuple[Scalar, ...] | tuple[tuple[int, ...], ...]

Type = Literal["bool", "integer", "float", "text", "rectangle", "size"]

_COUNTS: dict[Type, int] = {"rectangle": 4, "size": 2}
_TOGGLES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class Offer(NamedTuple):
    """What a camera offers under one control's name.

    `words` are the names of an enumeration's values; `lowest` and `highest` bound a number, None where nothing
    does. `allowed` are the values that this camera knows, where it lists them.
    """

    type: Type
    is_array: bool = False
    lowest: float | None = None
    highest: float | None = None
    words: Mapping[str, int] = {}
    allowed: Sequence[int] = ()


def values_of(texts: Mapping[str, str], offers: Mapping[str, Offer], reserved: Mapping[str, str]) -> dict[str, Value]:
    """The value for each control.

    `reserved` are controls that a setting decides, each with the setting's name.

    Raises:
        CameraSetupError: one or more are not offered, or not with that value; each is named.
    """
    values: dict[str, Value] = {}
    problems = []
    for name, text in texts.items():
        try:
            values[name] = _value(name, text, offers, reserved)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise CameraSetupError("CAMERA_CONTROLS: " + "; ".join(problems))
    return values


def _value(name: str, text: str, offers: Mapping[str, Offer], reserved: Mapping[str, str]) -> Value:
    if name in reserved:
        raise ValueError(f"{name} follows from {reserved[name]}: set that")
    offer = offers.get(name)
    if offer is None:
        known = sorted(offers.keys() - reserved.keys())
        near = likest(name, known)
        raise ValueError(f"the camera has no {name}, but {_list(near or known)}")
    try:
        return _read(text, offer)
    except _RefusedError as refused:
        raise ValueError(f"{name} cannot be {text}: {refused}") from None
    except ValueError:
        raise ValueError(f"{name} cannot be {text}: give {_wanted(offer)}") from None


class _RefusedError(ValueError):
    """A value that could be read, and why it will not do."""


def _read(text: str, offer: Offer) -> Value:
    if offer.type == "text":
        return text
    if offer.words and not offer.is_array:
        return _word(text, offer)
    count = _COUNTS.get(offer.type)
    # A binding that does not tell of arrays leaves it to the parentheses.
    if count is None and not offer.is_array and not text.startswith("("):
        return _number(text, offer)
    numbers = tuple(_number(part.strip(), offer) for part in text.removeprefix("(").removesuffix(")").split(","))
    if count is None:
        return numbers
    if len(numbers) != count:
        raise ValueError(text)
    shape = tuple(int(number) for number in numbers)
    return (shape,) if offer.is_array else shape


def _word(text: str, offer: Offer) -> int:
    found = next((number for word, number in offer.words.items() if word.lower() == text.lower()), None)
    if found is None and text.isdigit() and int(text) in offer.words.values():
        found = int(text)
    known = [word for word, number in offer.words.items() if not offer.allowed or number in offer.allowed]
    if found is None or (offer.allowed and found not in offer.allowed):
        raise _RefusedError(f"it is one of {_list(known)}")
    return found


def _number(text: str, offer: Offer) -> Scalar:
    if offer.type == "bool":
        toggle = _TOGGLES.get(text.lower())
        if toggle is None:
            raise ValueError(text)
        return toggle
    number = float(text) if offer.type == "float" else int(text)
    lowest = -math.inf if offer.lowest is None else offer.lowest
    highest = math.inf if offer.highest is None else offer.highest
    if not lowest <= number <= highest:
        raise _RefusedError(f"it goes from {lowest:g} to {highest:g}")
    return number


def _wanted(offer: Offer) -> str:
    if offer.type in _COUNTS:
        return {"rectangle": "(x,y,width,height)", "size": "(width,height)"}[offer.type]
    plain = {"bool": "true or false", "integer": "a whole number", "float": "a number"}[offer.type]
    return f"values in parentheses, each {plain}" if offer.is_array else plain


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def likest(text: str, known: Sequence[str]) -> list[str]:
    """The names most like a wrong one, at most three, the nearest first."""
    by_case = {name.lower(): name for name in known}
    return [by_case[near] for near in difflib.get_close_matches(text.lower(), by_case, n=3, cutoff=0.5)]
