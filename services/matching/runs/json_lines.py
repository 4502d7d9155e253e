"""Where something stands in a JSON text: the line of what a path leads to, so that a fault can be told with it."""

import json
import re
from collections.abc import Sequence

SPACE = re.compile(r"[ \t\n\r]*")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line (from 1) on which what the path leads to begins, or the last step of it that is there."""
    at, decoder = _past_space(text, 0), json.JSONDecoder()
    for step in path:
        found = _member(text, at, step, decoder) if text[at] == "{" else _item(text, at, step, decoder)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _past_space(text: str, at: int) -> int:
    return SPACE.match(text, at).end()  # type: ignore[union-attr] # it matches nothing, too


def _member(text: str, at: int, name: str | int, decoder: json.JSONDecoder) -> int | None:
    """Where the value of a member of the object that begins here stands."""
    at = _past_space(text, at + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _past_space(text, _past_space(text, at) + 1)
        if key == name:
            return at
        at = _next(text, at, decoder)
    return None


def _item(text: str, at: int, place: str | int, decoder: json.JSONDecoder) -> int | None:
    """Where an item of the array that begins here stands."""
    if text[at] != "[" or not isinstance(place, int):
        return None
    at = _past_space(text, at + 1)
    for _ in range(place):
        at = _next(text, at, decoder)
    return at


def _next(text: str, at: int, decoder: json.JSONDecoder) -> int:
    """Past a value and the comma behind it."""
    at = _past_space(text, decoder.raw_decode(text, at)[1])
    return _past_space(text, at + 1) if text[at] == "," else at
