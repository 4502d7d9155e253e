"""All policies over several years: means, spread, the share of hindsight each reaches, and whether goals are met."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from math import sqrt
from statistics import mean, stdev
from typing import NamedTuple

from services.matching.simulation.market import Market, large_places, thin_market
from services.matching.simulation.policies import POLICIES, hindsight
from services.matching.simulation.side_by_side import side_by_side
from services.matching.simulation.year import Played, play

HINDSIGHT = "hindsight"
# In one of twenty cases chance moves a mean by more of its standard errors.
ERRORS = 2
MARKETS: dict[str, Callable[[int, int, int], Market]] = {"thin": thin_market, "large": large_places}
# How many households and units a market has unless told otherwise.
SIZES = {"thin": (600, 500), "large": (1000, 20)}
# How many years are played unless told otherwise: in a thin market chance moves the mean of five by more than its goals
# are apart.
YEARS = {"thin": 40, "large": 5}


@dataclass(frozen=True)
class Line:
    """One policy over all years, as means; `spread` is the standard deviation of its share of hindsight by year.

    `shares` are those of each year in which anybody could be matched. `waited_half` and `waited_most` are the days
    within which half and 95 percent of the matched households had found somebody, in years in which anybody did.
    None: there was no such year.
    """

    policy: str
    matched: float
    worth: float
    shares: tuple[float, ...]
    waited_half: float | None
    waited_most: float | None

    @property
    def share(self) -> float | None:
        """The mean share of hindsight."""
        return mean(self.shares) if self.shares else None

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


Tell = Callable[[str], None]


def compare(
    markets: Mapping[int, Callable[[], Market]], *, processes: int = 1, tell: Tell = lambda _: None,
) -> list[Line]:
    """Return a line per policy, and last that of hindsight; of each market, by its seed, every policy plays the year.

    With several processes so many years are played at once, and the lines are the same; what makes a market is then to
    be pickled. `tell` hears in a sentence what is being done.
    """
    at_once = min(processes, len(markets))
    years = list(_in_turn(markets, tell) if at_once == 1 else _at_once(markets, at_once, tell))
    return [_line(name, [year[name] for year in years], [year[HINDSIGHT] for year in years])
            for name in (*POLICIES, HINDSIGHT)]


def _in_turn(markets: Mapping[int, Callable[[], Market]], tell: Tell) -> Iterator[dict[str, Played]]:
    for number, (seed, make) in enumerate(markets.items(), 1):
        yield _year(seed, make, partial(_tell_of, tell, f"year {number} of {len(markets)}"))


def _tell_of(tell: Tell, year: str, what: str) -> None:
    tell(f"{year}: {what}")


def _at_once(markets: Mapping[int, Callable[[], Market]], processes: int, tell: Tell) -> list[dict[str, Played]]:
    """The same years in the same order, whichever is ready first."""
    tell(f"{len(markets)} years, {processes} at once")
    years: dict[int, dict[str, Played]] = {}
    with closing(side_by_side(_year, list(markets.items()), processes)) as found:
        for place, year in found:
            years[place] = year
            tell(f"{len(years)} of {len(markets)} years, {processes} at once")
    return [years[place] for place in sorted(years)]


def _year(seed: int, make: Callable[[], Market], tell: Tell = lambda _: None) -> dict[str, Played]:
    """What each policy reached in the year of this seed, and hindsight."""
    tell("who suits whom")
    market = make()
    played: dict[str, Played] = {}
    for name, policy in POLICIES.items():
        tell(name)
        played[name] = play(market, policy(seed))
    return played | {HINDSIGHT: hindsight(market)}


def _line(name: str, years: Sequence[Played], best: Sequence[Played]) -> Line:
    shares = tuple(one.worth / optimum.worth for one, optimum in zip(years, best, strict=True) if optimum.worth)
    return Line(
        policy=name, matched=mean(one.matched for one in years), worth=mean(one.worth for one in years),
        shares=shares, waited_half=_waited(years, 50), waited_most=_waited(years, 95))


def _waited(years: Sequence[Played], percent: int) -> float | None:
    waits = [one.waited(percent) for one in years if one.matched]
    return mean(waits) if waits else None
