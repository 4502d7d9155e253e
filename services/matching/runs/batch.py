"""A run from inputs to outcome: every possible pair scored, the best assignment, a reason for everyone.

`run` is a top-level function over plain data, so that a worker process can be given it: the solver holds the
GIL.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from services.matching.runs.barred import BarredPairs, places_of
from services.matching.runs.beside import beside
from services.matching.runs.bits import Ints
from services.matching.runs.candidates import obstacles_of, why_not
from services.matching.runs.columns import Column, Id, Side
from services.matching.runs.encoding import EncodedPool, encode_sides
from services.matching.runs.graph import GROUP, Best, best_assignment
from services.matching.runs.hard import HardCode, Pairs
from services.matching.runs.outcome import Outcome, Proposal, Unserved
from services.matching.runs.points import bonus_of
from services.matching.runs.pool import Household, Rules, Unit, require
from services.matching.runs.steps import Progress, Step, nobody_listens
from services.matching.runs.telling import Telling

# By what places count: to be raised whenever the same inputs may lead to other constraints or scores. It is part of the
# inputs' hash.
COMPUTING_VERSIONS = {"households": "4", "persons": "5"}


class NotToBePinned(ValueError):
    """A pair that somebody wants is not possible: `codes` say why, none that one of the two is not there."""

    def __init__(self, household: Id, unit: Id, codes: tuple[HardCode, ...]) -> None:
        super().__init__(f"pinned: {household} with {unit}: {', '.join(codes) or 'not in the pool'}")
        self.pair, self.codes = (household, unit), codes

    def __reduce__(self) -> tuple[type, tuple[Id, Id, tuple[HardCode, ...]]]:
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
        _refuse_several(((unit.kind, unit.free) for unit in self.units), self.rules)

    def sides(self) -> "Sides":
        """The same as columns."""
        return Sides(
            Side.of(Household, sorted(self.households, key=_id)), Side.of(Unit, sorted(self.units, key=_id)),
            self.rules, self.today, self.declined, self.pinned, self.forbidden)


@dataclass(frozen=True, eq=False)
class Sides:
    """The same as `Inputs`, the two sides as columns in the order of their ids, which are UUIDs or their texts.

    Ties are broken by that order, whatever order the inputs came in.
    """

    households: Side
    units: Side
    rules: Rules
    today: date
    declined: BarredPairs = frozenset()
    pinned: BarredPairs = frozenset()
    forbidden: BarredPairs = frozenset()

    def __post_init__(self) -> None:
        """Refuse a group with places for several households, and who stands there twice."""
        _refuse_several(Column.both(self.units["kind"], self.units["free"]).values, self.rules)
        for name, side in (("households", self.households), ("units", self.units)):
            for one, following in pairwise(map(str, side.ids)):
                if one >= following:
                    raise ValueError(f"{name}: {one} stands there twice, or not in order")


def run(inputs: Inputs, *, tell: Progress = nobody_listens) -> Outcome:
    """Match the whole pool exactly.

    Proposals and unserved households come ordered by household id. `tell` hears what is being done.
    Raises ValueError when a household or a unit stands twice in the inputs, when rules make pairs worth more than sums
    stay exact with, and when places count persons in a pool that is too large for that.
    """
    return run_sides(inputs.sides(), tell=tell)


def run_sides(sides: Sides, *, tell: Progress = nobody_listens) -> Outcome:
    """Do the same with what stands in columns."""
    households, units, rules = sides.households, sides.units, sides.rules
    tell(Step.READING, len(households) + len(units))
    pool = encode_sides(households, units, rules, sides.declined, sides.forbidden)
    pinned = _pinned(pool, sides)
    waited = Column.both(households["waiting_since"], households["urgency"])
    bonuses = waited.to(lambda given: bonus_of(given[0], given[1], rules, sides.today)).array(np.int64)
    with beside(partial(hash_of, sides), large=pool.large) as hashed:
        best = best_assignment(pool, rules.base + bonuses, pinned, tell=tell)
        tell(Step.EXPLAINING, len(best.found.pairs))
        with beside(partial(_unserved, pool, households, best), large=pool.large) as unserved:
            proposals = Telling(households, units, pool, bonuses, best, pinned).proposals()
            return _outcome(sides, best, proposals, unserved(), hashed())


def _outcome(
    sides: Sides, best: Best, proposals: tuple[Proposal, ...], unserved: tuple[Unserved, ...], inputs: str,
) -> Outcome:
    found = best.found
    return Outcome(
        inputs_hash=inputs,
        computing_version=COMPUTING_VERSIONS[sides.rules.capacity_in],
        weights_version=sides.rules.weights_version,
        solver=found.solver,
        numpy=np.__version__,
        possible_pairs=int(best.possible.sum()),
        objective=found.objective,
        bound=found.bound,
        certified=found.certified,
        proposals=proposals,
        unserved=unserved,
        unit_prices=_named(sides.units, found.unit_prices),
        household_values=_named(sides.households, found.household_values),
    )


def inputs_hash(inputs: Inputs) -> str:
    """Return the SHA-256 of all that the outcome depends on, in hex: the same in whatever order."""
    return hash_of(inputs.sides())


def hash_of(sides: Sides) -> str:
    """Line by line: what the run computes with, the pairs barred or pinned, and column by column both sides."""
    digest = hashlib.sha256()
    told = {name: sorted((str(household), str(unit)) for household, unit in getattr(sides, name))
            for name in ("declined", "pinned", "forbidden")}
    rules = {each.name: getattr(sides.rules, each.name) for each in fields(Rules)}
    version = COMPUTING_VERSIONS[sides.rules.capacity_in]
    digest.update(repr((version, sides.today, rules, told)).encode())
    for side in (sides.households, sides.units):
        digest.update(f"\n{len(side)}".encode())
        for name, texts in side.texts():
            digest.update("\n".join(["", name, *texts]).encode())
    return digest.hexdigest()


def _refuse_several(kinds: Iterable[tuple[str, int]], rules: Rules) -> None:
    several = rules.capacity_in == "households" and any(kind == "group" and free > 1 for kind, free in kinds)
    require(not several, "free", "a group takes one household at a time")


def _id(one: Household | Unit) -> int:
    return one.id.int


def _pinned(pool: EncodedPool, sides: Sides) -> Ints:
    """The unit of each household that is pinned to one, -1 for the others; NotToBePinned where that cannot be."""
    pinned = np.full(pool.n_households, -1, dtype=np.int64)
    if not sides.pinned:
        return pinned
    household_at, unit_at = places_of(sides.households), places_of(sides.units)
    wanted = sorted(sides.pinned, key=lambda pair: tuple(map(str, pair)))
    for household, unit in wanted:
        if household not in household_at or unit not in unit_at:
            raise NotToBePinned(household, unit, ())
    pairs = np.array([(household_at[household], unit_at[unit]) for household, unit in wanted], dtype=np.int64)
    places = pool.units.free.copy()
    for pair, (i, j), codes in zip(wanted, pairs, obstacles_of(pool, pairs[:, 0], pairs[:, 1]), strict=True):
        if codes:
            raise NotToBePinned(*pair, codes)
        places[j] -= int(pool.households.takes[i])
        if pool.units.kind[j] == GROUP:
            # It takes one household, however many places are left.
            places[j] = min(places[j], 0)
        if pinned[i] >= 0 or places[j] < 0:
            raise NotToBePinned(*pair, (HardCode.NO_PLACE_FREE,))
        pinned[i] = j
    return pinned


def _named(side: Side, values: Ints) -> dict[Any, int]:
    return dict(zip(side.ids, values.tolist(), strict=True))


def _unserved(pool: EncodedPool, households: Side, best: Best) -> tuple[Unserved, ...]:
    """Every household that got no proposal, with what each hard code took from it."""
    served = np.zeros(len(households), dtype=np.bool_)
    served[[household for household, _ in best.found.pairs]] = True
    return unserved_of(pool, households.ids, np.flatnonzero(~served), best.possible)


def unserved_of(pool: EncodedPool, ids: Sequence[Id], left: Ints, possible: Ints) -> tuple[Unserved, ...]:
    """Return those at the places `left`, who got nobody, with what each hard code took; `possible`: int64[n]."""
    counts = why_not(pool, left)
    return tuple(
        Unserved(ids[i], number, _counted(removed), _counted(alone))
        for i, number, removed, alone in zip(
            left.tolist(), possible[left].tolist(), counts.removed.tolist(), counts.alone.tolist(), strict=True
        )
    )


def _counted(numbers: list[int]) -> dict[HardCode, int]:
    return {code: number for code, number in zip(HardCode, numbers, strict=True) if number}
