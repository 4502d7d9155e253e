"""How others would match the same pairs.

One after the other, by deferred acceptance, by the Hungarian method, by trying everything,
and by a solver of integer programmes alone.
"""

import heapq
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp  # type: ignore[import-untyped]
from scipy.sparse import coo_array  # type: ignore[import-untyped]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def greedy(households: Ints, units: Ints, worth: Ints, places: Ints) -> int:
    """Return the sum when the best pair of all is taken, then the best of what is left, and so on."""
    free, waits, total = places.tolist(), set(households.tolist()), 0
    for arc in np.argsort(-worth, kind="stable").tolist():
        household, unit = int(households[arc]), int(units[arc])
        if household in waits and free[unit]:
            waits.discard(household)
            free[unit] -= 1
            total += int(worth[arc])
    return total


def deferred_acceptance(households: Ints, units: Ints, worth: Ints, places: Ints) -> int:
    """Return the sum of the stable matching that households propose (D. Gale and L. S. Shapley, 1962).

    Each asks whom it is worth most with; a unit keeps those that are worth most with it, as many as it has places.
    """
    wishes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for arc in np.argsort(worth, kind="stable").tolist():
        wishes[int(households[arc])].append((int(units[arc]), int(worth[arc])))
    kept: dict[int, list[tuple[int, int]]] = defaultdict(list)
    asking = list(wishes)
    while asking:
        household = asking.pop()
        if not wishes[household]:
            continue
        unit, value = wishes[household].pop()
        heapq.heappush(kept[unit], (value, household))
        if len(kept[unit]) > places[unit]:
            asking.append(heapq.heappop(kept[unit])[1])
    return sum(value for several in kept.values() for value, _ in several)


def hungarian(households: Ints, units: Ints, worth: Ints, places: Ints) -> int:
    """Return the greatest sum by the Hungarian method over a full table, in plain Python.

    H. W. Kuhn, The Hungarian method for the assignment problem (1955), and J. Munkres, Algorithms for the assignment
    and transportation problems (1957), in the form of E. L. Lawler, Combinatorial Optimization (1976), whose time grows
    with the cube of the side. A column per place; 0 where no pair is, so that nobody is forced into one.
    """
    column = np.repeat(np.arange(len(places)), places)
    rows = int(households.max(initial=-1)) + 1
    table = np.zeros((rows, len(places)), dtype=np.int64)
    table[households, units] = worth
    # One more column per row stands for staying without.
    costs: list[list[int]] = np.pad(-table[:, column], ((0, 0), (0, rows))).tolist()
    of_column = [-1] * (len(column) + rows)
    of_row, price = [0] * rows, [0] * len(of_column)
    for row in range(rows):
        _add(row, costs, of_column, of_row, price)
    return -sum(costs[row][place] for place, row in enumerate(of_column) if row >= 0)


def _add(new: int, costs: list[list[int]], of_column: list[int], of_row: list[int], price: list[int]) -> None:
    """Give one more row a column: by the cheapest chain of rows that each take the next one's column."""
    least: list[float] = [float("inf")] * len(of_column)
    before, seen, open_ = [-1] * len(of_column), set[int](), list(range(len(of_column)))
    row, last = new, -1
    while True:
        for place in open_:
            cost = costs[row][place] - of_row[row] - price[place]
            if cost < least[place]:
                least[place], before[place] = cost, last
        last = min(open_, key=least.__getitem__)
        step = int(least[last])
        of_row[new] += step
        for place in seen:
            of_row[of_column[place]] += step
            price[place] -= step
        for place in open_:
            least[place] -= step
        seen.add(last)
        open_.remove(last)
        if of_column[last] < 0:
            break
        row = of_column[last]
    while last >= 0:
        of_column[last] = of_column[before[last]] if before[last] >= 0 else new
        last = before[last]


def best_of_all(
    households: Ints, units: Ints, worth: Ints, places: Ints, sizes: Ints, alone: Bools
) -> int:
    """Return the greatest sum by trying everything, for a handful of households; `alone` takes one of them at most."""
    options: list[list[tuple[int, int]]] = [[] for _ in sizes]
    for household, unit, value in zip(households.tolist(), units.tolist(), worth.tolist(), strict=True):
        options[household].append((unit, value))

    def best_from(household: int, free: tuple[int, ...]) -> int:
        if household == len(options):
            return 0
        best, size = best_from(household + 1, free), int(sizes[household])
        for unit, value in options[household]:
            left = free[unit] - size
            if left >= 0:
                after = (*free[:unit], -1 if alone[unit] else left, *free[unit + 1 :])
                best = max(best, value + best_from(household + 1, after))
        return best

    return best_from(0, tuple(places.tolist()))


def bare_programme(
    households: Ints, units: Ints, worth: Ints, places: Ints, sizes: Ints, alone: Bools
) -> int:
    """Return the greatest sum that HiGHS finds over all pairs at once where places count persons."""
    fits, each = sizes[households] <= places[units], np.ones(len(units))
    arcs = np.arange(len(units))
    once = coo_array((each, (households, arcs)), shape=(len(sizes), len(units)))
    seats = coo_array((sizes[households], (units, arcs)), shape=(len(places), len(units)))
    single = coo_array((each, (units, arcs)), shape=(len(places), len(units)))
    found = milp(
        -worth, integrality=each, bounds=Bounds(0, fits.astype(float)), options={"mip_rel_gap": 0},
        constraints=[LinearConstraint(once, ub=1), LinearConstraint(seats, ub=places),
                     LinearConstraint(single, ub=np.where(alone, 1, np.inf))],
    )
    total: int = round(-found.fun)
    return total
