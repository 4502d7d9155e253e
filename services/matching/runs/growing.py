"""Columns that stay while single rows come, change and go: with room to grow, and without anything being copied."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar

import numpy as np

Columns = TypeVar("Columns", bound=Any)
Array = np.ndarray[Any, Any]


class GrowingColumns(Generic[Columns]):
    """A dataclass of arrays, tuples of arrays and such dataclasses, whose rows lie along the last axis of each array.

    A row that goes is replaced by the last one: whoever keeps positions is told which one moved.
    """

    def __init__(self, columns: Columns, n_rows: int) -> None:
        """Begin with these rows."""
        self._columns, self._n_rows, self._room = columns, n_rows, n_rows
        self._views: Columns | None = None

    def __len__(self) -> int:
        """How many rows there are."""
        return self._n_rows

    def now(self) -> Columns:
        """All rows as views: what is changed later changes them, too."""
        if self._views is None:
            self._views = mapped(self._columns, lambda array: array[..., : self._n_rows])
        views: Columns = self._views
        return views

    def at(self, rows: Array) -> Columns:
        """Only these rows, copied, in this order."""
        picked: Columns = mapped(self._columns, lambda array: array[..., rows])
        return picked

    def holds(self, one: Columns) -> bool:
        """Whether the numbers of these columns fit into mine; else all have to be made anew."""
        return all(np.can_cast(new.dtype, mine.dtype)
                   for mine, new in zip(_arrays(self._columns), _arrays(one), strict=True))

    def set(self, row: int, one: Columns) -> None:
        """Put the only row of `one` at an existing place."""
        for mine, new in zip(_arrays(self._columns), _arrays(one), strict=True):
            mine[..., row] = new[..., 0]

    def append(self, one: Columns) -> int:
        """Add the only row of `one`; returns its place."""
        if self._n_rows == self._room:
            more = max(16, self._room // 4)
            self._columns = mapped(self._columns, lambda array: _longer(array, more))
            self._room += more
        self._n_rows, self._views = self._n_rows + 1, None
        self.set(self._n_rows - 1, one)
        return self._n_rows - 1

    def drop(self, row: int) -> int:
        """Take a row away; returns where the one was that stands in its place now (its own place for the last one)."""
        self._n_rows, self._views = self._n_rows - 1, None
        for mine in _arrays(self._columns):
            mine[..., row] = mine[..., self._n_rows]
        return self._n_rows


def mapped(columns: Any, change: Callable[[Array], Array]) -> Any:
    """Return the same columns with each array changed."""
    if isinstance(columns, np.ndarray):
        return change(columns)
    if isinstance(columns, tuple):
        return tuple(mapped(one, change) for one in columns)
    return replace(columns, **{one.name: mapped(getattr(columns, one.name), change) for one in fields(columns)})


def _arrays(columns: Any) -> Iterator[Array]:
    if isinstance(columns, np.ndarray):
        yield columns
    elif isinstance(columns, tuple):
        for one in columns:
            yield from _arrays(one)
    else:
        for field in fields(columns):
            yield from _arrays(getattr(columns, field.name))


def _longer(array: Array, more: int) -> Array:
    return np.concatenate([array, np.zeros((*array.shape[:-1], more), dtype=array.dtype)], axis=-1)
