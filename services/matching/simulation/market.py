"""A year of people who come and go: when households arrive and give up, when mentors join and leave, who suits whom."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from services.matching.runs.candidates import find
from services.matching.runs.certificate import Bools, Ints
from services.matching.runs.columns import Side
from services.matching.runs.encoding import encode_sides
from services.matching.runs.graph import Scored
from services.matching.runs.pool import Household, Rules, Unit
from services.matching.runs.prices import with_more
from services.matching.runs.scoring import points_of
from services.matching.simulation.people import invented_household, invented_unit

# Whole weeks, so that each day of the week comes equally often.
YEAR = 364
# In the thin market: days until a household gives up, days that a mentor who is not needed stays, and how often a
# pair that is proposed declines, in percent.
PATIENCE, STAY, DECLINES = (28, 183), (56, 365), 10
# In the market of large places: places each, days of patience, kinds of people, and impossible pairs in percent.
LARGE, SHORT_PATIENCE, KINDS_OF_PEOPLE, IMPOSSIBLE = (10, 61), (7, 29), 6, 15


class WhoMayCome(NamedTuple):
    """The households that may be drawn as those who will come: their pairs, and whom each is or is put together from.

    `like` (int64[n]) are households of the market.
    """

    pairs: Scored
    like: Ints


@dataclass(frozen=True, eq=False)
class Market:
    """Who comes when and what every possible pair is worth, sorted by household and then unit; days count from 0.

    A household is there from the day it `arrives` until the day before it `departs`, a unit with its `places` from the
    day it `joins` until the day before it `leaves`. Who arrived before day 0 and has departed by then is the past, from
    which futures are drawn. A pair that `declines` (bool[k]) does so whenever it is proposed; one that does not
    keeps its place for `term` days. Where people have attributes, more may be `drawn` than came.

    `told` (bool[n_units]): prices foresee as little as those of the service do, of these units until when they are
    there, and not when the year ends. None: they know both, as hindsight does.
    """

    pairs: Scored
    declines: Bools
    arrives: Ints
    departs: Ints
    joins: Ints
    leaves: Ints
    places: Ints
    term: int = YEAR
    days: int = YEAR
    drawn: WhoMayCome | None = None
    told: Bools | None = None

    @property
    def n_households(self) -> int:
        """How many households there are, those of the past among them."""
        return len(self.arrives)

    @property
    def n_units(self) -> int:
        """How many mentors and groups, or places, there are."""
        return len(self.places)

    @cached_property
    def starts(self) -> Ints:
        """Where each household's pairs begin, and where the last one's end: int64[n_households + 1]."""
        return np.searchsorted(self.pairs.households, np.arange(self.n_households + 1))

    @cached_property
    def meeting(self) -> Ints:
        """The positions of the pairs whose two sides are there on a common day of the year."""
        households, units, _ = self.pairs
        last = np.minimum(np.minimum(self.departs[households], self.leaves[units]), self.days)
        return np.flatnonzero(self.first_days < last)

    @cached_property
    def first_days(self) -> Ints:
        """The first day of the year on which both sides of each pair may be there."""
        later = np.maximum(self.arrives[self.pairs.households], self.joins[self.pairs.units])
        first: Ints = np.maximum(later, 0)
        return first

    @cached_property
    def may_come(self) -> WhoMayCome:
        """Who may be drawn as those who will come, once whom they are like has arrived."""
        return self.drawn or WhoMayCome(self.pairs, np.arange(self.n_households))

    def arrivals_before(self, day: int) -> tuple[Ints, float]:
        """Of `may_come` those like whom somebody had arrived before that day; and how many came a day.

        That is of the last year on record.
        """
        known = np.flatnonzero(self.arrives < day)
        since = max(day - YEAR, int(self.arrives[known].min(initial=day)))
        a_day = float(np.count_nonzero(self.arrives[known] >= since)) / max(1, day - since)
        return np.flatnonzero(self.arrives[self.may_come.like] < day), a_day

    def foreseen(self, day: int, horizon: int) -> tuple[int, Ints]:
        """On how many of the `horizon` days from this one on somebody may come, and how many each unit has left."""
        if self.told is None:
            return min(horizon, self.days - day), self.leaves - day
        return horizon, np.where(self.told, self.leaves - day, horizon)

    def places_joining(self, day: int) -> float:
        """How many places joined on a day of this year before that day."""
        joined = (self.joins > 0) & (self.joins < day)
        return float(self.places[joined].sum()) / max(1, day - 1)


def as_in_service(make: Callable[[], Market], percent: int, seed: int) -> Market:
    """Return the market with so many units in a hundred, drawn by chance, that have told until when they are there."""
    market = make()
    return replace(market, told=np.random.default_rng([seed, percent]).integers(0, 100, market.n_units) < percent)


def thin_market(seed: int, households: int = 600, units: int = 500) -> Market:
    """Return a market in which nobody has much choice: people around the towns of a region, mostly with one place.

    A third of the mentors are there when the year begins, the others join evenly through it; a tandem takes the rest
    of the year. As many households again came in the year before: the past.
    """
    people = random.Random(seed)
    arriving = [invented_household(people) for _ in range(2 * households)]
    accompanying = [invented_unit(people) for _ in range(units)]
    pairs, drawn = pairs_of(arriving, accompanying, past=np.arange(households), seed=seed)
    dice = np.random.default_rng(seed)
    arrives, departs = _through_two_years(dice, households, PATIENCE)
    joins = dice.integers(0, YEAR, units)
    joins[: units // 3] = 0
    return Market(
        pairs=pairs, declines=dice.integers(0, 100, len(pairs.units)) < DECLINES,
        arrives=arrives, departs=departs, joins=joins, leaves=joins + dice.integers(*STAY, units),
        places=np.array([unit.free for unit in accompanying], dtype=np.int64), drawn=drawn)


def pairs_of(
    households: Sequence[Household], units: Sequence[Unit], *, past: Ints, seed: int,
) -> tuple[Scored, WhoMayCome]:
    """Return the possible pairs by people's attributes under the usual rules, and who may be drawn as those who come.

    These are put together only of what is known when the year begins: of the `past` (positions).
    """
    people = with_more(Side.of(Household, households), past, np.random.default_rng([seed, len(past)]))
    pool = encode_sides(people, Side.of(Unit, units), Rules())
    found = find(pool)
    pairs = Scored(found.households, found.units,
                   pool.rules.base + points_of(pool, found.households, found.units).score)
    own = int(np.searchsorted(pairs.households, len(households)))
    like = np.arange(len(people)) % max(1, len(households))
    return Scored(*(column[:own] for column in pairs)), WhoMayCome(pairs, like)


def large_places(seed: int, households: int = 1000, units: int = 20, base: int = 1000) -> Market:
    """Return a market of few places that take many each, as towns do, all there from the first day to the last.

    Each place suits each of a few kinds of people differently (some places suit all of them better), and each
    person differs a little; some pairs are impossible. Whoever arrives has to know within weeks. Nobody declines.
    """
    dice = np.random.default_rng(seed)
    kinds = dice.integers(0, KINDS_OF_PEOPLE, 2 * households)
    suits = dice.normal(450, 100, units) + dice.normal(0, 150, (KINDS_OF_PEOPLE, units))
    possible = dice.integers(0, 100, (2 * households, units)) >= IMPOSSIBLE
    who, where = np.nonzero(possible)
    score = np.clip(suits[kinds[who], where] + dice.normal(0, 100, len(who)), 1, 1000).astype(np.int64)
    arrives, departs = _through_two_years(dice, households, SHORT_PATIENCE)
    return Market(
        pairs=Scored(who, where, base + score), declines=np.zeros(len(who), dtype=np.bool_),
        arrives=arrives, departs=departs, joins=np.zeros(units, dtype=np.int64), leaves=np.full(units, YEAR),
        places=dice.integers(*LARGE, units))


def _through_two_years(dice: np.random.Generator, households: int, patience: tuple[int, int]) -> tuple[Ints, Ints]:
    """When so many households a year arrive, evenly, and give up; those of the year before are gone when it ends."""
    arrives = np.sort(dice.integers(-YEAR, 0, households)), np.sort(dice.integers(0, YEAR, households))
    departs = np.concatenate(arrives) + dice.integers(*patience, 2 * households)
    departs[:households] = np.minimum(departs[:households], 0)
    return np.concatenate(arrives), departs
