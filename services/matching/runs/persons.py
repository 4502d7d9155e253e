"""Capacity in persons: a household takes as many places as it has members, so that a few large ones may not fit.

That is no flow any more but a generalised assignment, a small integer programme: HiGHS finds the best choice by branch
and bound (Q. Huangfu and J. A. J. Hall, Parallelizing the dual revised simplex method, 2018), and says what no choice
exceeds. The prices come from the same problem with households that may be split (its linear relaxation), in whole
points per person; whatever they are, they bound every choice, too, so that the bound that is told is the lower of both.
A unit that takes one household at a time has one place for a household, which has to fit into it, and a price for that.
"""

import contextlib
import importlib
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from services.matching.runs.certificate import Arcs, Bools, Ints

OUT, ERRORS = 1, 2
# What HiGHS counts in floats may be off by so much of a point.
NOISE = 1e-4


class Counted(NamedTuple):
    """How persons are counted: `sizes` (int64[n_households], each at least 1) are those of a household.

    `rooms` (int64[n_units]) are the places of the whole unit, of which the arcs' capacities are what is left; units
    that are `alone` (bool[n_units]) take one household at a time, however many persons belong to it.
    """

    sizes: Ints
    rooms: Ints
    alone: Bools

    def takes(self, households: Ints, units: Ints) -> Ints:
        """How many places each of these pairs takes."""
        return np.where(self.alone[units], 1, self.sizes[households])

    def places(self, left: Ints) -> Ints:
        """How many there are by what is left of the capacities, and no more than there are persons."""
        untouched = (left == self.rooms) & (left > 0)
        # More would be as good as so many, and stay exact in a float.
        return np.where(self.alone, untouched, np.minimum(left, int(self.sizes.sum())))

    def fitting(self, arcs: Arcs) -> Bools:
        """Which arcs (bool[k]) are of a household that is not larger than the whole unit."""
        fitting: Bools = self.sizes[arcs.households] <= self.rooms[arcs.units]
        return fitting


def choose_by_persons(arcs: Arcs, counted: Counted, seconds: float) -> tuple[Bools, Ints, int, str]:
    """Return which arcs are chosen (bool[k]), prices per person (int64[n_units]), a bound from above, and the solver.

    The search ends after so many seconds with the best choice found so far; the bound is what no choice exceeds.
    """
    optimize = importlib.import_module("scipy.optimize")
    name = f"highs by scipy {importlib.import_module('scipy').__version__}"
    chosen, prices = np.zeros(len(arcs.units), dtype=np.bool_), np.zeros(arcs.n_units, dtype=np.int64)
    few = enough(arcs, counted)
    if not len(few):
        return chosen, prices, 0, name
    arcs = replace(arcs, households=arcs.households[few], units=arcs.units[few], scores=arcs.scores[few])
    table, limits = _limits(arcs, counted)
    costs, within = -arcs.scores.astype(np.float64), {"time_limit": seconds}
    with _nothing_on_stdout():
        relaxed = optimize.linprog(costs, A_ub=table, b_ub=limits, bounds=(0, 1), method="highs", options=within)
        found = optimize.milp(
            costs, integrality=np.ones(len(few)), bounds=optimize.Bounds(0, 1),
            constraints=optimize.LinearConstraint(table, ub=limits), options={"mip_rel_gap": 0} | within)
    if relaxed.status == 0:
        prices = np.maximum(0, np.rint(-relaxed.ineqlin.marginals[arcs.n_households:])).astype(np.int64)
    if found.x is not None:
        chosen[few] = found.x > 0.5  # noqa: PLR2004 - 0 or 1, within what HiGHS tolerates
    return chosen, prices, _bound(found, arcs), name


def enough(arcs: Arcs, counted: Counted) -> Ints:
    """Return the places of the arcs among which the best choice is, none of a household that is larger than the unit.

    Of as many units as there are households all others leave one empty: whoever is somewhere else could as well be
    there. So each needs no more than so many, the best of those in which it would fit without the others.
    """
    fitting, many = counted.fitting(arcs), len(np.unique(arcs.households))
    roomy = counted.takes(arcs.households, arcs.units) <= counted.places(arcs.capacities)[arcs.units]
    places = np.flatnonzero(fitting & roomy)
    best = places[np.lexsort((arcs.units[places], -arcs.scores[places], arcs.households[places]))]
    households = arcs.households[best]
    rank = np.arange(len(best)) - np.searchsorted(households, households)
    # The others count for the price of a unit that was given away beforehand.
    return np.sort(np.concatenate([best[rank < many], np.flatnonzero(fitting & ~roomy)]))


@contextlib.contextmanager
def _nothing_on_stdout() -> Iterator[None]:
    """What HiGHS now and then writes there past Python goes to standard error: a program may be reading JSON."""
    try:
        kept = os.dup(OUT)
    except OSError:
        # There is no standard output.
        yield
        return
    try:
        os.dup2(ERRORS, OUT)
        yield
    finally:
        os.dup2(kept, OUT)
        os.close(kept)


def bound_by(prices: Ints, arcs: Arcs, counted: Counted) -> int:
    """Return what no choice exceeds at these prices per person: the places' price, and what each household gains."""
    values = household_gains(prices, arcs, counted)
    return int((counted.places(arcs.capacities) * prices).sum()) + int(values.sum())


def household_gains(prices: Ints, arcs: Arcs, counted: Counted) -> Ints:
    """Return int64[n_households]: the most that each could gain at these prices per person, never below 0."""
    values = np.zeros(arcs.n_households, dtype=np.int64)
    fits = counted.fitting(arcs)
    gains = arcs.scores - counted.takes(arcs.households, arcs.units) * prices[arcs.units]
    np.maximum.at(values, arcs.households[fits], gains[fits])
    return values


def is_allowed(arcs: Arcs, chosen: Bools, counted: Counted) -> bool:
    """Say whether nobody is chosen twice, and no unit takes more than it has places for."""
    times = np.bincount(arcs.households[chosen], minlength=arcs.n_households)
    taken = np.zeros(arcs.n_units, dtype=np.int64)
    np.add.at(taken, arcs.units[chosen], counted.takes(arcs.households[chosen], arcs.units[chosen]))
    within = (taken <= counted.places(arcs.capacities)).all()
    return bool((times <= 1).all() and within and counted.fitting(arcs)[chosen].all())


def _limits(arcs: Arcs, counted: Counted) -> tuple[Any, Any]:
    """A row for each household, which goes to one unit at most, and for each unit with its places; and the limits."""
    count = len(arcs.units)
    rows = np.concatenate([arcs.households, arcs.n_households + arcs.units])
    takes = np.concatenate([np.ones(count), counted.takes(arcs.households, arcs.units)]).astype(np.float64)
    table = importlib.import_module("scipy.sparse").csr_matrix(
        (takes, (rows, np.tile(np.arange(count), 2))), shape=(arcs.n_households + arcs.n_units, count))
    return table, np.concatenate([np.ones(arcs.n_households), counted.places(arcs.capacities)]).astype(np.float64)


def _bound(found: Any, arcs: Arcs) -> int:
    """HiGHS's own bound, as whole points; without one, what everybody would reach at best without any limit."""
    bound: float | None = found.mip_dual_bound
    if bound is None or not math.isfinite(bound):
        most = np.zeros(arcs.n_households, dtype=np.int64)
        np.maximum.at(most, arcs.households, arcs.scores)
        return int(most.sum())
    return math.floor(-bound + NOISE)
