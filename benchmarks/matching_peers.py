"""How others would match the same pairs: one after the other, and by deferred acceptance."""

import heapq
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


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
