"""The best assignment of a pool: over as many of all possible pairs as it needs.

Only each household's best pairs are solved over at first, which gives an assignment with its prices. Then every
possible pair is looked at: one that would gain a household more at these prices than what it has is added, and all is
computed anew, until there is none (column generation: L. R. Ford and D. R. Fulkerson, A suggested computation for
maximal multi-commodity network flows, 1958). What is then found is the best of the whole pool, with the very same
prices: the proof covers all pairs. Of a large pool the other pairs are not even kept, but found again for each look.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from services.matching.runs.assignment import Assignment, solve
from services.matching.runs.beside import beside
from services.matching.runs.bits import Bools, Ints
from services.matching.runs.candidates import possible_in_blocks
from services.matching.runs.encoding import EncodedPool
from services.matching.runs.pool import KINDS
from services.matching.runs.scoring import points_of
from services.matching.runs.steps import Progress, Step, nobody_listens

# As many pairs are kept in memory.
MOST_IN_MEMORY = 2_000_000
# So many of a household are solved over at first, and so many more whenever it gains.
KEPT, ADDED = 40, 20
KEPT_OF_LARGE, ADDED_OF_LARGE = 20, 10
# As its kind is encoded.
GROUP = 1 << KINDS.index("group")
# A power of two: pairs of a household that are worth the same and have drawn the same lot are kept together.
LOTS = 1 << 12


class Scored(NamedTuple):
    """Possible pairs with what each is worth: int64[k] each."""

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
    pins = _Pins(pool, extra, pinned) if pinned is not None and (pinned >= 0).any() else None
    kept = _first_arcs(pool, extra, tell)
    if pool.rules.capacity_in == "persons":
        return _in_persons(pool, kept, pins, tell)
    arcs, rounds = pins.without(kept.arcs) if pins else kept.arcs, 0
    while True:
        rounds += 1
        tell(Step.SOLVING, len(arcs.units))
        found = _solved(pool, arcs, pins)
        tell(Step.LOOKING, rounds)
        look = _Look(pool, found, pins)
        gaining = look.through([kept.everything], ADDED) if kept.everything else look.through_all(pool, extra)
        if not gaining:
            return Best(found, kept.possible, look.next_best(), rounds)
        arcs = _sorted(pool, [arcs, *gaining])


def _in_persons(pool: EncodedPool, kept: "_Kept", pins: "_Pins | None", tell: Progress) -> Best:
    """The best of all pairs at once, where places count persons: prices prove nothing about pairs left out."""
    if kept.everything is None:
        raise ValueError(
            f"capacity_in: more than {MOST_IN_MEMORY} possible pairs are too many where places count persons")
    tell(Step.SOLVING, len(kept.everything.units))
    everything = _sorted(pool, [kept.everything])
    arcs = pins.without(everything) if pins else everything
    sizes, alone = pool.households.size.astype(np.int64), pool.units.kind == GROUP
    found = _solved(pool, arcs, pins, sizes=sizes, alone=alone)
    look = _Look(pool, found, pins)
    look.through([kept.everything], ADDED)
    return Best(found, kept.possible, look.next_best(), rounds=1)


def _solved(pool: EncodedPool, arcs: Scored, pins: "_Pins | None", **persons: Any) -> Assignment:
    taken = pins.taken if pins else None
    found = solve(*arcs, pool.units.free, n_households=pool.n_households, taken=taken, **persons)
    return pins.added(found) if pins else found


def _takes(pool: EncodedPool, households: Ints, units: Ints) -> Ints:
    """How many places each pair pays for: a group's only one is for a household, however many belong to it."""
    return np.where(pool.units.kind[units] == GROUP, 1, pool.households.takes[households]).astype(np.int64)


class _Pins:
    """Pairs that are set: the others are assigned to the places that are left, and prices are those of these places.

    Of their households the proof asks nothing: each one's value is what its pair is worth less its places' price, and
    below 0 where others would gain more there. So prices and values add up to the bound for all choices with the pairs.
    """

    def __init__(self, pool: EncodedPool, extra: Ints, pinned: Ints) -> None:
        self.households = np.flatnonzero(pinned >= 0)
        self._units, self._others = pinned[self.households], pinned < 0
        self._takes = _takes(pool, self.households, self._units)
        self._worth = points_of(pool, self.households, self._units).score + extra[self.households]
        self.taken = np.zeros(pool.n_units, dtype=np.int64)
        np.add.at(self.taken, self._units, pool.households.takes[self.households])

    def without(self, arcs: Scored) -> Scored:
        """The pairs of all the others."""
        return _at(arcs, self._others[arcs.households])

    def added(self, found: Assignment) -> Assignment:
        """What was found for the others, with these."""
        pairs = zip(self.households.tolist(), self._units.tolist(), strict=True)
        values, worth = found.household_values.copy(), int(self._worth.sum())
        values[self.households] = self._worth - self._takes * found.unit_prices[self._units]
        return replace(found, pairs=sorted([*found.pairs, *pairs]), objective=found.objective + worth,
                       bound=found.bound + worth, household_values=values)


def scored_pairs(pool: EncodedPool, extra: Ints) -> Scored:
    """Return every possible pair with its worth, sorted by household and then unit.

    Where memory does not hold them, each household's best ones only.
    """
    kept = _first_arcs(pool, extra, nobody_listens)
    return kept.arcs if kept.everything is None else _sorted(pool, [kept.everything])


def scored_in_blocks(pool: EncodedPool, extra: Ints, half: int | None = None) -> Iterator[Scored]:
    """Yield every possible pair once, with its worth; of one half of the blocks only, where that is asked."""
    for pairs in possible_in_blocks(pool, half):
        score = points_of(pool, pairs.households, pairs.units, pairs.metres).score
        yield Scored(pairs.households, pairs.units, score + extra[pairs.households])


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """The pairs that are solved over at first, sorted; how many there are by household; all, where memory holds them.

    To sort all of them would take longer than to look at them.
    """

    arcs: Scored
    possible: Ints
    everything: Scored | None


def _first_arcs(pool: EncodedPool, extra: Ints, tell: Progress) -> _Kept:
    """The best pairs of each household, and all unless they are too many."""
    with beside(partial(_half_found, pool, extra, 1, nobody_listens), large=pool.large) as others:
        halves = [_half_found(pool, extra, 0, tell), others()]
    arcs, possible = _together([half.arcs for half in halves]), halves[0].possible + halves[1].possible
    whole = all(half.everything for half in halves)
    best = _best_of_each(arcs, KEPT if whole else KEPT_OF_LARGE)
    return _Kept(_sorted(pool, [best]), possible, arcs if whole else None)


def _half_found(pool: EncodedPool, extra: Ints, half: int, tell: Progress) -> _Kept:
    """Every other block: all its pairs, or the best of each household, not sorted."""
    possible = np.zeros(pool.n_households, dtype=np.int64)
    parts: list[Scored] = []
    seen, whole = 0, True
    for block in scored_in_blocks(pool, extra, half):
        possible += np.bincount(block.households, minlength=pool.n_households)
        seen += len(block.units)
        if whole and seen > MOST_IN_MEMORY // 2:
            whole = False
            tell(Step.PRUNING, KEPT_OF_LARGE)
            parts = [_best_of_each(_together(parts), KEPT_OF_LARGE)]
        parts.append(block if whole else _best_of_each(block, KEPT_OF_LARGE))
    found = _together(parts)
    return _Kept(found, possible, found) if whole else _Kept(_best_of_each(found, KEPT_OF_LARGE), possible, None)


def _together(parts: list[Scored]) -> Scored:
    """Several as one."""
    nothing = np.empty(0, dtype=np.int64)
    return Scored(*(np.concatenate(column) for column in zip(Scored(nothing, nothing, nothing), *parts, strict=True)))


def _sorted(pool: EncodedPool, parts: list[Scored]) -> Scored:
    """Several as one, sorted; one that stands in two of them once."""
    everything = _together(parts)
    _, first = np.unique(everything.households * pool.n_units + everything.units, return_index=True)
    return Scored(*(column[first] for column in everything))


def _best_of_each(arcs: Scored, count: int) -> Scored:
    """So many of each household's best pairs; of those that are worth the same, others for each household.

    Where many units are alike each household would else begin with the very same ones, and most come away empty.
    """
    if not len(arcs.worth):
        return arcs
    # The household, what the pair is worth less than the best, and a lot in one number: to sort it alone is fast.
    most = int(arcs.worth.max())
    number = arcs.households * (most - int(arcs.worth.min()) + 1) + (most - arcs.worth)
    number = number * LOTS + _lots(arcs)
    ends = np.cumsum(np.bincount(arcs.households))
    starts = np.concatenate([[0], ends[:-1]])
    last = np.sort(number)[np.minimum(starts + count, ends) - 1]
    return _at(arcs, number <= last[arcs.households])


def _lots(arcs: Scored) -> Ints:
    """A number below LOTS for each pair: the same every time, and as if drawn."""
    mixed = arcs.households * 0x9E3779B1 + arcs.units * 0x85EBCA77
    mixed ^= mixed >> 17
    lots: Ints = (mixed * 0x2C1B3C6D >> 11) & (LOTS - 1)
    return lots


def _at(arcs: Scored, chosen: Bools) -> Scored:
    return Scored(*(column[chosen] for column in arcs))


class _Look:
    """A look at pairs with the prices of an assignment: which gain a household more, and which is its next best."""

    def __init__(self, pool: EncodedPool, found: Assignment, pins: _Pins | None) -> None:
        self._pool, self._found, self._least = pool, found, found.household_values
        if pins:
            # Whatever they would gain elsewhere: somebody decided.
            self._least = self._least.copy()
            self._least[pins.households] = np.iinfo(np.int64).max
        self._got = np.full(pool.n_households, -1, dtype=np.int64)
        for household, unit in found.pairs:
            self._got[household] = unit
        # The gain and the unit in one number, so that the largest is the best and, of equals, the first.
        self._base = pool.n_units + 1
        self._nothing = np.iinfo(np.int64).min
        self._most = np.full(pool.n_households, self._nothing)

    def through(self, blocks: Iterable[Scored], count: int) -> list[Scored]:
        """Look at all of them; returns so many of each household's best among those that gain it more than it has."""
        gaining = []
        for block in blocks:
            gain = block.worth - self._paid(block)
            others = block.units != self._got[block.households]
            number = gain * self._base + (self._base - 1 - block.units)
            np.maximum.at(self._most, block.households[others], number[others])
            more = gain > self._least[block.households]
            if more.any():
                gaining.append(_best_of_each(_at(block, more), count))
        return gaining

    def _paid(self, block: Scored) -> Ints:
        prices = self._found.unit_prices[block.units]
        by_person = self._pool.rules.capacity_in == "persons"
        return _takes(self._pool, block.households, block.units) * prices if by_person else prices

    def through_all(self, pool: EncodedPool, extra: Ints) -> list[Scored]:
        """Do the same with all possible pairs, which are found anew."""
        with beside(partial(self._half_seen, pool, extra, 1), large=pool.large) as others:
            gaining, _ = self._half_seen(pool, extra, 0)
            more, most = others()
        self._most = np.maximum(self._most, most)
        return gaining + more

    def _half_seen(self, pool: EncodedPool, extra: Ints, half: int) -> tuple[list[Scored], Ints]:
        return self.through(scored_in_blocks(pool, extra, half), ADDED_OF_LARGE), self._most

    def next_best(self) -> Ints:
        """The best unit besides the one that was got, by household; -1: none."""
        unit: Ints = self._base - 1 - self._most % self._base
        return np.where(self._most == self._nothing, -1, unit)
