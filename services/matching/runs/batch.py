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

from services.matching.runs.candidates import why_not
from services.matching.runs.encoding import EncodedPool, Ints, encode
from services.matching.runs.graph import Best, best_assignment
from services.matching.runs.hard import (
    HardCode,
    Pairs,
    common_languages,
    level_reached,
    metres_between,
    obstacles,
    places_taken,
)
from services.matching.runs.outcome import NextBest, Outcome, Proposal, Unserved
from services.matching.runs.pool import LEVELS, Household, Rules, Unit, require
from services.matching.runs.scoring import Points, bonus, points_of
from services.matching.runs.steps import Progress, Step, nobody_listens

# To be raised whenever the same inputs may lead to other constraints or scores: it is part of the inputs'
# hash.
COMPUTING_VERSION = "1"

Side = TypeVar("Side", Household, Unit)


class NotToBePinned(ValueError):
    """A pair that somebody wants is not possible: `codes` say why, none that one of the two is not there."""

    def __init__(self, household: UUID, unit: UUID, codes: tuple[HardCode, ...]) -> None:
        super().__init__(f"pinned: {household} with {unit}: {', '.join(codes) or 'not in the pool'}")
        self.pair, self.codes = (household, unit), codes

    def __reduce__(self) -> tuple[type, tuple[UUID, UUID, tuple[HardCode, ...]]]:
        """As it crosses over from the worker process."""
        return type(self), (*self.pair, self.codes)


@dataclass(frozen=True)
class Inputs:
    """All a run depends on. `declined`: (household id, unit id) of pairs declined or expired before.

    `pinned` pairs are part of the outcome whatever else were better, `forbidden` ones are not.
    """

    households: tuple[Household, ...]
    units: tuple[Unit, ...]
    rules: Rules
    today: date
    declined: Pairs = frozenset()
    pinned: Pairs = frozenset()
    forbidden: Pairs = frozenset()

    def __post_init__(self) -> None:
        """Refuse a group with places for several households."""
        one_each = self.rules.capacity_in == "households"
        several = one_each and any(unit.kind == "group" and unit.free > 1 for unit in self.units)
        require(not several, "free", "a group takes one household at a time")


def run(inputs: Inputs, *, tell: Progress = nobody_listens) -> Outcome:
    """Match the whole pool exactly.

    Proposals and unserved households come ordered by household id. `tell` hears what is being done.
    Raises ValueError when a household or a unit stands twice in the inputs, when rules make pairs worth more than sums
    stay exact with, and when places count persons in a pool that is too large for that.
    """
    households, units = _by_id("households", inputs.households), _by_id("units", inputs.units)
    tell(Step.READING, len(households) + len(units))
    pool = encode(households, units, inputs.rules, inputs.declined, inputs.forbidden)
    pinned = _pinned(households, units, inputs)
    bonuses = np.array([bonus(each, inputs.rules, inputs.today) for each in households], dtype=np.int64)
    best = best_assignment(pool, inputs.rules.base + bonuses, pinned, tell=tell)
    found = best.found
    tell(Step.EXPLAINING, len(found.pairs))
    return Outcome(
        inputs_hash=inputs_hash(inputs),
        computing_version=COMPUTING_VERSION,
        weights_version=inputs.rules.weights_version,
        solver=found.solver,
        numpy=np.__version__,
        possible_pairs=int(best.possible.sum()),
        objective=found.objective,
        bound=found.bound,
        certified=found.certified,
        proposals=_Told(households, units, pool, bonuses, best, pinned).proposals(),
        unserved=_unserved(pool, households, best),
        unit_prices=_named(units, found.unit_prices),
        household_values=_named(households, found.household_values),
    )


def inputs_hash(inputs: Inputs) -> str:
    """Return the SHA-256 of the inputs as canonical JSON, in hex: the same in whatever order."""
    ordered = {
        "computing_version": COMPUTING_VERSION,
        **{name: sorted([str(household), str(unit)] for household, unit in getattr(inputs, name))
           for name in ("declined", "pinned", "forbidden")},
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


def _pinned(households: Sequence[Household], units: Sequence[Unit], inputs: Inputs) -> Ints:
    """The unit of each household that is pinned to one, -1 for the others; NotToBePinned where that cannot be."""
    household_at = {one.id: place for place, one in enumerate(households)}
    unit_at = {one.id: place for place, one in enumerate(units)}
    pinned = np.full(len(households), -1, dtype=np.int64)
    places = {unit.id: unit.free for unit in units}
    for household_id, unit_id in sorted(inputs.pinned, key=str):
        if household_id not in household_at or unit_id not in unit_at:
            raise NotToBePinned(household_id, unit_id, ())
        household, unit = households[household_at[household_id]], units[unit_at[unit_id]]
        codes = obstacles(household, unit, inputs.rules, inputs.declined, inputs.forbidden)
        if codes:
            raise NotToBePinned(household_id, unit_id, codes)
        places[unit_id] -= places_taken(household, inputs.rules)
        if pinned[household_at[household_id]] >= 0 or places[unit_id] < 0:
            raise NotToBePinned(household_id, unit_id, (HardCode.NO_PLACE_FREE,))
        pinned[household_at[household_id]] = unit_at[unit_id]
    return pinned


def _named(side: Sequence[Household] | Sequence[Unit], values: Ints) -> dict[UUID, int]:
    return dict(zip((one.id for one in side), values.tolist(), strict=True))


def _unserved(pool: EncodedPool, households: Sequence[Household], best: Best) -> tuple[Unserved, ...]:
    """Every household that got no proposal, with what each hard code took from it."""
    served = np.zeros(len(households), dtype=np.bool_)
    served[[household for household, _ in best.found.pairs]] = True
    return told_without(pool, households, np.flatnonzero(~served), best.possible)


def told_without(
    pool: EncodedPool, households: Sequence[Household], left: Ints, possible: Ints,
) -> tuple[Unserved, ...]:
    """Return those at the indices `left`, who got nobody, with what each hard code took; `possible`: int64[n]."""
    counts = why_not(pool, left)
    return tuple(
        Unserved(households[i].id, number, _counted(removed), _counted(alone))
        for i, number, removed, alone in zip(
            left.tolist(), possible[left].tolist(), counts.removed.tolist(), counts.alone.tolist(), strict=True
        )
    )


def _counted(numbers: list[int]) -> dict[HardCode, int]:
    return {code: number for code, number in zip(HardCode, numbers, strict=True) if number}


@dataclass(frozen=True, eq=False)
class _Told:
    """What proposals are told from."""

    households: Sequence[Household]
    units: Sequence[Unit]
    pool: EncodedPool
    bonuses: Ints
    best: Best
    pinned: Ints

    def proposals(self) -> tuple[Proposal, ...]:
        """The chosen pairs, by household."""
        prices = self.best.found.unit_prices.tolist()
        pairs = np.array(self.best.found.pairs, dtype=np.int64).reshape(-1, 2)
        points = points_of(self.pool, pairs[:, 0], pairs[:, 1])
        there = np.flatnonzero(self.best.next_best >= 0)
        scores = points_of(self.pool, there, self.best.next_best[there]).score.tolist()
        next_ = {
            household: NextBest(self.units[unit].id, score, prices[unit])
            for household, unit, score in zip(
                there.tolist(), self.best.next_best[there].tolist(), scores, strict=True)
        }
        return tuple(
            told_pair(
                self.households[household], self.units[unit], points.at(place), self.pool.rules,
                bonus=int(self.bonuses[household]), unit_price=prices[unit], next_best=next_.get(household),
                pinned=bool(self.pinned[household] >= 0))
            for place, (household, unit) in enumerate(self.best.found.pairs)
        )


def told_pair(
    household: Household, unit: Unit, points: Points, rules: Rules, *, bonus: int, unit_price: int,
    next_best: NextBest | None, pinned: bool = False,
) -> Proposal:
    """Return a possible pair with all that it is explained by."""
    met, languages = household.wishes & unit.provides, common_languages(household, unit)
    return Proposal(
        household=household.id,
        unit=unit.id,
        points=points,
        bonus=bonus,
        worth=rules.base + points.score + bonus,
        languages={tag: LEVELS[rank] for tag, rank in sorted(languages.items())},
        interpreter=not level_reached(household, languages),
        metres=metres_between(household, unit),
        slots=household.slots & unit.slots,
        wishes_met=tuple(sorted(met, key=str)),
        wishes_missing=tuple(sorted(household.wishes - met, key=str)),
        interests=tuple(sorted(household.interests & unit.interests, key=str)),
        unit_price=unit_price,
        next_best=next_best,
        pinned=pinned,
    )
