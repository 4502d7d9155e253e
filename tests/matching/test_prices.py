"""Prices for those who are yet to come: what a place less would cost, nothing where places are plenty."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.matching.runs import graph, prices
from services.matching.runs.assignment import solve
from services.matching.runs.batch import Inputs
from services.matching.runs.certificate import Arcs, certify, highest_prices, household_values
from services.matching.runs.columns import Side
from services.matching.runs.pool import ALL_SLOTS, Household, Rules, Unit
from services.matching.runs.prices import APART, HORIZON, NOBODY, choose, future_prices, with_more
from tests.matching.pools import EISLEBEN, HAVELBERG, a_household, a_unit, pools
from tests.matching.test_assignment import Problem, problems


def best(problem: Problem) -> tuple[Arcs, np.ndarray]:
    """The problem's arcs, and which of them make a best assignment."""
    arcs, capacities, n_households = problem
    pairs = sorted(arcs)
    columns = np.array([(*pair, arcs[pair]) for pair in pairs], dtype=np.int64).reshape(-1, 3).T
    given = Arcs(columns[0], columns[1], columns[2], np.array(capacities, dtype=np.int64), n_households)
    found = solve(given.households, given.units, given.scores, given.capacities, n_households=n_households)
    return given, np.array([pair in found.pairs for pair in pairs], dtype=np.bool_)


@settings(max_examples=200, deadline=None)
@given(problems())
def test_the_highest_price_is_what_one_place_less_would_cost(problem: Problem) -> None:
    """Exactly, for every unit that has a place; and prices and values prove the assignment best."""
    arcs, chosen = best(problem)
    prices = highest_prices(arcs, chosen)
    objective = int(arcs.scores[chosen].sum())

    assert certify(arcs, chosen, prices, household_values(arcs, prices))
    for unit in np.flatnonzero(arcs.capacities > 0):
        fewer = arcs.capacities.copy()
        fewer[unit] -= 1
        less = solve(arcs.households, arcs.units, arcs.scores, fewer, n_households=arcs.n_households).objective
        assert prices[unit] == objective - less


def priced(units: list[Unit], past: list[Household], expected: int, seed: int = 1) -> list[int]:
    """Prices by the usual rules."""
    found: list[int] = future_prices(*sides(units, past), Rules(), expected=expected, seed=seed).tolist()
    return found


def sides(units: list[Unit], past: list[Household]) -> tuple[Side, Side]:
    """Both as columns."""
    return Side.of(Unit, units), Side.of(Household, past)


def test_a_place_that_others_need_has_a_price() -> None:
    """The only one nearby is worth a whole pair to those who will come; one that nobody can reach is worth nothing."""
    near, far = a_unit(1, point=EISLEBEN), a_unit(2, point=HAVELBERG, radius_km=5)
    price, nothing = priced([near, far], [a_household()], expected=3)

    assert 1001 <= price <= 2000
    assert nothing == 0


def test_who_is_not_there_when_others_come_costs_nothing() -> None:
    """A place is dear only as long as somebody new is wanted: the fewer days, the less is taken from anybody."""
    near, past = a_unit(1, point=EISLEBEN), [a_household()]
    found = [future_prices(*sides([near], past), Rules(), expected=3, seed=1, days_left=[days])[0]
             for days in (0, 1, 20, 60, HORIZON, 10 * HORIZON)]

    assert found == sorted(found)
    assert (found[0], found[-2], found[-1]) == (0, *[priced([near], past, expected=3)[0]] * 2)
    assert found[0] < found[2] < found[-1]


@settings(max_examples=30, deadline=None)
@given(expected=st.integers(0, 6), more=st.integers(0, 3), seed=st.integers(0, 9))
def test_where_places_are_plenty_they_cost_nothing(expected: int, more: int, seed: int) -> None:
    """More places that are equally good than households are expected: nobody takes anything from anybody."""
    units = [a_unit(number) for number in range(expected + more + 1)]

    assert priced(units, [a_household(1), a_household(2)], expected, seed) == [0] * len(units)


@pytest.mark.parametrize(("past", "expected", "days"), [
    ([], 5, 100), ([a_household()], 0, 100), ([a_household()], 5, 0)])
def test_without_a_past_or_a_future_there_are_no_prices(past: list[Household], expected: int, days: int) -> None:
    """Nobody came before, nobody is expected, or the unit leaves today."""
    found = future_prices(*sides([a_unit()], past), Rules(), expected=expected, seed=1, days_left=[days])

    assert found.tolist() == [0]


def test_the_same_seed_gives_the_same_prices() -> None:
    """Another one may give others; who is there for longer is worth no less."""
    units = [a_unit(1), a_unit(2, languages={"ar": "C2"}), a_unit(3, slots=0b11)]
    past = [a_household(1), a_household(2, languages={"ar": "B1"}), a_household(3, slots=0b1110)]
    long, short = (
        future_prices(*sides(units, past), Rules(), expected=3, seed=5, days_left=[days] * 3) for days in (182, 20))

    assert priced(units, past, 3, 5) == priced(units, past, 3, 5) == long.tolist()
    assert len({tuple(priced(units, past, 3, seed)) for seed in range(8)}) > 1
    assert long.sum() > short.sum()


def test_of_more_pairs_than_memory_holds_the_best_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prices are those of a pool without the others: whom each household would have least of all costs nothing."""
    units = [a_unit(number, slots=(1 << number + 3) - 1) for number in range(6)]
    past = [a_household(1, slots=ALL_SLOTS), a_household(2, slots=ALL_SLOTS)]
    monkeypatch.setattr(graph, "MOST_IN_MEMORY", 3)
    monkeypatch.setattr(graph, "KEPT_OF_LARGE", 2)
    found = priced(units, past, 12)

    assert found[:4] == [0] * 4
    assert min(found[4:]) > 0
    assert found[4:] == priced(units[4:], past, 12)


@settings(max_examples=50, deadline=None)
@given(pools(most_households=8), st.data())
def test_others_are_put_together_from_those_who_came(given_: Inputs, data: st.DataObject) -> None:
    """Each is one of them in most, and in what is drawn apart, each group as a whole, like somebody of the past."""
    people = [*given_.households]
    past = data.draw(st.lists(st.sampled_from(range(len(people))), unique=True)) if people else []
    side = Side.of(Household, people)
    more = with_more(side, np.array(past, dtype=np.int64), np.random.default_rng(1)).people(Household)

    assert more[:len(people)] == people
    assert len(more) == len(people) * (6 if past else 1)
    for place, one in enumerate(more[len(people):]):
        own = people[place % len(people)]
        assert replace(one, **{name: getattr(own, name) for group in APART for name in group}) == own
        for group in APART:
            having = [tuple(getattr(people[other], name) for name in group) for other in past]
            assert tuple(getattr(one, name) for name in group) in having


@pytest.mark.parametrize(("came", "drawn_from"), [(0, 0), (1, 6), (1_200, 7_200), (1_201, 6_005), (3_001, 6_002),
                                                  (6_001, 6_001)])
def test_the_more_came_the_fewer_are_put_together(came: int, drawn_from: int) -> None:
    """Five of each at most, none where 6,000 came: what prices cost stays the same."""
    side = Side.of(Household, [a_household(number) for number in range(came)])

    assert len(with_more(side, np.arange(came), np.random.default_rng(1))) == drawn_from


def test_who_is_put_together_moves_prices() -> None:
    """Who came had time on one day and needed something there, or another day: others may need it on both."""
    units = [a_unit(number, offers=frozenset({"school"}), slots=0b1111) for number in range(2)]
    past = [a_household(1, slots=0b0011, must_haves=frozenset({"school"})), a_household(2, slots=0b1100)]
    found = with_more(Side.of(Household, past), np.arange(2), np.random.default_rng(2)).people(Household)

    assert {(one.slots, bool(one.must_haves)) for one in found} == {
        (slots, needs) for slots in (0b0011, 0b1100) for needs in (True, False)}
    assert all(price > 0 for price in priced(units, past, 40))


@pytest.mark.parametrize(("worth", "prices", "chosen"), [
    ([], [], NOBODY),
    ([1500], [1900], 0),
    ([1500, 1500], [0, 0], 0),
    ([1500, 1400], [200, 0], 1),
    ([1500, 1400], [1600, 1400], NOBODY),
    ([1500, 1400], [1600, 1399], 1),
])
def test_the_greatest_worth_less_its_price_is_chosen(worth: list[int], prices: list[int], chosen: int) -> None:
    """The only option is taken whatever its price; otherwise nobody where others need each of them more."""
    assert choose(np.array(worth, dtype=np.int64), np.array(prices, dtype=np.int64)) == chosen


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pools(most_units=6, most_households=6), st.integers(1, 6))
def test_prices_do_not_depend_on_how_many_futures_are_solved_at_once(
    monkeypatch: pytest.MonkeyPatch, given_: Inputs, expected: int,
) -> None:
    """All side by side, or one after the other where memory is short: the same numbers."""
    units, past = [*given_.units], [*given_.households]
    together = priced(units, past, expected)
    with monkeypatch.context() as short:
        short.setattr(prices, "MOST_PAIRS", 1)
        assert priced(units, past, expected) == together
