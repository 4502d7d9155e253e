"""Which households and units can be close enough at all: blocks instead of a matrix of all pairs.

Every pair that is neither too far apart nor in another district lies in exactly one block; a block may hold
others.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from services.matching.runs.bits import Floats, Ints
from services.matching.runs.encoding import EncodedPool
from services.matching.runs.hard import EARTH_METRES

CELL_METRES = 7_000
# Small enough for the processor's cache, large enough that the calls do not count.
BLOCK_PAIRS = 500_000


class Block(NamedTuple):
    """Households and units (their indices), all of them at known places, or all in one district."""

    households: Ints
    units: Ints
    placed: bool


def blocks(pool: EncodedPool, households: Ints, units: Ints) -> Iterator[Block]:
    """Yield blocks of at most BLOCK_PAIRS pairs each, or of one household."""
    at_point, without = _split(pool.households.placed, households)
    units_at_point, units_without = _split(pool.units.placed, units)
    yield from _cut(_by_cell(pool, at_point, units_at_point))
    yield from _cut(_by_district(pool, at_point, units_without))
    yield from _cut(_by_district(pool, without, units))


def _split(placed: np.ndarray, indices: Ints) -> tuple[Ints, Ints]:
    known = placed[indices]
    return indices[known], indices[~known]


def _by_cell(pool: EncodedPool, households: Ints, units: Ints) -> Iterator[Block]:
    """Cubes of CELL_METRES through the globe: no edge at a meridian or pole, and never more than the way."""
    if not len(households) or not len(units):
        return
    cells, members, reach = _cells(pool.households.place[:, households], pool.households.reach[households])
    unit_cells, unit_members, unit_reach = _cells(pool.units.place[:, units], pool.units.reach[units])
    for cell, inside, far in zip(cells, members, reach, strict=True):
        gaps = np.maximum(np.abs(unit_cells - cell) - 1, 0) * CELL_METRES
        # One metre more than the reach, because a way counts in whole metres.
        near = np.flatnonzero((gaps * gaps).sum(axis=1) <= (np.minimum(unit_reach, far) + 1) ** 2)
        if len(near):
            yield Block(households[inside], units[np.concatenate([unit_members[each] for each in near])], placed=True)


def _cells(place: Floats, reach: Ints) -> tuple[Ints, list[Ints], Ints]:
    """The cells in use (int64[c, 3]), who is in each, and how far the farthest-reaching of them goes."""
    corner = np.floor(place.T * (EARTH_METRES / CELL_METRES)).astype(np.int64)
    cells, cell_of = np.unique(corner, axis=0, return_inverse=True)
    return cells, _groups(cell_of.ravel()), _largest(reach, cell_of.ravel(), len(cells))


def _largest(values: Ints, group: Ints, n_groups: int) -> Ints:
    largest = np.zeros(n_groups, dtype=np.int64)
    np.maximum.at(largest, group, values)
    return largest


def _groups(group: Ints) -> list[Ints]:
    """The positions of each group 0..n-1, in order."""
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _by_district(pool: EncodedPool, households: Ints, units: Ints) -> Iterator[Block]:
    if not len(households) or not len(units):
        return
    district, unit_district = pool.households.district[households], pool.units.district[units]
    for one in np.intersect1d(district, unit_district):
        yield Block(households[district == one], units[unit_district == one], placed=False)


def _cut(whole: Iterator[Block]) -> Iterator[Block]:
    for block in whole:
        step = max(1, BLOCK_PAIRS // len(block.units))
        for start in range(0, len(block.households), step):
            yield block._replace(households=block.households[start : start + step])
