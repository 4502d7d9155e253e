"""The soft score of a possible pair: whole points per criterion, 1 to 1000 together.

`points` is the reference, for one pair in plain Python; `points_of` computes the very same numbers for all
pairs at once with NumPy. What nobody stated (no place, no wishes, no interests) counts half: neither a reward
nor a punishment.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from services.matching.runs import measures
from services.matching.runs.encoding import EncodedPool, Ints
from services.matching.runs.hard import common_level, metres_between
from services.matching.runs.pool import CRITERIA, LEVELS, Household, Rules, Unit, Weights

BEST_LEVEL = len(LEVELS) - 1
# Who shares three interests has enough to begin with; who named fewer can share no more than those.
ENOUGH_INTERESTS = 3


@dataclass(frozen=True)
class Points:
    """The points of one pair by criterion; together they are its score."""

    language: int
    distance: int
    needs: int
    interests: int
    availability: int

    @property
    def score(self) -> int:
        """The sum, 1..1000."""
        return self.language + self.distance + self.needs + self.interests + self.availability


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


def points(household: Household, unit: Unit, rules: Rules) -> Points:
    """Return the points of a pair that no hard constraint forbids (for another pair they mean nothing)."""
    weights = rules.weights
    found = {
        "language": weights.language * common_level(household, unit) // BEST_LEVEL,
        "distance": _distance(household, unit, rules),
        "needs": _needs(household, unit, weights.needs),
        "interests": _interests(household, unit, weights.interests),
        "availability": _availability(household, unit, rules),
    }
    if not any(found.values()):
        found[_consolation(weights)] = 1
    return Points(**found)


def points_of(pool: EncodedPool, households: Ints, units: Ints) -> PointColumns:
    """Return the points of possible pairs, given as household indices and unit indices (int64[k] each)."""
    weights = pool.rules.weights
    found = {
        "language": weights.language
        * measures.common_level(pool, households, units).astype(np.int64)
        // BEST_LEVEL,
        "distance": _distances(pool, households, units),
        "needs": _all_needs(pool, households, units),
        "interests": _all_interests(pool, households, units),
        "availability": _availabilities(pool, households, units),
    }
    columns = PointColumns(**found)
    found[_consolation(weights)] += columns.score == 0
    return columns


def _consolation(weights: Weights) -> str:
    """The criterion that gives one point to a pair which is possible but has none: the first that counts."""
    return next(name for name in CRITERIA if getattr(weights, name))


def bonus(household: Household, rules: Rules, today: date) -> int:
    """Return what waiting and urgency add, with any unit: it decides who is served, never with whom."""
    weeks = max(0, (today - household.waiting_since).days) // 7
    return min(weeks * rules.waiting_per_week, rules.waiting_most) + household.urgency * rules.urgency_bonus


def _distance(household: Household, unit: Unit, rules: Rules) -> int:
    way, far = metres_between(household, unit), rules.far_km * 1000
    if way is None:
        return rules.weights.distance // 2
    return rules.weights.distance * max(0, far - way) // far


def _needs(household: Household, unit: Unit, weight: int) -> int:
    if not household.wishes:
        return weight // 2
    return weight * len(household.wishes & unit.provides) // len(household.wishes)


def _interests(household: Household, unit: Unit, weight: int) -> int:
    if not household.interests or not unit.interests:
        return weight // 2
    enough = min(ENOUGH_INTERESTS, len(household.interests))
    return weight * min(enough, len(household.interests & unit.interests)) // enough


def _availability(household: Household, unit: Unit, rules: Rules) -> int:
    common = (household.slots & unit.slots).bit_count()
    return rules.weights.availability * min(common, rules.enough_slots) // rules.enough_slots


def _distances(pool: EncodedPool, households: Ints, units: Ints) -> Ints:
    weight, far = pool.rules.weights.distance, pool.rules.far_km * 1000
    way = measures.metres_between(pool, households, units)
    points_for = weight * np.maximum(0, far - way) // far
    return np.where(measures.both_places_known(pool, households, units), points_for, weight // 2)


def _all_needs(pool: EncodedPool, households: Ints, units: Ints) -> Ints:
    weight, wished = pool.rules.weights.needs, pool.households.n_wishes[households]
    met = measures.in_common(pool.households.wishes, pool.units.provides, households, units)
    return np.where(wished == 0, weight // 2, weight * met // np.maximum(1, wished))


def _all_interests(pool: EncodedPool, households: Ints, units: Ints) -> Ints:
    weight = pool.rules.weights.interests
    enough = np.minimum(ENOUGH_INTERESTS, pool.households.n_interests[households])
    shared = measures.in_common(pool.households.interests, pool.units.interests, households, units)
    stated = (enough > 0) & pool.units.has_interests[units]
    return np.where(stated, weight * np.minimum(enough, shared) // np.maximum(1, enough), weight // 2)


def _availabilities(pool: EncodedPool, households: Ints, units: Ints) -> Ints:
    enough = pool.rules.enough_slots
    common = measures.common_slots(pool, households, units).astype(np.int64)
    return pool.rules.weights.availability * np.minimum(common, enough) // enough
