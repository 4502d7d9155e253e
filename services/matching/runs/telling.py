"""What is told of the chosen pairs: points, what the two have in common, the price, and who would be the next best."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.matching.runs.bits import Ints
from services.matching.runs.columns import Column, Side
from services.matching.runs.encoding import EncodedPool
from services.matching.runs.graph import Best
from services.matching.runs.hard import common_ranks
from services.matching.runs.measures import both_places_known, common_level, metres_between
from services.matching.runs.outcome import NextBest, Proposal
from services.matching.runs.points import Points
from services.matching.runs.pool import CRITERIA, LEVELS, provided
from services.matching.runs.scoring import points_of

Rows = list[tuple[Any, ...]]
PROVIDED = ("offers", "childcare", "step_free")


@dataclass(frozen=True, eq=False)
class Telling:
    """What proposals are told from."""

    households: Side
    units: Side
    pool: EncodedPool
    bonuses: Ints
    best: Best
    pinned: Ints

    def proposals(self) -> tuple[Proposal, ...]:
        """The chosen pairs, by household."""
        pairs = np.array(self.best.found.pairs, dtype=np.int64).reshape(-1, 2)
        households, units = pairs[:, 0], pairs[:, 1]
        next_best, base = self._next_best(), self.pool.rules.base
        told = zip(households.tolist(), units.tolist(), self._numbers(households, units),
                   self._in_common(households, units), strict=True)
        return tuple(
            Proposal(self.households.ids[household], self.units.ids[unit], Points(*points), bonus,
                     base + sum(points) + bonus, languages, interpreter, metres if placed else None, slots, met,
                     missing, interests, price, next_best.get(household), pinned)
            for household, unit, (*points, bonus, interpreter, metres, placed, slots, price, pinned),
            (languages, met, missing, interests) in told)

    def _numbers(self, households: Ints, units: Ints) -> Rows:
        """Points by criterion, bonus, if an interpreter is needed, metres, if these are known, slots, price, pin."""
        pool, points = self.pool, points_of(self.pool, households, units)
        columns = [
            *(getattr(points, name) for name in CRITERIA), self.bonuses[households],
            common_level(pool, households, units) == 0, metres_between(pool, households, units),
            both_places_known(pool, households, units), pool.households.slots[households] & pool.units.slots[units],
            self.best.found.unit_prices[units], self.pinned[households] >= 0]
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def _in_common(self, households: Ints, units: Ints) -> Rows:
        """Languages with levels, wishes met, wishes missing, and interests."""
        theirs = [self.households[name].each(households) for name in ("languages", "wishes", "interests")]
        provides = Column.both(*(self.units[name] for name in PROVIDED)).to(lambda given: provided(*given))
        ours = [column.each(units) for column in (self.units["languages"], provides, self.units["interests"])]
        known: dict[tuple[int, int], dict[str, str]] = {}
        rows = []
        for spoken, wishes, interests, our_spoken, given, our_interests in zip(*theirs, *ours, strict=True):
            key = (id(spoken), id(our_spoken))
            if key not in known:
                known[key] = _languages(spoken, our_spoken)
            rows.append((known[key], _ordered(wishes & given), _ordered(wishes - given),
                         _ordered(interests & our_interests)))
        return rows

    def _next_best(self) -> dict[int, NextBest]:
        """By household, where there is one."""
        there = np.flatnonzero(self.best.next_best >= 0)
        units = self.best.next_best[there]
        scores, prices = points_of(self.pool, there, units).score, self.best.found.unit_prices[units]
        told = zip(there.tolist(), units.tolist(), scores.tolist(), prices.tolist(), strict=True)
        return {household: NextBest(self.units.ids[unit], score, price) for household, unit, score, price in told}


def _languages(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    return {tag: LEVELS[rank] for tag, rank in sorted(common_ranks(theirs, ours).items())}


def _ordered(codes: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(codes, key=str))
