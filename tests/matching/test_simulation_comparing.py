"""Policies held against one another over several years: shares of hindsight, spread, and goals."""

from dataclasses import replace
from functools import partial

import pytest

from services.matching.simulation.comparing import HINDSIGHT, Goal, Line, Reached, compare
from services.matching.simulation.market import Market, thin_market
from services.matching.simulation.policies import POLICIES
from tests.matching.markets import a_market


def in_turn(seed: int) -> Market:
    """A small market of the seed, and only two months of it."""
    return replace(thin_market(seed, 40, 30), days=60)


def test_every_policy_has_a_line_and_hindsight_the_last() -> None:
    """Means over the years; hindsight is all of itself, and nothing else is more."""
    told: list[str] = []
    lines = compare({1: lambda: in_turn(1), 2: lambda: in_turn(2)}, tell=told.append)

    assert [line.policy for line in lines] == [*POLICIES, HINDSIGHT]
    assert (lines[-1].share, lines[-1].spread) == (1.0, 0.0)
    assert all(0 < (line.share or 0) <= 1 for line in lines)
    assert all((line.waited_half or 0) <= (line.waited_most or 0) for line in lines)
    alone = [compare({seed: partial(in_turn, seed)})[0].matched for seed in (1, 2)]
    assert lines[0].matched == sum(alone) / 2
    assert told[0] == "year 1 of 2: who suits whom"
    assert len(told) == 2 * (1 + len(POLICIES))


def test_the_same_seeds_give_the_same_lines() -> None:
    """Whoever repeats a comparison reads the same figures."""
    assert compare({4: lambda: in_turn(4)}) == compare({4: lambda: in_turn(4)})


@pytest.mark.timeout(120)
def test_two_processes_find_what_one_finds() -> None:
    """The same figures to the last digit, year by year in the same order; told is how many years are done."""
    told: list[str] = []
    years = {seed: partial(in_turn, seed) for seed in (3, 1, 2)}

    assert compare(years, processes=2, tell=told.append) == compare(years)
    assert told == ["3 years, 2 at once", *(f"{done} of 3 years, 2 at once" for done in (1, 2, 3))]


def test_where_nobody_can_be_matched_no_policy_has_a_share() -> None:
    """Nothing of nothing is no share; beside a year in which somebody can be, that one alone counts."""
    nobody = a_market({}, arrives=[0], departs=[9], joins=[], leaves=[], places=[], days=5)

    somebody = a_market({(0, 0): 900}, arrives=[0], departs=[9], joins=[0], leaves=[9], places=[1], days=5)

    assert {(line.share, line.waited_half, line.waited_most) for line in compare({1: lambda: nobody})} == {
        (None, None, None)}
    (*_, best) = compare({1: lambda: nobody, 2: lambda: somebody})
    assert (best.share, best.matched, best.waited_half) == (1.0, 0.5, 0)


def test_a_goal_is_a_share_or_a_lead() -> None:
    """The lead is the difference between two shares."""
    lines = {name: Line(name, 1, 1, shares, 0, 0)
             for name, shares in (("greedy", (0.7, 0.9)), ("live_prices", (0.8, 0.94)))}

    assert Goal("Q", "live_prices", 0.9).reached(lines) == pytest.approx((0.87, 0.07))
    assert Goal("Q", "live_prices", 0.03, "greedy").reached(lines) == pytest.approx((0.07, 0.03))


@pytest.mark.parametrize(("reached", "is_open"), [
    ((0.05, 0.009), False), ((0.05, 0.011), True), ((0.01, 0.011), True), ((0.01, 0.009), False), ((0.5, None), True)])
def test_what_is_near_its_goal_is_open(reached: tuple[float, float | None], *, is_open: bool) -> None:
    """Above or below it by less than two standard errors, or one year only."""
    assert Reached(*reached).is_open(0.03) is is_open


def test_one_year_tells_nothing_of_chance() -> None:
    """Neither a spread nor an error."""
    line = Line("greedy", 1, 1, (0.8,), 0, 0)

    assert line.spread == 0.0
    assert Goal("Q", "greedy", 0.9).reached({"greedy": line}) == (0.8, None)


