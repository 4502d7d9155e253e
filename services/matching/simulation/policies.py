"""The ways of matching that are held against one another, from the first free mentor to hindsight."""

from collections import deque
from collections.abc import Callable

import numpy as np

from services.matching.runs.assignment import solve
from services.matching.runs.certificate import Ints
from services.matching.runs.pool import Rules
from services.matching.runs.prices import FUTURES, HORIZON, NOBODY, choose, prices_of_futures
from services.matching.simulation.market import Market
from services.matching.simulation.year import Played, Policy, Today, outcome

WEEK = 7
USUAL = Rules()


def greedy(today: Today) -> None:
    """At once: whoever comes gets the best place that is free, and who waits is looked at again each day."""
    _serve(today, np.zeros(today.market.n_units, dtype=np.int64))


def waiting_list(today: Today) -> None:
    """Once a week: longest waiting first, each gets the best place that is left."""
    if today.day % WEEK == 0:
        greedy(today)


def weekly_run(today: Today) -> None:
    """Once a week: the best assignment of those who wait to the places that are free, by score and waiting."""
    if today.day % WEEK == 0:
        _run(today, np.zeros(today.market.n_units, dtype=np.int64))


class Prices:
    """The prices of places: whenever they are asked for some futures are drawn anew, and the last few times count.

    Asked every night, they are nearly as fresh as if all futures were drawn every night, for a part of the time.
    """

    def __init__(
        self, seed: int, *, nights: int = WEEK, each_night: int = FUTURES // WEEK + 1, horizon: int = HORIZON,
    ) -> None:
        """Nothing is computed before the first day; the same seed gives the same prices."""
        self._dice = np.random.default_rng(seed)
        self._each_night, self._horizon = each_night, horizon
        self._nights: deque[tuple[Ints, Ints]] = deque(maxlen=nights)

    def on(self, today: Today) -> Ints:
        """The prices of today, int64[n_units]; each unit's over the nights on which it had a place free.

        Who would come after the last day counts for nobody, not in hindsight either: no price looks further than that,
        unless it is to foresee no more than the service does (`Market.told`).
        """
        past, a_day = today.market.arrivals_before(today.day)
        horizon, left = today.market.foreseen(today.day, self._horizon)
        prices = prices_of_futures(
            today.market.may_come.pairs, past, today.available, left,
            expected=round(a_day * horizon * self._share_here(today, horizon)), horizon=horizon,
            futures=self._each_night, dice=self._dice)
        self._nights.append((prices, (today.available > 0).astype(np.int64)))
        nights = np.sum([free for _, free in self._nights], axis=0)
        total = np.sum([prices for prices, _ in self._nights], axis=0)
        mean: Ints = total // np.maximum(nights, 1)
        return mean

    def _share_here(self, today: Today, horizon: int) -> float:
        """How many of those who come will look here: the others find somebody among the places that are yet to join."""
        here = int(today.available.sum())
        return here / max(1.0, here + today.market.places_joining(today.day) * horizon)


def live_prices(prices: Prices) -> Policy:
    """At once: the place with the greatest score less its price; who would cost others more waits."""
    return lambda today: _serve(today, prices.on(today))


def weekly_prices(prices: Prices) -> Policy:
    """Once a week: the best assignment by score and waiting less price; who would cost others more waits."""
    def decide(today: Today) -> None:
        if today.day % WEEK == 0:
            _run(today, prices.on(today))

    return decide


def hindsight(market: Market) -> Played:
    """The optimum that knows the whole year, and who will decline: no policy reaches more.

    One assignment over the pairs whose times overlap. Where tandems end within the year each place counts as often as
    terms can follow one another there: then it is a bound that may lie a little above the optimum.
    """
    pairs = market.meeting[~market.declines[market.meeting]]
    households, units, worth = (column[pairs] for column in market.pairs)
    last = np.minimum(market.leaves, market.days) - 1
    turns = np.maximum(0, (last - np.maximum(market.joins, 0)) // market.term + 1)
    found = solve(households, units, worth, market.places * turns, n_households=market.n_households)
    got = np.array(found.pairs, dtype=np.int64).reshape(-1, 2)
    chosen = pairs[np.isin(households * market.n_units + units, got[:, 0] * market.n_units + got[:, 1])]
    return outcome(market, chosen, market.first_days[chosen])


def _serve(today: Today, prices: Ints) -> None:
    """Propose to each who waits, longest first, one after the other until one accepts or none is worth its price."""
    worth, units = today.market.pairs.worth, today.market.pairs.units
    for household in today.longest_waiting_first():
        while True:
            pairs = today.open_pairs_of(household)
            best = choose(worth[pairs], prices[units[pairs]])
            if best == NOBODY or today.propose(int(pairs[best])):
                break


def _run(today: Today, prices: Ints) -> None:
    """Propose the best assignment; and to those who decline, and those who are left, the best of what is left."""
    declined = True
    while declined:
        answers = [today.propose(pair) for pair in _best(today, prices)]
        declined = not all(answers)


def _best(today: Today, prices: Ints) -> list[int]:
    """The best assignment of all open pairs by worth and waiting less price; an only option counts at any price."""
    pairs, market = today.open_pairs(), today.market
    households, units = market.pairs.households[pairs], market.pairs.units[pairs]
    weeks = (today.day - market.arrives) // WEEK
    bonus = np.minimum(weeks * USUAL.waiting_per_week, USUAL.waiting_most)
    gain = market.pairs.worth[pairs] + bonus[households] - prices[units]
    only = np.bincount(households, minlength=market.n_households)[households] == 1
    gain = np.where(only, np.maximum(gain, 1), gain)
    there = gain > 0
    found = solve(households[there], units[there], gain[there], today.available, n_households=market.n_households)
    position = {(int(market.pairs.households[one]), int(market.pairs.units[one])): int(one) for one in pairs}
    return [position[pair] for pair in found.pairs]


POLICIES: dict[str, Callable[[int], Policy]] = {
    "greedy": lambda _: greedy,
    "live_prices": lambda seed: live_prices(Prices(seed)),
    "waiting_list": lambda _: waiting_list,
    "weekly_run": lambda _: weekly_run,
    "weekly_prices": lambda seed: weekly_prices(Prices(seed, nights=1, each_night=FUTURES)),
}
