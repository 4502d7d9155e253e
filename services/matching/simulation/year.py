"""One year of a market, played day by day with one policy: who was matched when, and what it is worth together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.matching.runs.certificate import Bools, Ints
from services.matching.simulation.market import Market


@dataclass(frozen=True, eq=False)
class Played:
    """What a policy reached: the `pairs` (positions in the market's) that became tandems, and on which `days`."""

    pairs: Ints
    days: Ints
    worth: int
    waits: Ints

    @property
    def matched(self) -> int:
        """How many households found somebody."""
        return len(self.pairs)

    def waited(self, percent: int) -> float:
        """The days within which so many percent of the matched households had found somebody; 0 without any."""
        return float(np.percentile(self.waits, percent)) if len(self.waits) else 0.0


class Today:
    """The state of a market on one day: who waits, which places are free, which pairs were asked before."""

    def __init__(self, market: Market) -> None:
        """The morning of the first day."""
        self.market = market
        self.day = 0
        self.free: Ints = market.places.copy()
        self._unmatched = np.ones(market.n_households, dtype=np.bool_)
        self._asked = np.zeros(len(market.declines), dtype=np.bool_)
        self._ending: dict[int, list[int]] = {}
        self._chosen: list[tuple[int, int]] = []

    @property
    def waiting(self) -> Bools:
        """The households that have arrived, have nobody, and have not given up: bool[n_households]."""
        there = (self.market.arrives <= self.day) & (self.day < self.market.departs)
        waiting: Bools = there & self._unmatched
        return waiting

    @property
    def available(self) -> Ints:
        """The places free today of those who are there: int64[n_units]."""
        there = (self.market.joins <= self.day) & (self.day < self.market.leaves)
        return np.where(there, self.free, 0)

    def open_pairs(self) -> Ints:
        """The positions of all pairs that may be proposed today; one that declined does not come back."""
        pairs, market = self.market.meeting, self.market
        possible = self.waiting[market.pairs.households[pairs]] & (self.available[market.pairs.units[pairs]] > 0)
        return pairs[possible & ~self._asked[pairs]]

    def open_pairs_of(self, household: int) -> Ints:
        """Those of one household that waits."""
        pairs = np.arange(*self.market.starts[household : household + 2])
        units = self.market.pairs.units[pairs]
        there = (self.market.joins[units] <= self.day) & (self.day < self.market.leaves[units])
        return pairs[there & (self.free[units] > 0) & ~self._asked[pairs]]

    def longest_waiting_first(self) -> list[int]:
        """The households that have an open pair, by arrival."""
        households = np.unique(self.market.pairs.households[self.open_pairs()])
        order = np.argsort(self.market.arrives[households], kind="stable")
        found: list[int] = households[order].tolist()
        return found

    def propose(self, pair: int) -> bool:
        """Propose an open pair; says whether both accept. Then it is a tandem, and its place taken for the term."""
        self._asked[pair] = True
        if self.market.declines[pair]:
            return False
        unit = int(self.market.pairs.units[pair])
        self._unmatched[self.market.pairs.households[pair]] = False
        self.free[unit] -= 1
        self._ending.setdefault(self.day + self.market.term, []).append(unit)
        self._chosen.append((pair, self.day))
        return True

    def next_day(self) -> None:
        """Night: tandems whose term is over give their places back."""
        self.day += 1
        for unit in self._ending.pop(self.day, []):
            self.free[unit] += 1

    def played(self) -> Played:
        """What was reached so far."""
        chosen = np.array(self._chosen, dtype=np.int64).reshape(-1, 2)
        return outcome(self.market, chosen[:, 0], chosen[:, 1])


Policy = Callable[[Today], None]


def play(market: Market, policy: Policy) -> Played:
    """Let the policy propose pairs on every day of the year."""
    today = Today(market)
    for _ in range(market.days):
        policy(today)
        today.next_day()
    return today.played()


def outcome(market: Market, pairs: Ints, days: Ints) -> Played:
    """What pairs that became tandems on these days are worth, and how long their households had waited."""
    waits = days - market.arrives[market.pairs.households[pairs]]
    return Played(pairs, days, int(market.pairs.worth[pairs].sum()), waits)
