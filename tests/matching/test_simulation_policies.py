"""Policies over a year: what none of them ever does, what hindsight bounds, and what looking ahead is worth."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from services.matching.simulation.market import Market, as_in_service, large_places, thin_market
from services.matching.simulation.policies import POLICIES, greedy, hindsight, waiting_list, weekly_run
from services.matching.simulation.year import Played, Policy, play
from tests.matching.markets import a_market, markets


def broken(market: Market, played: Played) -> list[str]:
    """What in this year must not have happened."""
    households, units, _ = market.pairs
    found = []
    held: Counter[tuple[int, int]] = Counter()
    for pair, day in zip(played.pairs.tolist(), played.days.tolist(), strict=True):
        household, unit = int(households[pair]), int(units[pair])
        if not market.arrives[household] <= day < market.departs[household]:
            found.append(f"household {household} was not there on day {day}")
        if not market.joins[unit] <= day < market.leaves[unit]:
            found.append(f"unit {unit} was not there on day {day}")
        if market.declines[pair]:
            found.append(f"{household} and {unit} declined")
        held.update((unit, later) for later in range(day, min(day + market.term, market.days)))
    found += [f"unit {unit} has {count} on day {day}" for (unit, day), count in held.items()
              if count > market.places[unit]]
    twice = [household for household, times in Counter(households[played.pairs].tolist()).items() if times > 1]
    return found + [f"household {household} was matched twice" for household in twice]


@pytest.mark.parametrize("name", POLICIES)
@settings(max_examples=25, deadline=None)
@given(market=markets())
def test_no_policy_breaks_a_rule_or_passes_hindsight(name: str, market: Market) -> None:
    """Nobody before arrival or after departure, no place twice, no declined pair; never more than hindsight."""
    played = play(market, POLICIES[name](1))

    assert broken(market, played) == []
    assert played.worth <= hindsight(market).worth
    assert played.worth == sum(int(market.pairs.worth[pair]) for pair in played.pairs)
    assert len(played.waits) == played.matched
    assert (played.waits >= 0).all()


@settings(max_examples=60, deadline=None)
@given(market=markets())
def test_hindsight_can_be_lived_where_tandems_last(market: Market) -> None:
    """With terms as long as the year it is no bound but a year that keeps every rule."""
    if market.term >= market.days:
        assert broken(market, hindsight(market)) == []


def test_a_broken_year_is_found() -> None:
    """Too early, too late, full, declined and twice: the check of the test above sees each."""
    market = a_market({(0, 0): 5, (1, 0): 5, (1, 1): 5}, arrives=[3, 0], departs=[5, 9], joins=[0, 4], leaves=[9, 9],
                      places=[1, 1], declines=frozenset({(1, 1)}), days=9, term=9)
    year = Played(np.array([0, 1, 2]), np.array([2, 2, 3]), 15, np.zeros(3, dtype=np.int64))

    for part in ("household 0 was not there on day 2", "unit 1 was not there on day 3", "1 and 1 declined",
                 "unit 0 has 2 on day 2", "household 1 was matched twice"):
        assert part in broken(market, year)


SCARCE = a_market({(0, 0): 1900, (0, 1): 1800, (1, 0): 1500}, arrives=[0, 1], departs=[9, 9], joins=[0, 0],
                  leaves=[9, 9], places=[1, 1], days=9, term=9)


def test_hindsight_keeps_the_place_that_another_needs() -> None:
    """Greedy gives the first the best place, and the second, who has no other, goes without; a run does not."""
    assert play(SCARCE, greedy).worth == 1900
    assert hindsight(SCARCE).worth == 1800 + 1500
    together = a_market({(0, 0): 1900, (0, 1): 1800, (1, 0): 1500}, arrives=[-1, 0], departs=[9, 9], joins=[0, 0],
                        leaves=[9, 9], places=[1, 1], days=9, term=9)
    assert play(together, weekly_run).worth == hindsight(together).worth
    assert play(together, waiting_list).worth == 1900


@pytest.mark.parametrize("name", POLICIES)
def test_an_only_option_is_taken(name: str) -> None:
    """Whoever has one place to go gets it, although better ones will come for it, as they did before."""
    past = range(1, 30)
    worth = {(0, 0): 1001} | {(number, 0): 2000 for number in past}
    market = a_market(worth, arrives=[0, *(-number for number in past)], departs=[9, *(0 for _ in past)], joins=[0],
                      leaves=[300], places=[1])

    assert play(market, POLICIES[name](1)).matched == 1


def test_live_prices_keep_a_place_for_those_who_have_no_other() -> None:
    """Households with one option came again and again: so the one with two gets the place that they cannot have."""
    past = range(2, 60)
    worth = {(0, 0): 1900, (0, 1): 1800, (1, 0): 1500} | {(number, 0): 1500 for number in past}
    market = a_market(worth, arrives=[0, 1, *(-number for number in past)], departs=[9, 9, *(0 for _ in past)],
                      joins=[0, 0], leaves=[300, 300], places=[1, 1])

    assert play(market, greedy).worth == 1900
    assert play(market, POLICIES["live_prices"](1)).worth == hindsight(market).worth == 1800 + 1500


def test_prices_foresee_only_what_was_told() -> None:
    """A place of today costs nothing, unless nobody has told that it is gone tomorrow; then the other one is given."""
    past = range(1, 8)
    worth = {(0, 0): 1900, (0, 1): 1800} | {(number, 0): 1500 for number in past}
    known = a_market(worth, arrives=[0, *(-40 * number for number in past)], departs=[9, *(0 for _ in past)],
                     joins=[0, 0], leaves=[1, 300], places=[1, 1])
    told, untold = (as_in_service(lambda: known, percent, 1) for percent in (100, 0))
    chosen = [play(market, POLICIES["live_prices"](1)).worth for market in (known, told, untold)]

    assert chosen == [1900, 1900, 1800]
    assert [market.told.sum() for market in (told, untold) if market.told is not None] == [2, 0]


def test_the_service_knows_of_no_end_of_the_year() -> None:
    """Whoever simulates knows that nobody counts after it; who has told no day is there for all of the horizon."""
    known = a_market({(0, 0): 1000}, arrives=[0], departs=[9], joins=[0], leaves=[300], places=[1])
    horizon, left = known.foreseen(360, 182)
    assert (horizon, left.tolist()) == (4, [-60])
    told, untold = (as_in_service(lambda: known, percent, 1).foreseen(200, 182) for percent in (100, 0))

    assert (told[0], told[1].tolist()) == (182, [100])
    assert (untold[0], untold[1].tolist()) == (182, [182])


def test_who_declines_gets_the_next_best() -> None:
    """On the same day; and the pair does not come back."""
    market = a_market({(0, 0): 1900, (0, 1): 1800}, arrives=[0], departs=[30], joins=[0, 0], leaves=[30, 30],
                      places=[1, 1], declines=frozenset({(0, 0)}), days=30)

    assert [play(market, policy(1)).days.tolist() for policy in POLICIES.values()] == [[0]] * len(POLICIES)
    assert hindsight(market).worth == 1800


def test_a_place_comes_back_after_the_term() -> None:
    """Two households after one another with one mentor; hindsight counts the place twice."""
    market = a_market({(0, 0): 1500, (1, 0): 1600}, arrives=[0, 0], departs=[20, 20], joins=[0], leaves=[20],
                      places=[1], days=20, term=10)

    assert play(market, greedy).days.tolist() == [0, 10]
    assert play(market, greedy).worth == hindsight(market).worth


@pytest.mark.parametrize("make", [
    lambda: replace(thin_market(3, 60, 50), days=90), lambda: replace(large_places(3, 60, 4), days=60)])
def test_the_same_seed_plays_the_same_year(make: Callable[[], Market]) -> None:
    """Market and policies; and no policy breaks a rule in a market like those that are measured."""
    for name, policy in POLICIES.items():
        one, other = play(make(), policy(7)), play(make(), policy(7))
        assert one.pairs.tolist() == other.pairs.tolist(), name
        assert one.days.tolist() == other.days.tolist(), name
        assert broken(make(), one) == [], name


def test_who_is_drawn_is_like_somebody_who_came() -> None:
    """Nobody who is yet to come, and nobody put together from them; who came in the year before is the larger part."""
    market = thin_market(3, 60, 50)
    pairs, like = market.may_come
    own = pairs.households < market.n_households

    assert [pairs.households[own].tolist(), pairs.units[own].tolist(), pairs.worth[own].tolist()] == [
        column.tolist() for column in market.pairs]
    for day in (0, 100, 364):
        drawn, _ = market.arrivals_before(day)
        came = np.flatnonzero(market.arrives < day)
        assert sorted(like[drawn].tolist()) == sorted([*came] * 6)


def test_without_anybody_a_year_passes() -> None:
    """No households, no units: nothing happens, and nothing fails."""
    empty = a_market({}, arrives=[], departs=[], joins=[], leaves=[], places=[], days=8)
    policies: list[Policy] = [policy(1) for policy in POLICIES.values()]

    assert [play(empty, policy).matched for policy in policies] == [0] * len(policies)
    assert hindsight(empty).waited(50) == 0
