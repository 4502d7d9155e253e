"""The soft score of a possible pair in plain Python: whole points per criterion, 1 to 1000 together.

This is the reference, for one pair; `scoring.py` computes the very same numbers for many pairs at once with NumPy. What
nobody stated (no place, no wishes, no interests) counts half: neither a reward nor a punishment.
"""

from dataclasses import dataclass
from datetime import date

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


def points(household: Household, unit: Unit, rules: Rules) -> Points:
    """Return the points of a pair that no hard constraint forbids (for another pair they mean nothing)."""
    weights = rules.weights
    found = {
        "language": share(weights.language, common_level(household, unit), BEST_LEVEL),
        "distance": _distance(household, unit, rules),
        "needs": _needs(household, unit, weights.needs),
        "interests": _interests(household, unit, weights.interests),
        "availability": _availability(household, unit, rules),
    }
    if not any(found.values()):
        found[consolation(weights)] = 1
    return Points(**found)


def share(weight: int, part: int, whole: int) -> int:
    """Return so much of the weight as a part is of the whole, rounded down; half of it where there is no whole."""
    return weight * part // whole if whole else weight // 2


def consolation(weights: Weights) -> str:
    """Return the criterion that gives one point to a pair which is possible but has none: the first that counts."""
    return next(name for name in CRITERIA if getattr(weights, name))


def bonus(household: Household, rules: Rules, today: date) -> int:
    """Return what waiting and urgency add, with any unit: it decides who is served, never with whom."""
    return bonus_of(household.waiting_since, household.urgency, rules, today)


def bonus_of(waiting_since: date, urgency: int, rules: Rules, today: date) -> int:
    """Return the same of who has waited since then, with this urgency."""
    weeks = max(0, (today - waiting_since).days) // 7
    return min(weeks * rules.waiting_per_week, rules.waiting_most) + urgency * rules.urgency_bonus


def _distance(household: Household, unit: Unit, rules: Rules) -> int:
    way, far = metres_between(household, unit), rules.far_km * 1000
    if way is None:
        return rules.weights.distance // 2
    return rules.weights.distance * max(0, far - way) // far


def _needs(household: Household, unit: Unit, weight: int) -> int:
    return share(weight, len(household.wishes & unit.provides), len(household.wishes))


def _interests(household: Household, unit: Unit, weight: int) -> int:
    enough = min(ENOUGH_INTERESTS, len(household.interests)) if unit.interests else 0
    return share(weight, min(enough, len(household.interests & unit.interests)), enough)


def _availability(household: Household, unit: Unit, rules: Rules) -> int:
    common = (household.slots & unit.slots).bit_count()
    return share(rules.weights.availability, min(common, rules.enough_slots), rules.enough_slots)
