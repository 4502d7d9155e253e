"""Pairs that are barred one by one: by vetoes of either side, and by what was decided before."""

from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet

import numpy as np

from services.matching.runs.bits import Ints
from services.matching.runs.columns import Id, Side

BarredPairs = AbstractSet[tuple[Id, Id]]


def vetoes(households: Side, units: Side) -> Iterator[tuple[int, int]]:
    """All vetoed pairs as (household, unit): of units, persons in them, their partners, and by units."""
    for name, ids_of in (("vetoed_units", lambda: ((one,) for one in units.ids)),
                         ("vetoed_persons", units["persons"].each),
                         ("vetoed_partners", lambda: ((one,) if one else () for one in units["partner"].each()))):
        vetoing = list(households[name].some())
        having = _having(ids_of()) if vetoing else {}
        yield from ((i, j) for i, vetoed in vetoing for one in vetoed for j in having.get(one, ()))
    vetoing = list(units["vetoed_households"].some())
    having = _having((one,) for one in households.ids) if vetoing else {}
    yield from ((i, j) for j, vetoed in vetoing for one in vetoed for i in having.get(one, ()))


def places_of(side: Side) -> dict[Id, int]:
    """The place of each by its id."""
    return {one: place for place, one in enumerate(side.ids)}


def _having(ids: Iterable[Collection[Id]]) -> dict[Id, list[int]]:
    """Where each id occurs."""
    found: dict[Id, list[int]] = {}
    for position, several in enumerate(ids):
        for one in several:
            found.setdefault(one, []).append(position)
    return found


def barred(pairs: BarredPairs, households: Side, units: Side) -> Ints:
    """Pairs of ids as keys, as far as both are there."""
    if not pairs:
        return keys([], 0)
    household_at, unit_at = places_of(households), places_of(units)
    return keys([(household_at[h], unit_at[u]) for h, u in pairs if h in household_at and u in unit_at], len(units))


def keys(pairs: Iterable[tuple[int, int]], n_units: int) -> Ints:
    """Sorted numbers `household * n_units + unit`, each once."""
    return np.unique(np.array([i * n_units + j for i, j in pairs], dtype=np.int64))
