"""Where something stands in a JSON text: the items of large arrays, and the line of what a path leads to.

A fault can be told with its line, and rows be read one by one: all of them at once take ten times the text's memory.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
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


def items_of(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """The items of the array under this name of the text's object, each with the line on which it begins."""
    at = _member(text, _past_space(text, 0), name, DECODER)
    line, seen = 1, 0
    for begin in _items(text, at, DECODER)[0] if at is not None else ():
        line, seen = line + text.count("\n", seen, begin), begin
        yield line, DECODER.raw_decode(text, begin)[0]


def read_apart(text: str, names: Collection[str]) -> Any:
    """The text's value; in place of each array under one of these names of its object, where its items begin.

    Raises JSONDecodeError for what json.loads refuses, for numbers and nesting beyond what can be read, and for a name
    that stands twice in an object. An item is read by `DECODER.raw_decode(text, where)`.
    """
    at, decoder = _past_space(text, 0), DECODER
    found: dict[str, Any] = {}
    if not text.startswith("{", at):
        alone, at = _value(text, at, decoder)
        _refuse_more(text, at)
        return alone
    at = _past_space(text, at + 1)
    while not (text.startswith("}", at) and not found):
        begin = at
        key, at = _key(text, at, decoder)
        if key in found:
            raise json.JSONDecodeError(f"{key} stands there twice", text, begin)
        apart = key in names and text.startswith("[", at)
        found[key], at = _items(text, at, decoder) if apart else _value(text, at, decoder)
        at, ended = _between(text, at, "}")
        if ended:
            break
    _refuse_more(text, at + 1)
    return found


def _refuse_more(text: str, at: int) -> None:
    at = _past_space(text, at)
    if at != len(text):
        raise json.JSONDecodeError("Extra data", text, at)


class Unreadable(ValueError):
    """A name stands twice in an object; begins with it."""


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object; Unreadable where one would be passed over."""
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        raise Unreadable(f"{next(name for name in found if names.count(name) > 1)} stands there twice")
    return found


# NaN and infinities are read: whoever looks at the values refuses them, and knows the field.
DECODER = json.JSONDecoder(object_pairs_hook=_each_once)


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
        at, ended = _between(text, _value(text, at, decoder)[1], "]")
    return begins, at + 1


def _value(text: str, at: int, decoder: json.JSONDecoder) -> tuple[Any, int]:
    """The value that begins here, and where it is over; whatever cannot be read of it is told of this place."""
    try:
        return decoder.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except RecursionError as raised:
        raise json.JSONDecodeError("Nested too deeply", text, at) from raised
    except Unreadable as raised:
        raise json.JSONDecodeError(str(raised), text, max(at, text.find(str(raised).split()[0], at))) from raised
    except ValueError as raised:
        raise json.JSONDecodeError("A number is too long", text, at) from raised


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
        if text[at] == "]":
            return None
        at = _next(text, at, decoder)
    return None if text[at] == "]" else at


def _next(text: str, at: int, decoder: json.JSONDecoder) -> int:
    """Past a value and the comma behind it."""
    at = _past_space(text, decoder.raw_decode(text, at)[1])
    return _past_space(text, at + 1) if text[at] == "," else at
