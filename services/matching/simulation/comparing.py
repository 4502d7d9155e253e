"""All policies over several years: means, spread, the share of hindsight each reaches, and whether goals are met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev
from typing import NamedTuple

from services.matching.simulation.market import Market, large_places, thin_market
from services.matching.simulation.policies import POLICIES, hindsight
from services.matching.simulation.year import Played, play

HINDSIGHT = "hindsight"
# In one of twenty cases chance moves a mean by more of its standard errors.
ERRORS = 2
MARKETS: dict[str, Callable[[int, int, int], Market]] = {"thin": thin_market, "large": large_places}
# How many households and units a market has unless told otherwise.
SIZES = {"thin": (600, 500), "large": (1000, 20)}


@dataclass(frozen=True)
class Line:
    """One policy over all years, as means; `spread` is the standard deviation of its share of hindsight by year.

    `shares` are those of each year. `waited_half` and `waited_most` are the days within which half and 95 percent of
    the matched households had found somebody.
    """

    policy: str
    matched: float
    worth: float
    shares: tuple[float, ...]
    waited_half: float
    waited_most: float

    @property
    def share(self) -> float:
        """The mean share of hindsight."""
        return mean(self.shares)

    @property
    def spread(self) -> float:
        """From year to year; 0 of one year."""
        return stdev(self.shares) if len(self.shares) > 1 else 0.0


class Reached(NamedTuple):
    """A mean over years, and the standard error by which it may differ from that of very many; None of one year."""

    mean: float
    error: float | None

    def is_open(self, least: float) -> bool:
        """Whether chance may decide in so few years: the mean is nearer to what is asked than two errors."""
        return self.error is None or abs(self.mean - least) < ERRORS * self.error


@dataclass(frozen=True)
class Goal:
    """What a policy's share of hindsight is to reach, alone or as a lead over another's in the same years."""

    id: str
    policy: str
    least: float
    over: str | None = None

    def reached(self, lines: Mapping[str, Line]) -> Reached:
        """The share, or the lead."""
        years: Sequence[float] = lines[self.policy].shares
        if self.over:
            years = [one - other for one, other in zip(years, lines[self.over].shares, strict=True)]
        return Reached(mean(years), stdev(years) / sqrt(len(years)) if len(years) > 1 else None)


GOALS: dict[str, tuple[Goal, ...]] = {
    "thin": (
        Goal("Q3", "live_prices", 0.905), Goal("Q3", "live_prices", 0.03, "greedy"),
        Goal("Q3", "weekly_prices", 0.90), Goal("Q3", "weekly_prices", 0.02, "waiting_list")),
    "large": (Goal("Q2", "live_prices", 0.975),),
}


def compare(markets: Mapping[int, Callable[[], Market]], *, tell: Callable[[str], None] = lambda _: None) -> list[Line]:
    """Return a line per policy, and last that of hindsight; of each market, by its seed, every policy plays the year.

    `tell` hears in a sentence what is being done.
    """
    played: dict[str, list[Played]] = {name: [] for name in (*POLICIES, HINDSIGHT)}
    for number, (seed, make) in enumerate(markets.items(), 1):
        tell(f"year {number} of {len(markets)}: who suits whom")
        market = make()
        for name, policy in POLICIES.items():
            tell(f"year {number} of {len(markets)}: {name}")
            played[name].append(play(market, policy(seed)))
        played[HINDSIGHT].append(hindsight(market))
    return [_line(name, years, played[HINDSIGHT]) for name, years in played.items()]


def _line(name: str, years: Sequence[Played], best: Sequence[Played]) -> Line:
    shares = tuple(
        one.worth / optimum.worth if optimum.worth else 1.0 for one, optimum in zip(years, best, strict=True))
    return Line(
        policy=name, matched=mean(one.matched for one in years), worth=mean(one.worth for one in years),
        shares=shares, waited_half=mean(one.waited(50) for one in years),
        waited_most=mean(one.waited(95) for one in years))
