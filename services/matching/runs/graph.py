"""The best assignment of a pool: over all possible pairs, or of a large pool over as many of them as it needs.

Of a large pool only each household's best pairs are kept at first, and the assignment over them is computed with its
prices. Then every possible pair is looked at again: one that would gain a household more at these prices than what it
has is added, and all is computed anew, until there is none (column generation: L. R. Ford and D. R. Fulkerson, A
suggested computation for maximal multi-commodity network flows, 1958). What is then found is the best of the whole
pool, with the very same prices: the proof covers all pairs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from services.matching.runs.assignment import Assignment, solve
from services.matching.runs.candidates import possible_in_blocks
from services.matching.runs.encoding import EncodedPool, Ints
from services.matching.runs.scoring import points_of
from services.matching.runs.steps import Progress, Step, nobody_listens

# As many pairs are solved whole; of more only so many of a household at first, and so many more whenever it gains.
WHOLE_ARCS = 2_000_000
KEPT, ADDED = 20, 10


class Scored(NamedTuple):
    """Possible pairs with what each is worth: int64[k] each, sorted by household and then unit."""

    households: Ints
    units: Ints
    worth: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best assignment of a pool.

    `possible` (int64[n_households]) counts the units a household could have had. `next_best` (int64[n_households]) is
    the unit that gains it most at the prices besides the one it got, the first of several, -1 where there is none.
    `rounds` is how often it was computed.
    """

    found: Assignment
    possible: Ints
    next_best: Ints
    rounds: int


def best_assignment(
    pool: EncodedPool, extra: Ints, pinned: Ints | None = None, *, tell: Progress = nobody_listens,
) -> Best:
    """Assign for the greatest sum of worth: a pair's score and what is `extra` (int64[n_households]) for its household.

    `pinned` (int64[n_households]) names the units of households that get them whatever else were better, -1 for the
    others; such pairs must be possible, and their units have places for all of them. `tell` hears what is being done.
    Raises ValueError where places count persons and the pairs are too many for an integer programme.
    """
    if pinned is not None and (pinned >= 0).any():
        return _with_pinned(pool, extra, pinned, tell)
    sizes = pool.households.size if pool.rules.capacity_in == "persons" else None
    kept = _first_arcs(pool, extra, tell)
    if sizes is not None and not kept.whole:
        raise ValueError(f"capacity_in: more than {WHOLE_ARCS} possible pairs are too many where places count persons")
    rounds = 0
    while True:
        rounds += 1
        tell(Step.SOLVING, len(kept.arcs.units))
        found = solve(*kept.arcs, pool.units.free, n_households=pool.n_households, sizes=sizes)
        if not kept.whole:
            tell(Step.LOOKING, rounds)
        look = _Look(pool, found, sizes)
        gaining = look.through([kept.arcs] if kept.whole else scored_in_blocks(pool, extra))
        if kept.whole or not gaining:
            return Best(found, kept.possible, look.next_best(), rounds)
        kept = _Kept(_sorted(pool, [kept.arcs, *gaining]), kept.possible, whole=False)


def _with_pinned(pool: EncodedPool, extra: Ints, pinned: Ints, tell: Progress) -> Best:
    """The best of all that hold the pinned pairs: those are set, and the others assigned to the places that are left.

    The bound holds for all choices with these pairs; their households have no next best, since somebody decided.
    """
    there = np.flatnonzero(pinned >= 0)
    taken = np.zeros(pool.n_units, dtype=np.int64)
    np.add.at(taken, pinned[there], pool.households.takes[there])
    others = pool.households.consented.copy()
    others[there] = False
    left = replace(pool, units=replace(pool.units, free=pool.units.free - taken),
                   households=replace(pool.households, consented=others))
    best = best_assignment(left, extra, tell=tell)
    worth = points_of(pool, there, pinned[there]).score + extra[there]
    found = replace(
        best.found, pairs=sorted([*best.found.pairs, *zip(there.tolist(), pinned[there].tolist(), strict=True)]),
        objective=best.found.objective + int(worth.sum()), bound=best.found.bound + int(worth.sum()))
    possible = best.possible.copy()
    possible[there] = 1
    return replace(best, found=found, possible=possible)


def scored_in_blocks(pool: EncodedPool, extra: Ints) -> Iterator[Scored]:
    """Yield every possible pair once, with its worth."""
    for pairs in possible_in_blocks(pool):
        score = points_of(pool, pairs.households, pairs.units).score
        yield Scored(pairs.households, pairs.units, score + extra[pairs.households])


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """The pairs that are solved over, how many there are by household, and whether they are all."""

    arcs: Scored
    possible: Ints
    whole: bool


def _first_arcs(pool: EncodedPool, extra: Ints, tell: Progress) -> _Kept:
    """All possible pairs, or the best of each household where they are too many."""
    possible = np.zeros(pool.n_households, dtype=np.int64)
    parts: list[Scored] = []
    seen, whole = 0, True
    for block in scored_in_blocks(pool, extra):
        possible += np.bincount(block.households, minlength=pool.n_households)
        seen += len(block.units)
        if whole and seen > WHOLE_ARCS:
            whole = False
            tell(Step.PRUNING, KEPT)
            everything = _sorted(pool, parts)
            parts = [_at(everything, _best_of_each(everything, KEPT))]
        parts.append(block if whole else _at(block, _best_of_each(block, KEPT)))
    everything = _sorted(pool, parts)
    return _Kept(everything if whole else _at(everything, _best_of_each(everything, KEPT)), possible, whole)


def _sorted(pool: EncodedPool, parts: Iterable[Scored]) -> Scored:
    """Several as one, sorted; one that stands in two of them once."""
    everything = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for part in parts:
        everything[0].append(part.households * pool.n_units + part.units)
        everything[1].append(part.worth)
    place, first = np.unique(np.concatenate(everything[0]), return_index=True)
    households, units = np.divmod(place, max(pool.n_units, 1))
    return Scored(households, units, np.concatenate(everything[1])[first])


def _best_of_each(arcs: Scored, count: int) -> Ints:
    """The positions of each household's best pairs, the first by unit where several are worth the same."""
    order = np.lexsort((arcs.units, -arcs.worth, arcs.households))
    household = arcs.households[order]
    first = np.searchsorted(household, household)
    kept: Ints = np.sort(order[np.arange(len(order)) - first < count])
    return kept


def _at(arcs: Scored, positions: Ints) -> Scored:
    return Scored(*(column[positions] for column in arcs))


class _Look:
    """A look at pairs with the prices of an assignment: which gain a household more, and which is its next best."""

    def __init__(self, pool: EncodedPool, found: Assignment, sizes: Ints | None) -> None:
        self._found = found
        self._sizes = np.ones(pool.n_households, dtype=np.int64) if sizes is None else sizes
        self._got = np.full(pool.n_households, -1, dtype=np.int64)
        for household, unit in found.pairs:
            self._got[household] = unit
        # The gain and the unit in one number, so that the largest is the best and, of equals, the first.
        self._base = pool.n_units + 1
        self._nothing = np.iinfo(np.int64).min
        self._most = np.full(pool.n_households, self._nothing)

    def through(self, blocks: Iterable[Scored]) -> list[Scored]:
        """Look at all of them; returns the best of those that gain a household more than it has."""
        gaining = []
        for block in blocks:
            gain = block.worth - self._sizes[block.households] * self._found.unit_prices[block.units]
            others = block.units != self._got[block.households]
            number = gain * self._base + (self._base - 1 - block.units)
            np.maximum.at(self._most, block.households[others], number[others])
            more = np.flatnonzero(gain > self._found.household_values[block.households])
            if len(more):
                kept = more[_best_of_each(Scored(block.households[more], block.units[more], gain[more]), ADDED)]
                gaining.append(_at(block, kept))
        return gaining

    def next_best(self) -> Ints:
        """The best unit besides the one that was got, by household; -1: none."""
        unit: Ints = self._base - 1 - self._most % self._base
        return np.where(self._most == self._nothing, -1, unit)
