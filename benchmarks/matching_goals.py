"""What is promised of a run besides its speed: that it is the best one (Q1), and that it breaks no rule (Q4).

Held against what needs no cleverness: everything tried, HiGHS over all pairs, and the hard rules in plain Python.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

import numpy as np

from benchmarks.matching_peers import Bools, Ints, bare_programme, best_of_all
from benchmarks.measuring import best_of, judge, row
from services.matching.runs.assignment import Assignment, solve
from services.matching.runs.batch import Inputs, run
from services.matching.runs.hard import obstacles, places_taken
from services.matching.runs.outcome import Outcome, Unserved
from services.matching.runs.points import bonus_of, points
from services.matching.runs.pool import Household, Unit

Someone = TypeVar("Someone", Household, Unit)

MOST_HOUSEHOLDS, MOST_UNITS, MOST_PLACES, MOST_SEATS, MOST_PERSONS = 5, 6, 3, 7, 4
SHARE_ALONE = 0.3


@dataclass(frozen=True)
class Instance:
    """Pairs with their worth, and a unit's places: for households, or, given `sizes` and who takes one, for persons."""

    households: Ints
    units: Ints
    worth: Ints
    places: Ints
    n_households: int
    sizes: Ints | None = None
    alone: Bools | None = None

    def solved(self) -> Assignment:
        """What `solve` says."""
        return solve(self.households, self.units, self.worth, self.places, n_households=self.n_households,
                     sizes=self.sizes, alone=self.alone)

    def tried(self) -> int:
        """The greatest sum of all that there are."""
        sizes = np.ones(self.n_households, dtype=np.int64) if self.sizes is None else self.sizes
        alone = np.zeros(len(self.places), dtype=np.bool_) if self.alone is None else self.alone
        return best_of_all(self.households, self.units, self.worth, self.places, sizes, alone)


def drawn(dice: np.random.Generator, *, persons: bool) -> Instance:
    """Return a small instance; in every other one few different scores, so that many answers are equally good."""
    n_households, n_units = int(dice.integers(1, MOST_HOUSEHOLDS + 1)), int(dice.integers(1, MOST_UNITS + 1))
    households, units = np.nonzero(dice.random((n_households, n_units)) < dice.choice((0.4, 0.7, 1.0)))
    worth = dice.integers(1, dice.choice((5, 2001)), len(units))
    places = dice.integers(0, (MOST_SEATS if persons else MOST_PLACES) + 1, n_units)
    plain = Instance(households, units, worth, places, n_households)
    if not persons:
        return plain
    return replace(plain, sizes=dice.integers(1, MOST_PERSONS + 1, n_households),
                   alone=dice.random(n_units) < SHARE_ALONE)


def small_instances(n: int, *, persons: bool) -> None:
    """Many small instances by `solve` and by brute force."""
    dice = np.random.default_rng(11)
    instances = [drawn(dice, persons=persons) for _ in range(n)]
    ours, found = best_of(1, lambda: [each.solved() for each in instances])
    other, sums = best_of(1, lambda: [each.tried() for each in instances])
    equal = sum(one.certified and one.objective == sum_ for one, sum_ in zip(found, sums, strict=True))
    counted = "persons" if persons else "households"
    row(f"solve, places for {counted} : brute force; {equal} of {n} equal", ours, other, ours / other, "all (Q1)")
    judge(f"Q1 by brute force, {counted}", reached=equal == n)


def by_persons(inputs: Inputs, households: Ints, units: Ints, worth: Ints) -> None:
    """A run in which places count persons, and HiGHS alone over the same pairs, which come as arcs."""
    ours, outcome = best_of(1, lambda: run(inputs))
    sides = inputs.sides()
    households_by, units_by = by_id(inputs.households), by_id(inputs.units)
    waiting = [households_by[id_] for id_ in sides.households.ids]
    offered = [units_by[id_] for id_ in sides.units.ids]
    bonuses = np.array([bonus_of(each.waiting_since, each.urgency, inputs.rules, inputs.today) for each in waiting])
    sizes = np.array([len(each.members) for each in waiting])
    other, sum_ = best_of(1, lambda: bare_programme(
        households, units, worth + bonuses[households], np.array([each.free for each in offered]),
        sizes, np.array([each.kind == "group" for each in offered])))
    gap, size = outcome.bound - outcome.objective, f"{len(offered)} x {len(waiting)}"
    row(f"run, places for persons {size}, gap {gap} : HiGHS", ours, other, ours / other, "gap 0 (Q1)")
    judge("Q1 by persons", reached=gap == 0 and outcome.certified and outcome.objective == sum_)
    rules_kept(inputs, outcome, ours)


def rules_kept(inputs: Inputs, outcome: Outcome, took: float) -> None:
    """Every proposal against the hard rules in plain Python, and whether everybody is told why."""
    checked, (broken, told, lacking) = best_of(1, lambda: (
        violations(inputs, outcome), told_why(inputs, outcome), told_what_is_missing(inputs, outcome)))
    n, left = len(outcome.proposals), len(inputs.households) - len(outcome.proposals)
    row(f"violations: {broken} of {n:,}; explained: {told:,} of {n:,}, {lacking:,} of {left:,}",
        took, checked, took / checked, "0; all (Q4)")
    judge("Q4", reached=(broken, told, lacking) == (0, n, left))


def violations(inputs: Inputs, outcome: Outcome) -> int:
    """Return how many proposals a hard rule forbids; also who has more than their places, or is served twice."""
    households, units = by_id(inputs.households), by_id(inputs.units)
    broken = sum(bool(obstacles(households[each.household], units[each.unit], inputs.rules, inputs.declined,
                                inputs.forbidden)) for each in outcome.proposals)
    taken: dict[UUID, list[int]] = defaultdict(list)
    for each in outcome.proposals:
        taken[each.unit].append(places_taken(households[each.household], inputs.rules))
    for unit, places in taken.items():
        broken += sum(places) > units[unit].free or (units[unit].kind == "group" and len(places) > 1)
    return broken + sum(times - 1 for times in Counter(each.household for each in outcome.proposals).values())


def by_id(people: Iterable[Someone]) -> dict[UUID, Someone]:
    """Return them by their ids."""
    return {each.id: each for each in people}


def told_why(inputs: Inputs, outcome: Outcome) -> int:
    """Return how many proposals have the points of the plain rules, which make up what the pair is worth."""
    households, units = by_id(inputs.households), by_id(inputs.units)
    return sum(
        each.points == points(households[each.household], units[each.unit], inputs.rules)
        and each.worth == inputs.rules.base + each.points.score + each.bonus
        for each in outcome.proposals)


def told_what_is_missing(inputs: Inputs, outcome: Outcome) -> int:
    """Return how many of those without a proposal are told of every unit: it was possible, or which codes took it."""
    without = {each.id for each in inputs.households} - {each.household for each in outcome.proposals}

    def explained(each: Unserved) -> bool:
        return each.household in without and each.possible + sum(each.removed.values()) >= len(inputs.units)

    return sum(map(explained, outcome.unserved))
