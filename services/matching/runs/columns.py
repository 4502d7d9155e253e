"""One side of a pool as columns: each value once, and whose it is.

What is done with a value (checked, hashed, turned into bits) is done once, however many people share it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
from typing import Any, Self, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching.runs.pool import Household, Housing, Member, Point, Unit

Places = NDArray[np.int32]
Person = TypeVar("Person", Household, Unit)
Id = UUID | str
"""An id as it came: a UUID, or its text as a database writes it. Both mean the same, but for == between the two."""


PLAIN = {bool, int, str, date, frozenset, type(None)}

# Where the only value is.
FIRST: Places = np.zeros(1, dtype=np.int32)


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True, eq=False)
class Column:
    """A field of many people: `values`, of which equal ones may stand there twice, and for each person `at` which."""

    values: list[Any]
    at: Places

    @classmethod
    def of(cls, given: Sequence[Any]) -> Self:
        """From each person's value."""
        if len(given) == 1:
            return cls(list(given), FIRST)
        kinds = set(map(type, given))
        if kinds <= PLAIN:
            return cls.read(given, _itself)
        # To compare two of these takes longer than to look at both, but for maps.
        keys = [tuple(value.items()) for value in given] if kinds == {dict} else list(map(id, given))
        first = dict(zip(keys, given, strict=True))
        place = dict(zip(first, range(len(first)), strict=True))
        return cls(list(first.values()), np.array([place[key] for key in keys], dtype=np.int32))

    @classmethod
    def read(cls, texts: Sequence[Any], reader: Callable[[Any], Any]) -> Self:
        """From what stands for each person's value; equal ones are read once."""
        different = dict.fromkeys(texts)
        place = dict(zip(different, range(len(different)), strict=True))
        at = np.fromiter(map(place.__getitem__, texts), dtype=np.int32, count=len(texts))
        return cls([reader(text) for text in different], at)

    @classmethod
    def both(cls, *columns: "Column") -> Self:
        """From several fields of the same people: a value is a tuple of theirs."""
        sizes = [max(1, len(column.values)) for column in columns]
        # One number for each combination: to sort these is fast.
        number = np.ravel_multi_index([column.at for column in columns], sizes)
        different, at = np.unique(number, return_inverse=True)
        table = zip(*(places.tolist() for places in np.unravel_index(different, sizes)), strict=True)
        values = [tuple(column.values[place] for column, place in zip(columns, places, strict=True))
                  for places in table]
        return cls(values, at.astype(np.int32))

    def to(self, change: Callable[[Any], Any]) -> "Column":
        """Another value in each value's place."""
        return Column([change(value) for value in self.values], self.at)

    def array(self, dtype: Any) -> NDArray[Any]:
        """Each person's value as a number."""
        return np.array(self.values, dtype=dtype).reshape(len(self.values))[self.at]

    def each(self, people: NDArray[np.int64] | None = None) -> list[Any]:
        """Each person's value, or that of each of these."""
        values = np.fromiter(self.values, dtype=object, count=len(self.values))
        found: list[Any] = values[self.at if people is None else self.at[people]].tolist()
        return found

    def some(self) -> Iterable[tuple[int, Any]]:
        """(place, value) of each person who has a value that is not empty."""
        if any(self.values):
            yield from ((place, value) for place, value in enumerate(self.each()) if value)


@dataclass(frozen=True, eq=False)
class Side:
    """All households or all units: their `ids`, and a column for each other field of `pool.Household` or `Unit`."""

    ids: list[Any]
    columns: Mapping[str, Column]

    @classmethod
    def of(cls, kind: type[Household] | type[Unit], people: Sequence[Household] | Sequence[Unit]) -> Self:
        """From people one by one."""
        # One field after the other: all of them at once would take as much memory as the people.
        names = [each.name for each in fields(kind) if each.name != "id"]
        return cls([one.id for one in people], {
            name: Column.of(list(map(attrgetter(name), people))) for name in names})

    def people(self, kind: Callable[..., Person]) -> list[Person]:
        """The same people one by one."""
        names, columns = list(self.columns), [column.each() for column in self.columns.values()]
        return [kind(id=one, **dict(zip(names, values, strict=True)))
                for one, *values in zip(self.ids, *columns, strict=True)]

    def __len__(self) -> int:
        """How many people."""
        return len(self.ids)

    def __getitem__(self, name: str) -> Column:
        """A field's column."""
        return self.columns[name]

    def texts(self) -> Iterable[tuple[str, Iterable[str]]]:
        """Each field's name with each person's value as a line: the same for the same value, and for no other."""
        yield "id", map(str, self.ids)
        for name in sorted(self.columns):
            yield name, self.columns[name].to(_text).each()


def _text(value: Any) -> str:
    """A value as text without line breaks; a set's elements and a map's items in order."""
    return TEXTS.get(type(value), _text_of_str)(value)


def _text_of_str(value: Any) -> str:
    return repr(str(value))


# Codes may be members of a StrEnum: what counts is their text.
TEXTS: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((bool, int, float, type(None)), repr),
    frozenset: lambda codes: repr(sorted(map(str, codes))),
    dict: lambda levels: repr(sorted((str(tag), str(level)) for tag, level in levels.items())),
    Point: lambda point: f"{point.lat!r} {point.lon!r}",
    Member: lambda one: f"{one.age_band} {one.gender}",
    Housing: lambda home: repr([_text(value) for value in vars(home).values()]),
    tuple: lambda members: repr([_text(one) for one in members]),
}
