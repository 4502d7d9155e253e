"""Columns of numbers: what is known, what is counted, and sets as bit masks.

Sets become words of at most 64 bits, as small as the codes in use allow.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.runs.columns import Column
from services.matching.runs.hard import RANK
from services.matching.runs.pool import LEVELS

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# An unsigned type, chosen by the largest value.
Bits = NDArray[np.unsignedinteger[Any]]
Words = tuple[Bits, ...]
# Of the smallest type that holds them: numbers from 0.
Counts = NDArray[np.unsignedinteger[Any]]
Code = TypeVar("Code")
WORD = 64


def known(column: Column) -> Bools:
    """Where there is a value."""
    return column.to(lambda value: value is not None).array(np.bool_)


def counts(column: Column) -> Counts:
    """Whole numbers from 0 in the smallest type that holds them: what is small is compared fast."""
    return column.array(np.min_scalar_type(max(column.values, default=0)))


def numbered(*columns: Column) -> dict[str, int]:
    """Each code that occurs, with its bit as a number; by name, so that the pool's order does not matter."""
    return bits(sorted(set[str]().union(*(each for column in columns for each in column.values)), key=str))


def bits(codes: Iterable[Code]) -> dict[Code, int]:
    """Each code with its bit, the first one the lowest."""
    return {code: 1 << position for position, code in enumerate(codes)}


def small(sets: Column, codes: Sequence[str], empty: int = 0) -> Bits:
    """Sets of at most seven codes as one byte each; `empty` stands for a set in which nothing is stated."""
    bit = bits(codes)
    return sets.to(lambda each: sum(bit[code] for code in each) or empty).array(np.uint8)


def words(sets: Column, bit: Mapping[Any, int]) -> Words:
    """Sets of any codes as words of 64 bits, or as one smaller word where that is enough."""
    return _split(sets.to(lambda each: sum([bit[code] for code in each])), len(bit))


def speaks(spoken: Column, bit: dict[str, int]) -> tuple[Words, ...]:
    """For each rank from 1: the languages spoken at least that well."""
    def at_least(rank: int) -> Column:
        return spoken.to(lambda each: sum([bit[tag] for tag, level in each.items() if RANK[level] >= rank]))

    return tuple(_split(at_least(rank), len(bit)) for rank in range(1, len(LEVELS)))


def _split(masks: Column, n_bits: int) -> Words:
    """Whole numbers of any length as unsigned words."""
    if n_bits <= WORD:
        return (masks.array(np.min_scalar_type((1 << n_bits) - 1)),)
    low = (1 << WORD) - 1
    return tuple(Column([mask >> shift & low for mask in masks.values], masks.at).array(np.uint64)
                 for shift in range(0, n_bits, WORD))
