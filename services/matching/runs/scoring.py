"""The soft scores of many possible pairs at once, with NumPy: the very numbers of `points.py`, which is the reference.

What can have few values only (levels, slots, wishes met of so many) is looked up in a table of the reference's own
numbers.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from services.matching.runs import measures
from services.matching.runs.bits import Ints
from services.matching.runs.encoding import EncodedPool
from services.matching.runs.points import BEST_LEVEL, ENOUGH_INTERESTS, Points, consolation, share
from services.matching.runs.pool import CRITERIA, DAYS, PARTS_OF_DAY


@dataclass(frozen=True, slots=True, eq=False)
class PointColumns:
    """The points of many pairs: int64[k] per criterion."""

    language: Ints
    distance: Ints
    needs: Ints
    interests: Ints
    availability: Ints

    @property
    def score(self) -> Ints:
        """The sums, 1..1000 each."""
        return self.language + self.distance + self.needs + self.interests + self.availability

    def at(self, position: int) -> Points:
        """The points of one pair."""
        return Points(**{name: int(getattr(self, name)[position]) for name in CRITERIA})


def points_of(pool: EncodedPool, households: Ints, units: Ints, metres: Ints | None = None) -> PointColumns:
    """Return the points of possible pairs, given as household indices and unit indices (int64[k] each).

    metres (int64[k]): between places that are all known, where somebody has computed them already.
    """
    weights, enough = pool.rules.weights, pool.rules.enough_slots
    level = measures.common_level(pool, households, units)
    slots = measures.common_slots(pool, households, units)
    found = {
        "language": _of(weights.language, BEST_LEVEL)[BEST_LEVEL][level],
        "distance": _distances(pool, households, units, metres),
        "needs": _needs(pool, households, units),
        "interests": _interests(pool, households, units),
        "availability": _of(weights.availability, enough, DAYS * PARTS_OF_DAY)[enough][slots],
    }
    columns = PointColumns(**found)
    found[consolation(weights)] += columns.score == 0
    return columns


@lru_cache(maxsize=64)
def _of(weight: int, most: int, parts: int | None = None) -> Ints:
    """`share` as a table: row `whole` (0..most), column `part` (0..parts; above the whole as good as the whole)."""
    columns = range((most if parts is None else parts) + 1)
    return np.array([[share(weight, min(part, whole), whole) for part in columns] for whole in range(most + 1)])


def _distances(pool: EncodedPool, households: Ints, units: Ints, metres: Ints | None) -> Ints:
    weight, far = pool.rules.weights.distance, pool.rules.far_km * 1000
    way = measures.metres_between(pool, households, units) if metres is None else metres
    points: Ints = weight * np.maximum(0, far - way) // far
    if metres is not None:
        return points
    return np.where(measures.both_places_known(pool, households, units), points, weight // 2)


def _needs(pool: EncodedPool, households: Ints, units: Ints) -> Ints:
    table = _of(pool.rules.weights.needs, int(pool.households.n_wishes.max(initial=0)))
    met = measures.in_common(pool.households.wishes, pool.units.provides, households, units)
    return table[pool.households.n_wishes[households], met]


def _interests(pool: EncodedPool, households: Ints, units: Ints) -> Ints:
    enough = np.minimum(ENOUGH_INTERESTS, pool.households.n_interests)[households] * pool.units.has_interests[units]
    shared = measures.in_common(pool.households.interests, pool.units.interests, households, units)
    points: Ints = _of(pool.rules.weights.interests, ENOUGH_INTERESTS)[enough, np.minimum(ENOUGH_INTERESTS, shared)]
    return points
