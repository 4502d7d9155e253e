"""A run from inputs to outcome: every possible pair scored, the best assignment, a reason for everyone.

`run` is a top-level function over plain data, so that a worker process can be given it: the solver holds the
GIL.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from itertools import pairwise
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

import numpy as np

from services.matching.runs.assignment import Assignment, solve
from services.matching.runs.candidates import Candidates, find, why_not
from services.matching.runs.encoding import EncodedPool, Ints, encode
from services.matching.runs.hard import Declined, HardCode, common_languages, level_reached, metres_between
from services.matching.runs.outcome import NextBest, Outcome, Proposal, Unserved
from services.matching.runs.pool import LEVELS, Household, Rules, Unit
from services.matching.runs.scoring import PointColumns, bonus, points_of

# To be raised whenever the same inputs may lead to other constraints or scores: it is part of the inputs'
# hash.
COMPUTING_VERSION = "1"

Side = TypeVar("Side", Household, Unit)


@dataclass(frozen=True)
class Inputs:
    """All a run depends on. `declined`: (household id, unit id) of pairs declined or expired before."""

    households: tuple[Household, ...]
    units: tuple[Unit, ...]
    rules: Rules
    today: date
    declined: Declined = frozenset()


def run(inputs: Inputs) -> Outcome:
    """Match the whole pool exactly.

    Proposals and unserved households come ordered by household id. Raises ValueError when a household or a
    unit stands twice in the inputs, and when rules make pairs worth more than sums stay exact with.
    """
    households, units = _by_id("households", inputs.households), _by_id("units", inputs.units)
    pool = encode(households, units, inputs.rules, inputs.declined)
    candidates = find(pool)
    points = points_of(pool, candidates.households, candidates.units)
    bonuses = np.array([bonus(each, inputs.rules, inputs.today) for each in households], dtype=np.int64)
    worth = inputs.rules.base + points.score + bonuses[candidates.households]
    free = [unit.free for unit in units]
    found = solve(candidates.households, candidates.units, worth, free, n_households=len(households))
    scored = _Scored(households, units, candidates, points, bonuses, worth)
    return Outcome(
        inputs_hash=inputs_hash(inputs),
        computing_version=COMPUTING_VERSION,
        weights_version=inputs.rules.weights_version,
        solver=found.solver,
        numpy=np.__version__,
        possible_pairs=len(candidates),
        objective=found.objective,
        certified=found.certified,
        proposals=scored.proposals(found),
        unserved=_unserved(pool, households, candidates, found),
        unit_prices=_named(units, found.unit_prices),
        household_values=_named(households, found.household_values),
    )


def inputs_hash(inputs: Inputs) -> str:
    """Return the SHA-256 of the inputs as canonical JSON, in hex: the same in whatever order."""
    ordered = {
        "computing_version": COMPUTING_VERSION,
        "declined": sorted([str(household), str(unit)] for household, unit in inputs.declined),
        "households": _rows(Household, inputs.households),
        "rules": inputs.rules,
        "today": inputs.today,
        "units": _rows(Unit, inputs.units),
    }
    text = json.dumps(ordered, default=_canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _rows(of: type[Side], side: Sequence[Side]) -> dict[str, Any]:
    """One side as a table with the names of its fields, by id."""
    names = [each.name for each in fields(of)]
    return {"fields": names, "rows": list(map(attrgetter(*names), sorted(side, key=_id)))}


def _canonical(value: Any) -> Any:
    """What JSON has no word for: sets sorted, dates and ids as text, dataclasses field by field."""
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, UUID | date):
        return str(value)
    return vars(value)


def _id(one: Household | Unit) -> int:
    return one.id.int


def _by_id(name: str, given: Sequence[Side]) -> list[Side]:
    """One side in the order of its ids: ties are broken by it, whatever order the inputs came in."""
    ordered = sorted(given, key=_id)
    for one, next_ in pairwise(ordered):
        if one.id == next_.id:
            raise ValueError(f"{name}: {one.id} stands there twice")
    return ordered


def _named(side: Sequence[Household] | Sequence[Unit], values: Ints) -> dict[UUID, int]:
    return dict(zip((one.id for one in side), values.tolist(), strict=True))


def _unserved(
    pool: EncodedPool, households: Sequence[Household], candidates: Candidates, found: Assignment
) -> tuple[Unserved, ...]:
    """Every household that got no proposal, with what each hard code took from it."""
    served = np.zeros(len(households), dtype=np.bool_)
    served[[household for household, _ in found.pairs]] = True
    left = np.flatnonzero(~served)
    possible = np.bincount(candidates.households, minlength=len(households))[left].tolist()
    counts = why_not(pool, left)
    return tuple(
        Unserved(households[i].id, number, _counted(removed), _counted(alone))
        for i, number, removed, alone in zip(
            left.tolist(), possible, counts.removed.tolist(), counts.alone.tolist(), strict=True
        )
    )


def _counted(numbers: list[int]) -> dict[HardCode, int]:
    return {code: number for code, number in zip(HardCode, numbers, strict=True) if number}


@dataclass(frozen=True, eq=False)
class _Scored:
    """All possible pairs with what they are worth: what proposals are told from."""

    households: Sequence[Household]
    units: Sequence[Unit]
    candidates: Candidates
    points: PointColumns
    bonuses: Ints
    worth: Ints

    def proposals(self, found: Assignment) -> tuple[Proposal, ...]:
        """The chosen pairs, by household."""
        chosen = self._chosen(found)
        next_ = self._next_best(chosen, found.unit_prices)
        prices = found.unit_prices.tolist()
        return tuple(
            self._proposal(arc, household, unit, prices[unit], self._named_next(next_[household], prices))
            for arc, (household, unit) in zip(chosen.tolist(), found.pairs, strict=True)
        )

    def _chosen(self, found: Assignment) -> Ints:
        """The positions of the chosen pairs; both are sorted by household and then unit."""
        pairs = np.array(found.pairs, dtype=np.int64).reshape(-1, 2)
        places = self.candidates.households * len(self.units) + self.candidates.units
        return np.searchsorted(places, pairs[:, 0] * len(self.units) + pairs[:, 1]).astype(np.int64)

    def _next_best(self, chosen: Ints, prices: Ints) -> list[int]:
        """For each household the pair that gains it most at these prices besides the chosen one; -1: none.

        The chosen one left aside, the first by unit id where several gain the same.
        """
        others = np.ones(len(self.candidates), dtype=np.bool_)
        others[chosen] = False
        arcs = np.flatnonzero(others)
        household, unit = self.candidates.households[arcs], self.candidates.units[arcs]
        gain = self.worth[arcs] - prices[unit]
        most = np.full(len(self.households), np.iinfo(np.int64).min)
        np.maximum.at(most, household, gain)
        best = arcs[gain == most[household]]
        found = np.full(len(self.households), -1, dtype=np.int64)
        # Of several for one household the last to be written stays: backwards, that is the first.
        found[self.candidates.households[best[::-1]]] = best[::-1]
        return found.tolist()

    def _named_next(self, arc: int, prices: list[int]) -> NextBest | None:
        if arc < 0:
            return None
        unit = int(self.candidates.units[arc])
        return NextBest(self.units[unit].id, self.points.at(arc).score, prices[unit])

    def _proposal(
        self, arc: int, household: int, unit: int, price: int, next_best: NextBest | None
    ) -> Proposal:
        one, other = self.households[household], self.units[unit]
        met, languages = one.wishes & other.provides, common_languages(one, other)
        return Proposal(
            household=one.id,
            unit=other.id,
            points=self.points.at(arc),
            bonus=int(self.bonuses[household]),
            worth=int(self.worth[arc]),
            languages={tag: LEVELS[rank] for tag, rank in sorted(languages.items())},
            interpreter=not level_reached(one, languages),
            metres=metres_between(one, other),
            slots=one.slots & other.slots,
            wishes_met=tuple(sorted(met, key=str)),
            wishes_missing=tuple(sorted(one.wishes - met, key=str)),
            interests=tuple(sorted(one.interests & other.interests, key=str)),
            unit_price=price,
            next_best=next_best,
        )
