"""Where something stands in a JSON text: the items of large arrays, and the line of what a path leads to.

A fault can be told with its line, and rows be read one by one: all of them at once take ten times the text's memory.
"""

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

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


def read_apart(text: str, names: Collection[str], decoder: json.JSONDecoder) -> Any:
    """The text's value; in place of each array under one of these names of its object, where its items begin.

    Raises JSONDecodeError for what json.loads refuses. An item is read by `decoder.raw_decode(text, where)`.
    """
    at = _past_space(text, 0)
    found: dict[str, Any] = {}
    if not text.startswith("{", at):
        return decoder.decode(text)
    at = _past_space(text, at + 1)
    while not (text.startswith("}", at) and not found):
        key, at = _key(text, at, decoder)
        apart = key in names and text.startswith("[", at)
        found[key], at = _items(text, at, decoder) if apart else decoder.raw_decode(text, at)
        at, ended = _between(text, at, "}")
        if ended:
            break
    at = _past_space(text, at + 1)
    if at != len(text):
        raise json.JSONDecodeError("Extra data", text, at)
    return found


def _key(text: str, at: int, decoder: json.JSONDecoder) -> tuple[str, int]:
    """The name of a member, and where its value stands."""
    if not text.startswith('"', at):
        raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
    key, at = decoder.raw_decode(text, at)
    at = _past_space(text, at)
    if not text.startswith(":", at):
        raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
    return key, _past_space(text, at + 1)


def _items(text: str, at: int, decoder: json.JSONDecoder) -> tuple[list[int], int]:
    """Where the items of the array that begins here stand, and where it is over."""
    begins: list[int] = []
    at = _past_space(text, at + 1)
    ended = text.startswith("]", at)
    while not ended:
        begins.append(at)
        at, ended = _between(text, decoder.raw_decode(text, at)[1], "]")
    return begins, at + 1


def _between(text: str, at: int, end: str) -> tuple[int, bool]:
    """Where the next one stands behind a comma, or the end, and whether it is that."""
    at = _past_space(text, at)
    if text.startswith(end, at):
        return at, True
    if not text.startswith(",", at):
        raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    return _past_space(text, at + 1), False


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
