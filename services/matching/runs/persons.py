"""Capacity in persons: a household takes as many places as it has members, so that a few large ones may not fit.

That is no flow any more but a generalised assignment, a small integer programme: HiGHS finds the best choice by branch
and bound (Q. Huangfu and J. A. J. Hall, Parallelizing the dual revised simplex method, 2018), and says what no choice
exceeds. The prices come from the same problem with households that may be split (its linear relaxation), in whole
points per person; whatever they are, they bound every choice, too, so that the bound that is told is the lower of both.
"""

import contextlib
import importlib
import math
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from services.matching.runs.certificate import Arcs, Bools, Ints

OUT, ERRORS = 1, 2
# What HiGHS counts in floats may be off by so much of a point.
NOISE = 1e-4


class Counted(NamedTuple):
    """How persons are counted: `sizes` (int64[n_households], each at least 1) are those of a household.

    `rooms` (int64[n_units]) are the places of the whole unit, of which the arcs' capacities are what is left.
    """

    sizes: Ints
    rooms: Ints


def choose_by_persons(arcs: Arcs, counted: Counted, seconds: float) -> tuple[Bools, Ints, int, str]:
    """Return which arcs are chosen (bool[k]), prices per person (int64[n_units]), a bound from above, and the solver.

    The search ends after so many seconds with the best choice found so far; the bound is what no choice exceeds.
    """
    optimize, sparse = importlib.import_module("scipy.optimize"), importlib.import_module("scipy.sparse")
    name = f"highs by scipy {importlib.import_module('scipy').__version__}"
    count, sizes = len(arcs.units), counted.sizes
    chosen, prices = np.zeros(count, dtype=np.bool_), np.zeros(arcs.n_units, dtype=np.int64)
    if not count:
        return chosen, prices, 0, name
    rows = np.concatenate([arcs.households, arcs.n_households + arcs.units])
    columns = np.tile(np.arange(count), 2)
    takes = np.concatenate([np.ones(count), sizes[arcs.households]]).astype(np.float64)
    table = sparse.csr_matrix((takes, (rows, columns)), shape=(arcs.n_households + arcs.n_units, count))
    # More places than there are persons are as good as so many, and stay exact in a float.
    places = np.minimum(arcs.capacities, int(sizes.sum()))
    limits = np.concatenate([np.ones(arcs.n_households), places]).astype(np.float64)
    costs = -arcs.scores.astype(np.float64)
    # A household that is larger than the whole unit cannot be a fraction of it either.
    fits = _fitting(arcs, counted).astype(np.float64)
    with _nothing_on_stdout():
        relaxed = optimize.linprog(costs, A_ub=table, b_ub=limits, bounds=np.column_stack([np.zeros(count), fits]),
                                   method="highs", options={"time_limit": seconds})
        found = optimize.milp(
            costs, integrality=np.ones(count), bounds=optimize.Bounds(0, fits),
            constraints=optimize.LinearConstraint(table, ub=limits), options={"mip_rel_gap": 0, "time_limit": seconds})
    if relaxed.status == 0:
        prices = np.maximum(0, np.rint(-relaxed.ineqlin.marginals[arcs.n_households:])).astype(np.int64)
    if found.x is not None:
        chosen = found.x > 0.5  # noqa: PLR2004 - 0 or 1, within what HiGHS tolerates
    return chosen, prices, _bound(found, arcs), name


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
    useful = np.minimum(arcs.capacities, int(counted.sizes.sum()))
    return int((useful * prices).sum()) + int(values.sum())


def household_gains(prices: Ints, arcs: Arcs, counted: Counted) -> Ints:
    """Return int64[n_households]: the most that each could gain at these prices per person, never below 0."""
    values = np.zeros(arcs.n_households, dtype=np.int64)
    fits = _fitting(arcs, counted)
    gains = arcs.scores - counted.sizes[arcs.households] * prices[arcs.units]
    np.maximum.at(values, arcs.households[fits], gains[fits])
    return values


def is_allowed(arcs: Arcs, chosen: Bools, counted: Counted) -> bool:
    """Say whether nobody is chosen twice, and no unit takes more persons than it has places."""
    times = np.bincount(arcs.households[chosen], minlength=arcs.n_households)
    taken = np.zeros(arcs.n_units, dtype=np.int64)
    np.add.at(taken, arcs.units[chosen], counted.sizes[arcs.households[chosen]])
    return bool((times <= 1).all() and (taken <= arcs.capacities).all())


def _fitting(arcs: Arcs, counted: Counted) -> Bools:
    """Which arcs (bool[k]) are of a household that is not larger than the whole unit."""
    fitting: Bools = counted.sizes[arcs.households] <= counted.rooms[arcs.units]
    return fitting


def _bound(found: Any, arcs: Arcs) -> int:
    """HiGHS's own bound, as whole points; without one, what everybody would reach at best without any limit."""
    bound: float | None = found.mip_dual_bound
    if bound is None or not math.isfinite(bound):
        most = np.zeros(arcs.n_households, dtype=np.int64)
        np.maximum.at(most, arcs.households, arcs.scores)
        return int(most.sum())
    return math.floor(-bound + NOISE)
