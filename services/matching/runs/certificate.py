"""The proof that an assignment is the best one: what a place is worth, and that no better sum can exist.

The assignment is a linear programme with whole-number solutions, so it has a dual: a price per unit (what a
place there is worth) and a value per household (what it gains by taking part). Whatever prices anybody names,
the sum over all units of `capacity * price` plus the sum of what each household could gain at those prices
bounds every assignment from above. When that bound equals the sum actually reached, the assignment is proven
best: an equality of integers, checked without trusting the solver or the way in which the prices were found.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# More than any price: sums of scores end at 2**53.
BEYOND = 2**60


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """The pairs that are possible, sorted by household and then unit, without repetition.

    `households`, `units` and `scores` are int64[k]; `capacities` is int64[n_units].
    """

    households: Ints
    units: Ints
    scores: Ints
    capacities: Ints
    n_households: int

    @property
    def n_units(self) -> int:
        """How many units there are, with and without arcs."""
        return len(self.capacities)


def lowest_prices(arcs: Arcs, chosen: Bools) -> Ints:
    """Return int64[n_units]: the lowest prices that support the chosen arcs (bool[k]).

    They do not depend on which of several equally good assignments was chosen, and each is exactly what one
    more place at that unit would add to the sum. Of an assignment that is not the best one no prices exist:
    what is returned then fails in `certify`.
    """
    prices = np.zeros(arcs.n_units, dtype=np.int64)
    matched_to, matched_score = _by_household(arcs, chosen)
    source = matched_to[arcs.households]
    alone = source < 0
    # A household that got nothing may gain nothing anywhere: each unit it could have costs what it is worth
    # to it.
    np.maximum.at(prices, arcs.units[alone], arcs.scores[alone])
    others = ~alone & ~chosen
    envy = _Envy(
        source[others],
        arcs.units[others],
        arcs.scores[others] - matched_score[arcs.households[others]],
        arcs.n_units,
    )
    return envy.settle(prices)


def highest_prices(arcs: Arcs, chosen: Bools) -> Ints:
    """Return int64[n_units]: the highest prices that support the chosen arcs (bool[k]) of a best assignment.

    Each is exactly what one place less at that unit would take from the sum, so what it costs to give a place away.
    A unit without places costs just so much that nobody would rather be there.
    """
    matched_to, matched_score = _by_household(arcs, chosen)
    prices = np.full(arcs.n_units, BEYOND, dtype=np.int64)
    # Who got a place gains there, and where a place stayed free it costs nothing.
    np.minimum.at(prices, arcs.units[chosen], arcs.scores[chosen])
    prices[np.bincount(arcs.units[chosen], minlength=arcs.n_units) < arcs.capacities] = 0
    source = matched_to[arcs.households]
    others = (source >= 0) & ~chosen
    gain = arcs.scores[others] - matched_score[arcs.households[others]]
    prices = -_Envy(arcs.units[others], source[others], gain, arcs.n_units).settle(-prices)
    prices[arcs.capacities == 0] = 0
    gains = np.where(matched_to >= 0, matched_score - prices[matched_to], 0) if arcs.n_units else matched_score
    closed = arcs.capacities[arcs.units] == 0
    np.maximum.at(prices, arcs.units[closed], arcs.scores[closed] - gains[arcs.households[closed]])
    return prices


def household_values(arcs: Arcs, prices: Ints) -> Ints:
    """Return int64[n_households]: the most each household could gain at these prices, never below 0."""
    values = np.zeros(arcs.n_households, dtype=np.int64)
    np.maximum.at(values, arcs.households, arcs.scores - prices[arcs.units])
    return values


def certify(arcs: Arcs, chosen: Bools, prices: Ints, values: Ints) -> bool:
    """Say whether the chosen arcs (bool[k]) are proven to be a best assignment by these prices and values.

    True needs all of: nobody is chosen twice and no capacity exceeded; prices and values are not negative; no
    arc is worth more than its price and value together; units with a place left are free of charge; both sums
    are equal.
    """
    taken = np.bincount(arcs.units[chosen], minlength=arcs.n_units)
    times = np.bincount(arcs.households[chosen], minlength=arcs.n_households)
    if (times > 1).any() or (taken > arcs.capacities).any():
        return False
    if (prices < 0).any() or (values < 0).any() or (prices[taken < arcs.capacities] > 0).any():
        return False
    if (values[arcs.households] + prices[arcs.units] < arcs.scores).any():
        return False
    return bound_of(arcs, prices, values) == int(arcs.scores[chosen].sum())


def bound_of(arcs: Arcs, prices: Ints, values: Ints) -> int:
    """Return the sum that no assignment exceeds, if no arc is worth more than its price and value together."""
    # No unit takes more than all households, so that this cannot overflow.
    places = np.minimum(arcs.capacities, arcs.n_households)
    return int((prices * places).sum()) + int(values.sum())


def _by_household(arcs: Arcs, chosen: Bools) -> tuple[Ints, Ints]:
    """For each household the unit it got (-1: none) and what that pair is worth."""
    unit = np.full(arcs.n_households, -1, dtype=np.int64)
    score = np.zeros(arcs.n_households, dtype=np.int64)
    unit[arcs.households[chosen]] = arcs.units[chosen]
    score[arcs.households[chosen]] = arcs.scores[chosen]
    return unit, score


class _Envy:
    """Who would rather be elsewhere: one at `source` makes `target` cost at least price(source) + gain."""

    def __init__(self, source: Ints, target: Ints, gain: Ints, n_units: int) -> None:
        order = np.argsort(source, kind="stable")
        self.source, self.target, self.gain = source[order], target[order], gain[order]
        self.starts = np.searchsorted(self.source, np.arange(n_units + 1))

    def settle(self, prices: Ints) -> Ints:
        """Raise prices until nobody would rather be elsewhere (label correcting, in rounds)."""
        n_units = len(prices)
        changed = np.arange(n_units)
        # A chain of raises visits no unit twice unless the assignment could be improved: then there is no
        # end.
        for _ in range(n_units + 1):
            arcs = self._leaving(changed)
            raised = prices.copy()
            np.maximum.at(raised, self.target[arcs], prices[self.source[arcs]] + self.gain[arcs])
            changed = np.flatnonzero(raised > prices)
            if not len(changed):
                break
            prices = raised
        return prices

    def _leaving(self, units: Ints) -> Ints:
        """The positions of all arcs that start at these units."""
        first, count = self.starts[units], self.starts[units + 1] - self.starts[units]
        before: Ints = np.cumsum(count) - count
        return np.arange(int(count.sum()), dtype=np.int64) + np.repeat(first - before, count)
