"""Households to units so that the sum of scores is the greatest, with a proof; a small library of its own.

    from services.matching.runs.assignment import solve

    result = solve(
        households=[0, 0, 1],   # three possible pairs (arcs): household 0 with unit 0 or 1,
        units=[0, 1, 0],        # household 1 with unit 0
        scores=[900, 850, 700],
        capacities=[1, 1],      # each unit takes one household
        n_households=2,
    )
    result.pairs                # [(0, 1), (1, 0)]: 850 + 700, although 900 was the best single pair
    result.objective            # 1550
    result.unit_prices          # [50, 0]: one more place at unit 0 would raise the sum by 50
    result.household_values     # [850, 650]
    result.certified            # True: no assignment whatsoever reaches more

    result.bound                # 1550: what no assignment exceeds; gap, the distance to it, is 0

A pair without an arc is never chosen, and nobody is forced into a pair: a household may stay without. It
needs NumPy and one of OR-tools (a min-cost flow over the arcs as they are, never a dense matrix) and SciPy
(somewhat slower, the same sum, prices and values). With `sizes` a unit's capacity counts persons: then HiGHS, which
comes with SciPy, solves an integer programme (`persons`). The solver holds the GIL while it works: call it in a worker
process.
"""

from dataclasses import dataclass, replace
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from services.matching.runs import persons
from services.matching.runs.certificate import (
    Arcs,
    Bools,
    Ints,
    bound_of,
    certify,
    household_values,
    lowest_prices,
)
from services.matching.runs.persons import Counted
from services.matching.runs.solvers import Solver, choose

# Sums of scores stay exact in the float64 of SciPy, and far from the int64 limit of OR-tools' scaled costs.
LARGEST_SUM = 2**53
# OR-tools numbers its nodes in int32.
MOST_NODES = 2**31 - 1
MOST_PERSONS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """What `solve` found.

    `pairs`: (household, unit) by household; `objective`: the sum of their scores; `unit_prices`
    (int64[n_units]): what one more place there would add to the sum, 0 where a place stayed free;
    `household_values` (int64[n_households]): what the household gains at these prices; `bound`: what no
    assignment exceeds; `certified`: proven best (`certificate.certify`); `solver`: what computed it, with its version.
    Sum, prices and values are the same whichever solver ran; which of several equally good sets of pairs is returned
    depends on solver and version, never on the order of the arcs.

    Where capacity counts persons, `unit_prices` are about what one more person's place is worth (where one household is
    taken at most: what a second one would be), and `certified` says that the bound, the solver's own or that of the
    prices, is reached: `gap` is 0.
    """

    pairs: list[tuple[int, int]]
    objective: int
    unit_prices: Ints
    household_values: Ints
    bound: int
    certified: bool
    solver: str

    @property
    def gap(self) -> int:
        """How much more than the objective another assignment could reach at most."""
        return self.bound - self.objective


def solve(
    households: ArrayLike,
    units: ArrayLike,
    scores: ArrayLike,
    capacities: ArrayLike,
    *,
    n_households: int,
    taken: ArrayLike | None = None,
    sizes: ArrayLike | None = None,
    alone: ArrayLike | None = None,
    solver: Solver = "auto",
    seconds: float = 60.0,
) -> Assignment:
    """Assign each household to at most one unit, within the capacities, for the greatest sum of scores.

    Arc k says that household `households[k]` (0..n_households-1) and unit `units[k]` (0..len(capacities)-1)
    may be a pair worth `scores[k]`, at least 1. The three are one-dimensional, of one length, in any order;
    `capacities` is one-dimensional, each at least 0. All are whole numbers: any integer dtype, or floats
    without a fraction. No households, no units and no arcs are all fine. `taken` says how much of each capacity is
    given away beforehand: a unit of which nothing is left has a price, too. `solver` is "auto" for OR-tools where it is
    installed, else SciPy.

    Given `sizes` (the persons of each household, at least 1), capacities count persons; a unit that is `alone` (a truth
    value for each of them) takes one household at most. Then `solver` is not asked for, and the search ends after about
    twice so many `seconds` with the best found so far and its gap.

    Raises ValueError, which begins with the argument's name, for anything else: another number of dimensions,
    text, a fraction, NaN or infinity, a negative number, an index out of range, lengths that differ, an arc
    given twice, a score below 1, or scores so large that their sum could pass 2**53.
    """
    whole = _checked(households, units, scores, capacities, n_households)
    arcs = whole if taken is None else replace(whole, capacities=whole.capacities - _taken(taken, whole.capacities))
    if sizes is not None:
        counted = Counted(_sizes(sizes, arcs.n_households), whole.capacities, _alone(alone, arcs.n_units))
        return _in_persons(arcs, counted, seconds)
    chosen, name = choose(arcs, solver)
    prices = lowest_prices(arcs, chosen)
    values = household_values(arcs, prices)
    return Assignment(
        pairs=_pairs(arcs, chosen),
        objective=int(arcs.scores[chosen].sum()),
        unit_prices=prices,
        household_values=values,
        bound=bound_of(arcs, prices, values),
        certified=certify(arcs, chosen, prices, values),
        solver=name,
    )


def _in_persons(arcs: Arcs, counted: Counted, seconds: float) -> Assignment:
    """The assignment where capacities count persons."""
    chosen, prices, bound, name = persons.choose_by_persons(arcs, counted, seconds)
    objective = int(arcs.scores[chosen].sum())
    bound = min(bound, persons.bound_by(prices, arcs, counted))
    return Assignment(
        pairs=_pairs(arcs, chosen),
        objective=objective,
        unit_prices=prices,
        household_values=persons.household_gains(prices, arcs, counted),
        bound=bound,
        certified=bound == objective and persons.is_allowed(arcs, chosen, counted),
        solver=name,
    )


def _pairs(arcs: Arcs, chosen: Bools) -> list[tuple[int, int]]:
    return list(zip(arcs.households[chosen].tolist(), arcs.units[chosen].tolist(), strict=True))


def _sizes(given: ArrayLike, n_households: int) -> Ints:
    """The persons of each household, or a ValueError."""
    sizes = _whole("sizes", given)
    if len(sizes) != n_households:
        raise ValueError(f"sizes: {len(sizes)} given, but there are {n_households} households")
    _within("sizes", sizes, 1, MOST_PERSONS)
    return sizes


def _alone(given: ArrayLike | None, n_units: int) -> Bools:
    """Which units take one household at most, or a ValueError."""
    alone = np.zeros(n_units, dtype=np.bool_) if given is None else np.asarray(given)
    if alone.dtype != np.bool_ or alone.shape != (n_units,):
        raise ValueError(f"alone: {n_units} truth values are needed, one for each unit")
    return alone


def _taken(given: ArrayLike, capacities: Ints) -> Ints:
    """How much of each capacity is given away, or a ValueError."""
    taken = _whole("taken", given)
    if len(taken) != len(capacities):
        raise ValueError(f"taken: {len(taken)} given, but there are {len(capacities)} units")
    _refuse("taken", taken, taken < 0, "is below 0")
    _refuse("taken", taken, taken > capacities, "is above the capacity")
    return taken


def _checked(
    households: ArrayLike, units: ArrayLike, scores: ArrayLike, capacities: ArrayLike, n_households: int
) -> Arcs:
    """The arguments as sorted int64 arrays, or a ValueError that names the one at fault."""
    given = {"households": households, "units": units, "scores": scores, "capacities": capacities}
    whole = {name: _whole(name, values) for name, values in given.items()}
    for name in ("units", "scores"):
        if len(whole[name]) != len(whole["households"]):
            wanted = len(whole["households"])
            raise ValueError(f"{name}: {len(whole[name])} given, but households has {wanted}")
    count = _count("n_households", n_households)
    n_units = len(whole["capacities"])
    if count + n_units + 1 > MOST_NODES:
        raise ValueError(f"n_households: with {n_units} units more than {MOST_NODES} are too many to number")
    _within("households", whole["households"], 0, count - 1)
    _within("units", whole["units"], 0, n_units - 1)
    _within("scores", whole["scores"], 1, LARGEST_SUM // (count + n_units + 1))
    _within("capacities", whole["capacities"], 0, np.iinfo(np.int64).max)
    return _sorted(Arcs(whole["households"], whole["units"], whole["scores"], whole["capacities"], count))


def _sorted(arcs: Arcs) -> Arcs:
    """The arcs by household and unit; ValueError when one of them is given twice."""
    place = arcs.households * arcs.n_units + arcs.units
    if (np.diff(place) > 0).all():
        return arcs
    order = np.argsort(place)
    households, units = arcs.households[order], arcs.units[order]
    twice = np.flatnonzero(np.diff(place[order]) == 0)
    if len(twice):
        raise ValueError(f"households: the arc ({households[twice[0]]}, {units[twice[0]]}) is given twice")
    return Arcs(households, units, arcs.scores[order], arcs.capacities, arcs.n_households)


def _count(name: str, value: int) -> int:
    """A number of things, or a ValueError."""
    try:
        count = index(value)
    except TypeError as problem:
        raise ValueError(f"{name}: a whole number is needed, not {value!r}") from problem
    if count < 0:
        raise ValueError(f"{name}: {count} is below 0")
    return count


def _whole(name: str, values: ArrayLike) -> Ints:
    """One-dimensional whole numbers as int64, or a ValueError."""
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError) as problem:
        raise ValueError(f"{name}: not an array of numbers ({problem})") from problem
    if array.ndim != 1:
        raise ValueError(f"{name}: one dimension is needed, not {array.ndim}")
    if array.size and array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: whole numbers are needed, not {array.dtype}")
    if array.dtype.kind == "f":
        _refuse(name, array, ~np.isfinite(array), "is not a finite number")
        _refuse(name, array, array != np.floor(array), "has a fraction")
        _refuse(name, array, np.abs(array) > LARGEST_SUM, "is too large to be exact")
    if array.dtype.kind == "u":
        _refuse(name, array, array > np.iinfo(np.int64).max, "does not fit int64")
    return array.astype(np.int64)


def _within(name: str, array: Ints, least: int, most: int) -> None:
    """Refuse with a ValueError what lies outside least..most."""
    _refuse(name, array, array < least, f"is below {least}")
    _refuse(name, array, array > most, f"is above {most}")


def _refuse(name: str, array: Any, wrong: Any, why: str) -> None:
    if wrong.any():
        position = int(np.argmax(wrong))
        raise ValueError(f"{name}: {array[position]} at position {position} {why}")
