"""The live mode: the units of a programme stay encoded in memory, and whoever asks is told the best of them at once.

A run looks at everyone; here one household asks, and is ranked by what each pair is worth less the unit's price: what
its place would bring to those who are yet to come (`prices.py`). So the scarce ones are not given away to somebody who
could have others. The only option of a household is shown whatever its price.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import numpy as np

from services.matching.runs.batch import unserved_of
from services.matching.runs.bits import WORD, Bits, Bools, Ints, bits
from services.matching.runs.candidates import possible_at_once
from services.matching.runs.columns import Side
from services.matching.runs.encoding import (
    ANYBODY,
    EncodedPool,
    UnitColumns,
    Vocabulary,
    household_columns,
    unit_columns,
)
from services.matching.runs.growing import GrowingColumns
from services.matching.runs.outcome import NextBest, Proposal, Unserved
from services.matching.runs.pairs import told_pair
from services.matching.runs.points import Points, bonus
from services.matching.runs.pool import LEVELS, Household, Rules, Unit
from services.matching.runs.scoring import points_of
from services.matching.runs.words import Advice, Scarcity

# A code that no unit has: it stands for all that only the household names.
NOBODY_HAS = ""
LOW = (1 << WORD) - 1


@dataclass(frozen=True)
class Within:
    """Which units somebody may see: all, or those in these regions (AGS prefixes) and of these partners."""

    everything: bool = True
    regions: tuple[str, ...] = ()
    partners: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Option:
    """A unit that a household could be proposed to: the proposal as it would be, its gain after the unit's price."""

    proposal: Proposal
    gain: int
    scarcity: Scarcity


@dataclass(frozen=True)
class Options:
    """The best options, the best first, how many are possible at all, what to do; and why not where there is none."""

    options: tuple[Option, ...]
    possible: int
    advice: Advice
    unserved: Unserved | None


@dataclass(frozen=True)
class _Standing:
    """What is known of each unit: columns, price, the halves of its id to break ties by, its region as a number."""

    units: UnitColumns
    prices: Ints
    ids: tuple[Bits, Bits]
    regions: Ints


class LivePool:
    """The units of one programme under its rules, ready to be asked; they come, change and go one by one."""

    def __init__(self, units: Collection[Unit], rules: Rules, prices: Mapping[UUID, int]) -> None:
        """Encode them; a unit without a price costs nothing."""
        self.rules, self._prices = rules, dict(prices)
        self._units, self._regions = list(units), dict[str, int]()
        self._encode()

    def __len__(self) -> int:
        """How many units there are."""
        return len(self._units)

    def put_all(self, units: Collection[Unit]) -> None:
        """Units are new, or have changed; with codes that nobody had before all are encoded anew, once."""
        known = all(map(self._knows, units))
        if not known or not all(self._put(unit) for unit in units):
            changed = {unit.id: unit for unit in units}
            self._units = [changed.pop(one.id, one) for one in self._units] + list(changed.values())
            self._encode()

    def _put(self, unit: Unit) -> bool:
        """Says whether its numbers fit into the columns; if not, nothing is done."""
        one = self._encoded([unit])
        if not self._columns.holds(one):
            return False
        place = self._at.get(unit.id)
        if place is None:
            self._at[unit.id] = self._columns.append(one)
            self._units.append(unit)
        else:
            self._named.remove(self._units[place])
            self._columns.set(place, one)
            self._units[place] = unit
        self._named.add(unit)
        return True

    def remove(self, unit_id: UUID) -> None:
        """A unit is not to be had any more; one that is not there is none of them already."""
        place = self._at.pop(unit_id, None)
        if place is None:
            return
        self._named.remove(self._units[place])
        last = self._columns.drop(place)
        self._units[place] = self._units[last]
        del self._units[last]
        if place != last:
            self._at[self._units[place].id] = place

    def price(self, prices: Mapping[UUID, int]) -> None:
        """Prices have been computed anew."""
        self._prices = dict(prices)
        self._columns.now().prices[:] = self._priced(self._units)

    def options(
        self, household: Household, today: date, *, barred: Collection[UUID] = (), within: Within | None = None,
        top: int = 10,
    ) -> Options:
        """Return the best options of a household, at most `top`; `barred`: units that declined before, and the like."""
        here, seen = self._columns.now(), self._seen(within or Within())
        pool = self._pool(household, here, barred)
        possible = possible_at_once(pool).units
        possible = possible[seen[possible]]
        more = bonus(household, self.rules, today)
        points = points_of(pool, np.zeros(len(possible), dtype=np.int64), possible)
        gains = self.rules.base + points.score + more - here.prices[possible]
        high, low = here.ids
        best = np.lexsort((low[possible], high[possible], -gains))[: top + 1].tolist()
        if not best:
            return Options((), 0, Advice.NOBODY, self._missing(household, pool, seen))
        found = [_Found(self._units[possible[one]], int(here.prices[possible[one]]), int(gains[one]), points.at(one))
                 for one in best]
        others = [found[1] if len(found) > 1 else None] + [found[0]] * top
        told = tuple(self._told(household, one, other, more) for one, other in zip(found[:top], others, strict=False))
        return Options(told, len(possible), _advice(len(possible), told[0].gain), None)

    def _told(self, household: Household, one: "_Found", other: "_Found | None", more: int) -> Option:
        next_best = NextBest(other.unit.id, other.points.score, other.price) if other else None
        proposal = told_pair(household, one.unit, one.points, self.rules, bonus=more, unit_price=one.price,
                             next_best=next_best)
        return Option(proposal, one.gain, scarcity(one.price, proposal.worth))

    def _missing(self, household: Household, pool: EncodedPool, seen: Bools) -> Unserved:
        """Why nobody of those who may be seen is possible."""
        nobody, rows = np.zeros(1, dtype=np.int64), np.flatnonzero(seen)
        here = pool if len(rows) == len(self) else replace(
            pool, n_units=len(rows), units=self._columns.at(rows).units, vetoed=_within(rows, pool.vetoed),
            declined=_within(rows, pool.declined))
        (missing,) = unserved_of(here, [household.id], nobody, nobody)
        return missing

    def _pool(self, household: Household, here: _Standing, barred: Collection[UUID]) -> EncodedPool:
        side = Side.of(Household, [self._known(household)])
        columns = replace(household_columns(side, self.rules, self._vocabulary),
                          n_wishes=np.array([len(household.wishes)]), n_interests=np.array([len(household.interests)]))
        return EncodedPool(
            n_households=1, n_units=len(self), rules=self.rules, households=columns, units=here.units,
            vetoed=self._places(self._named.having(_vetoes(household))), declined=self._places(barred),
            forbidden=np.empty(0, dtype=np.int64))

    def _places(self, units: Collection[UUID]) -> Ints:
        """Where these stand, those that are there."""
        return np.array(sorted(self._at[unit] for unit in units if unit in self._at), dtype=np.int64)

    def _seen(self, within: Within) -> Bools:
        """Which of the units may be seen."""
        here = self._columns.now().regions
        if within.everything:
            return np.ones(len(here), dtype=np.bool_)
        inside = np.array([region.startswith(within.regions) for region in self._regions], dtype=np.bool_)
        seen: Bools = inside[here] if len(inside) else np.zeros(len(here), dtype=np.bool_)
        seen[self._places(self._named.having(within.partners))] = True
        return seen

    def _encode(self) -> None:
        self._units.sort(key=lambda unit: unit.id)
        self._vocabulary = _with_spare(Vocabulary.of(Side.of(Household, ()), Side.of(Unit, self._units)))
        self._columns = GrowingColumns(self._encoded(self._units), len(self._units))
        self._at = {unit.id: place for place, unit in enumerate(self._units)}
        self._named = _Named()
        for unit in self._units:
            self._named.add(unit)

    def _encoded(self, units: list[Unit]) -> _Standing:
        ids = (np.array([unit.id.int >> WORD for unit in units], dtype=np.uint64),
               np.array([unit.id.int & LOW for unit in units], dtype=np.uint64))
        regions = [self._regions.setdefault(unit.district, len(self._regions)) for unit in units]
        return _Standing(unit_columns(Side.of(Unit, units), self.rules, self._vocabulary), self._priced(units), ids,
                         np.array(regions, dtype=np.int64))

    def _priced(self, units: list[Unit]) -> Ints:
        return np.array([self._prices.get(unit.id, 0) for unit in units], dtype=np.int64)

    def _knows(self, unit: Unit) -> bool:
        """Whether every code of the unit has a bit."""
        bit = self._vocabulary
        return (set(unit.languages) <= bit.languages.keys() and unit.provides <= bit.offers.keys()
                and unit.interests <= bit.interests.keys() and unit.conflict_groups <= bit.conflicts.keys())

    def _known(self, household: Household) -> Household:
        """The household with NOBODY_HAS in place of codes that no unit has; languages and conflicts need none."""
        bit = self._vocabulary
        return replace(
            household,
            languages={tag: level for tag, level in household.languages.items() if tag in bit.languages},
            must_haves=_among(household.must_haves, bit.offers), wishes=_among(household.wishes, bit.offers),
            interests=_among(household.interests, bit.interests),
            conflict_groups=household.conflict_groups & bit.conflicts.keys())


def _within(rows: Ints, places: Ints) -> Ints:
    """Where in the sorted rows these sorted places stand, those that stand there."""
    if not len(rows):
        return rows
    at = np.minimum(np.searchsorted(rows, places), len(rows) - 1)
    found: Ints = at[rows[at] == places]
    return found


def scarcity(price: int, worth: int) -> Scarcity:
    """How much a place will be needed, by its price beside what this pair would be worth."""
    if price <= 0:
        return Scarcity.PLENTY
    return Scarcity.SOUGHT if price < worth else Scarcity.SCARCE


def _advice(possible: int, gain: int) -> Advice:
    if possible == 1:
        return Advice.ONLY_OPTION
    return Advice.PROPOSE if gain > 0 else Advice.WAIT


def _vetoes(household: Household) -> set[UUID]:
    """Whom this household does not want, and itself: whoever has vetoed it stands behind its id."""
    return {*household.vetoed_units, *household.vetoed_persons, *household.vetoed_partners, household.id}


def _with_spare(known: Vocabulary) -> Vocabulary:
    """The vocabulary with one more bit of each kind, which no unit has; any level may be asked for."""
    levels = bits([ANYBODY, *((tag, level) for tag in known.languages for level in LEVELS[1:])])
    return Vocabulary(levels=levels, **{
        name: getattr(known, name) | {NOBODY_HAS: 1 << len(getattr(known, name))}
        for name in ("languages", "offers", "interests", "conflicts")})


def _among(codes: frozenset[str], known: Mapping[str, int]) -> frozenset[str]:
    return frozenset(code if code in known else NOBODY_HAS for code in codes)


@dataclass(frozen=True)
class _Found:
    """A unit that is possible, with its price, the gain and the points."""

    unit: Unit
    price: int
    gain: int
    points: Points


class _Named:
    """Which units stand behind an id: the unit itself, a person in it, its partner, a household that it vetoed."""

    def __init__(self) -> None:
        self._by: dict[UUID, set[UUID]] = {}

    def add(self, unit: Unit) -> None:
        for name in self._names(unit):
            self._by.setdefault(name, set()).add(unit.id)

    def remove(self, unit: Unit) -> None:
        for name in self._names(unit):
            self._by[name].discard(unit.id)

    def having(self, names: Collection[UUID]) -> set[UUID]:
        return {unit for name in names for unit in self._by.get(name, ())}

    @staticmethod
    def _names(unit: Unit) -> set[UUID]:
        own = {unit.id, *unit.persons, *unit.vetoed_households}
        return own | {unit.partner} if unit.partner else own
