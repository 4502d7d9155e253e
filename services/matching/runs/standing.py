"""An assignment that stays the best one while people come: one augmenting path each, instead of a whole run.

    standing = Standing(households, units, scores, capacities, n_households=…)
    standing.add_household(units=[3, 7], scores=[900, 850])     # the index of the new household
    standing.add_unit(households=[0, 4], scores=[700, 650])     # the index of the new unit, with one place
    standing.pairs, standing.objective

Prices and values prove the assignment best, and are kept so: the shortest path through the pairs, by what each step
loses at these prices, tells who makes room for whom (successive shortest paths with potentials: J. Edmonds and
R. M. Karp, Theoretical Improvements in Algorithmic Efficiency for Network Flow Problems, 1972).
"""

import heapq
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from services.matching.runs.assignment import Assignment, solve
from services.matching.runs.certificate import Arcs, Ints, certify

NOBODY = -1


class Standing:
    """A best assignment with its prices."""

    def __init__(
        self, households: ArrayLike, units: ArrayLike, scores: ArrayLike, capacities: ArrayLike, *, n_households: int,
    ) -> None:
        """Assign as `solve` does; ValueError as it raises."""
        found: Assignment = solve(households, units, scores, capacities, n_households=n_households)
        self.objective = found.objective
        self._households = _Side(found.household_values.tolist())
        self._units = _Side(found.unit_prices.tolist())
        self._free: list[int] = np.asarray(capacities, dtype=np.int64).tolist()
        self._got = [NOBODY] * n_households
        self._holds: list[set[int]] = [set() for _ in self._free]
        arcs = [np.asarray(column, dtype=np.int64) for column in (households, units, scores)]
        self._households.wish(arcs[0], arcs[1], arcs[2])
        self._units.wish(arcs[1], arcs[0], arcs[2])
        for household, unit in found.pairs:
            self._give(household, unit)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The chosen (household, unit), by household."""
        return [(household, unit) for household, unit in enumerate(self._got) if unit != NOBODY]

    def add_household(self, units: ArrayLike, scores: ArrayLike) -> int:
        """Let a household join that may go to these units for these scores (at least 1); returns its index."""
        household = self._households.add(units, scores, self._units)
        self._got.append(NOBODY)
        path = _Search(self._households, self._units, lambda unit: self._free[unit] > 0,
                       lambda unit: self._holds[unit]).shortest(household)
        self._improve(path, household)
        for one, unit in path.steps:
            self._take(one)
            if unit != NOBODY:
                self._give(one, unit)
        return household

    def add_unit(self, households: ArrayLike, scores: ArrayLike) -> int:
        """Let a unit with one place join that these households may go to for these scores; returns its index."""
        unit = self._units.add(households, scores, self._households)
        self._holds.append(set())
        self._free.append(1)
        path = _Search(self._units, self._households, lambda household: self._got[household] == NOBODY,
                       lambda household: (self._got[household],)).shortest(unit)
        self._improve(path, unit)
        for one, household in path.steps:
            if household != NOBODY:
                self._take(household)
                self._give(household, one)
        return unit

    def holds(self) -> bool:
        """Say whether prices and values still prove that nothing better exists: looks at everything."""
        table = self._households.table()
        capacities = np.array([free + len(held) for free, held in zip(self._free, self._holds, strict=True)])
        arcs = Arcs(table[:, 0], table[:, 1], table[:, 2], capacities.astype(np.int64), len(self._got))
        got = np.array(self._got, dtype=np.int64)
        chosen = got[arcs.households] == arcs.units
        return certify(arcs, chosen, self._units.worth(), self._households.worth()) and self.objective == int(
            arcs.scores[chosen].sum())

    def _improve(self, path: "_Path", new: int) -> None:
        """Set prices and values anew, so that every step of the path costs nothing more."""
        side = path.side
        self.objective += side.potential[new] - path.cost
        for one, way in path.mine.items():
            side.potential[one] -= max(0, path.cost - way)
        for one, way in path.theirs.items():
            path.other.potential[one] += max(0, path.cost - way)

    def _give(self, household: int, unit: int) -> None:
        self._got[household] = unit
        self._holds[unit].add(household)
        self._free[unit] -= 1

    def _take(self, household: int) -> None:
        unit = self._got[household]
        if unit != NOBODY:
            self._holds[unit].discard(household)
            self._free[unit] += 1
            self._got[household] = NOBODY


class _Side:
    """One side: by index what each could have for which score, and its price or value."""

    def __init__(self, potential: list[int]) -> None:
        self.potential = potential
        self._others: list[Ints] = []
        self._scores: list[Ints] = []
        # Who came later, beside the arrays of those who were there at first.
        self.later: dict[int, list[tuple[int, int]]] = {}

    def wish(self, one: Ints, others: Ints, scores: Ints) -> None:
        """Take over the pairs that are possible from the beginning."""
        order = np.argsort(one, kind="stable")
        cuts = np.searchsorted(one[order], np.arange(1, len(self.potential)))
        self._others, self._scores = np.split(others[order], cuts), np.split(scores[order], cuts)
        del self._others[len(self.potential):], self._scores[len(self.potential):]

    def add(self, others: ArrayLike, scores: ArrayLike, other: "_Side") -> int:
        """One more, with what it could gain at most as its potential."""
        theirs, worth = np.asarray(others, dtype=np.int64), np.asarray(scores, dtype=np.int64)
        if theirs.shape != worth.shape or theirs.ndim != 1 or (worth < 1).any():
            raise ValueError("scores: one of at least 1 is needed for each")
        if len(np.unique(theirs)) < len(theirs) or ((theirs < 0) | (theirs >= len(other.potential))).any():
            raise ValueError("others: each stands there once, and is one of those who are there")
        index = len(self.potential)
        gains = [score - other.potential[one] for one, score in zip(theirs.tolist(), worth.tolist(), strict=True)]
        self.potential.append(max(0, *gains) if gains else 0)
        self._others.append(theirs)
        self._scores.append(worth)
        for one, score in zip(theirs.tolist(), worth.tolist(), strict=True):
            other.later.setdefault(one, []).append((index, score))
        return index

    def options(self, one: int) -> Iterable[tuple[int, int]]:
        """What one could have, as (index on the other side, score)."""
        yield from zip(self._others[one].tolist(), self._scores[one].tolist(), strict=True)
        yield from self.later.get(one, ())

    def table(self) -> Ints:
        """Every possible pair as a row (index, index of the other side, score), sorted."""
        rows = [(one, other, score) for one in range(len(self.potential)) for other, score in self.options(one)]
        return np.array(sorted(rows), dtype=np.int64).reshape(-1, 3)

    def worth(self) -> Ints:
        """Prices or values."""
        return np.array(self.potential, dtype=np.int64)


class _Path(NamedTuple):
    """The cheapest way to seat the new one: what it costs, who gets whom, and how far others are on the way."""

    side: _Side
    other: _Side
    cost: int
    steps: list[tuple[int, int]]
    mine: dict[int, int]
    theirs: dict[int, int]


class _Search:
    """Dijkstra's search from the side of a new one: whom it could have, who then has to look elsewhere, and so on.

    `is_open`: whether one of the other side can be had without anybody giving way; `partners`: who has it.
    """

    def __init__(
        self, side: _Side, other: _Side, is_open: Callable[[int], bool], partners: Callable[[int], Iterable[int]],
    ) -> None:
        self._side, self._other, self._is_open, self._partners = side, other, is_open, partners
        self._before: dict[int, tuple[int, int]] = {}
        self._mine: dict[int, int] = {}
        self._theirs: dict[int, int] = {}
        self._queue: list[tuple[int, int]] = []
        # The cheapest end so far: what it costs, and whom the last one gets.
        self._best, self._end = 0, (NOBODY, NOBODY)

    def shortest(self, new: int) -> _Path:
        """The cheapest way; it ends where one is open, or with somebody who goes without."""
        self._mine[new] = 0
        self._best, self._end = self._side.potential[new], (new, NOBODY)
        self._queue = [(0, new)]
        done = set[int]()
        while self._queue and self._queue[0][0] < self._best:
            way, one = heapq.heappop(self._queue)
            if one not in done:
                done.add(one)
                self._look_from(one, way)
        return _Path(self._side, self._other, self._best, self._steps(new), self._mine, self._theirs)

    def _look_from(self, one: int, way: int) -> None:
        """One who is so far on the way goes without, or to whom it could have."""
        start = way + self._side.potential[one]
        if start < self._best:
            self._best, self._end = start, (one, NOBODY)
        for other, score in self._side.options(one):
            length = start + self._other.potential[other] - score
            if length < self._best and length < self._theirs.get(other, self._best):
                self._theirs[other] = length
                self._reach(one, other, length)

    def _reach(self, one: int, other: int, length: int) -> None:
        """The other can be had at once, or those who have it look elsewhere."""
        if self._is_open(other):
            self._best, self._end = length, (one, other)
            return
        for partner in self._partners(other):
            if length < self._mine.get(partner, self._best):
                self._mine[partner], self._before[partner] = length, (one, other)
                heapq.heappush(self._queue, (length, partner))

    def _steps(self, new: int) -> list[tuple[int, int]]:
        """Who gets whom, the last first: so that each finds its place given up."""
        (one, _), steps = self._end, [self._end]
        while one != new:
            steps.append(self._before[one])
            one, _ = self._before[one]
        return steps
