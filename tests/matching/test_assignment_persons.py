"""Capacity in persons: the best choice by brute force, a bound that holds, and a gap that is told when time is over."""

import subprocess
import sys
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs import persons
from services.matching.runs.assignment import Assignment, solve
from tests.matching.test_assignment import Problem, problems


@st.composite
def sized(draw: st.DrawFn) -> tuple[Problem, list[int], list[bool]]:
    """Any small problem with the persons of each household; units have up to 7 places, some for one household only."""
    arcs, places, n_households = draw(problems())
    places = draw(st.lists(st.integers(0, 7), min_size=len(places), max_size=len(places)))
    alone = draw(st.lists(st.booleans(), min_size=len(places), max_size=len(places)))
    sizes = draw(st.lists(st.integers(1, 4), min_size=n_households, max_size=n_households))
    return (arcs, places, n_households), sizes, alone


def solved(
    problem: Problem, sizes: list[int], alone: list[bool] | None = None, seconds: float = 60.0,
) -> Assignment:
    """The problem as `solve` sees it, with capacities in persons."""
    arcs, capacities, n_households = problem
    return solve([h for h, _ in arcs], [u for _, u in arcs], list(arcs.values()), capacities, n_households=n_households,
                 sizes=sizes, alone=None if alone is None else np.array(alone, dtype=np.bool_), seconds=seconds)


def best_of_all(problem: Problem, sizes: list[int], alone: list[bool]) -> int:
    """The best sum, by trying everything."""
    arcs, capacities, n_households = problem
    choices = [[None, *(u for h, u in arcs if h == household)] for household in range(n_households)]
    best = 0
    for choice in product(*choices):
        taken = [0] * len(capacities)
        for household, unit in enumerate(choice):
            if unit is not None:
                taken[unit] += sizes[household]
        if all(one <= places and not (single and choice.count(unit) > 1)
               for unit, (one, places, single) in enumerate(zip(taken, capacities, alone, strict=True))):
            best = max(best, sum(arcs[h, u] for h, u in enumerate(choice) if u is not None))
    return best


@settings(max_examples=60)
@given(sized())
def test_it_is_the_best_there_is(given_: tuple[Problem, list[int], list[bool]]) -> None:
    """Nobody chosen twice, nowhere more than there are places for, the sum of brute force, and a gap of 0."""
    problem, sizes, alone = given_
    arcs, capacities, _ = problem
    found = solved(problem, sizes, alone)
    taken = np.zeros(len(capacities), dtype=np.int64)
    for household, unit in found.pairs:
        taken[unit] += sizes[household]

    assert found.objective == sum(arcs[pair] for pair in found.pairs) == best_of_all(problem, sizes, alone)
    assert len({household for household, _ in found.pairs}) == len(found.pairs)
    assert (taken <= capacities).all()
    assert max(Counter(unit for _, unit in found.pairs if alone[unit]).values(), default=0) <= 1
    assert (found.bound, found.gap, found.certified) == (found.objective, 0, True)
    assert (found.unit_prices >= 0).all()


@settings(max_examples=30)
@given(problems())
def test_households_of_one_are_the_flow(problem: Problem) -> None:
    """Where everybody is one person both ways of counting are the same."""
    arcs, capacities, n_households = problem
    flow = solve([h for h, _ in arcs], [u for _, u in arcs], list(arcs.values()), capacities, n_households=n_households)

    assert solved(problem, [1] * n_households).objective == flow.objective


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_of_many_units_the_best_for_each_household_are_enough(seed: int) -> None:
    """Whether others are looked at or not: the sum is the same."""
    dice = np.random.default_rng(seed)
    arcs = {(h, u): int(dice.integers(1, 6)) for h in range(5) for u in range(25) if dice.random() < 0.8}
    problem = (arcs, dice.integers(0, 7, 25).tolist(), 5)
    sizes, alone = dice.integers(1, 5, 5).tolist(), (dice.random(25) < 0.3).tolist()
    found = solved(problem, sizes, alone)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(persons, "enough", lambda given_, _: np.arange(len(given_.units)))
        every = solved(({pair: score for pair, score in arcs.items() if sizes[pair[0]] <= problem[1][pair[1]]},
                        *problem[1:]), sizes, alone)

    assert (found.objective, found.certified) == (every.objective, True)


def test_ten_thousand_identical_units_are_no_harder_than_a_few() -> None:
    """Who is to go where could be said in more ways than anybody could look through."""
    arcs = {(h, u): 1571 for h in range(30) for u in range(10_000)}
    found = solved((arcs, [3] * 10_000, 30), [2] * 30, seconds=5)

    assert (len(found.pairs), found.objective, found.certified) == (30, 30 * 1571, True)


def test_a_large_family_gives_way_where_two_small_ones_are_worth_more() -> None:
    """Four places: a family of four for 900, or two of two for 600 each; counted in households it would be one."""
    problem = ({(0, 0): 900, (1, 0): 600, (2, 0): 600}, [4], 3)

    assert solved(problem, [4, 2, 2]).pairs == [(1, 0), (2, 0)]
    assert solved(problem, [4, 3, 2]).pairs == [(0, 0)]


def test_who_is_larger_than_any_unit_stays_without() -> None:
    """Also for a fraction of it nothing is gained: the bound stays at what can be reached."""
    found = solved(({(0, 0): 900, (1, 0): 100}, [3], 2), [5, 3])

    assert (found.pairs, found.bound, found.certified) == ([(1, 0)], 100, True)


def test_a_unit_for_one_household_has_room_for_no_second_one() -> None:
    """Eight places and two families of three: one of them, at the price of a place for the other."""
    problem = ({(0, 0): 900, (1, 0): 700}, [8], 2)
    found, both = solved(problem, [3, 3], [True]), solved(problem, [3, 3], [False])

    assert (found.pairs, found.unit_prices.tolist(), found.bound, found.certified) == ([(0, 0)], [700], 900, True)
    assert (both.pairs, both.unit_prices.tolist(), both.bound) == ([(0, 0), (1, 0)], [0], 1600)
    assert solved(problem, [9, 3], [True]).pairs == [(1, 0)]


@pytest.mark.parametrize("alone", [[True], [[True, False]], [1, 0]])
def test_who_takes_one_household_is_said_of_each_unit(alone: list[bool]) -> None:
    """With truth values only."""
    with pytest.raises(ValueError, match=r"^alone: 2 truth values are needed"):
        solve([0], [0], [1], [1, 1], n_households=1, sizes=[1], alone=alone)


def test_when_the_time_is_over_the_gap_is_told() -> None:
    """What was found until then is allowed, the bound is above it, and nothing is called proven that is not."""
    dice = np.random.default_rng(5)
    arcs = {(h, u): int(dice.integers(900, 1000)) for h in range(400) for u in range(25)}
    sizes = dice.integers(3, 9, 400).tolist()
    problem = (arcs, dice.integers(20, 60, 25).tolist(), 400)

    hurried = solved(problem, sizes, seconds=0.05)
    given_time = solved(problem, sizes, seconds=0.5)

    for found in (hurried, given_time):
        taken = np.bincount([u for _, u in found.pairs], weights=[sizes[h] for h, _ in found.pairs], minlength=25)
        assert (taken <= problem[1]).all()
        assert found.certified == (found.gap == 0)
    assert hurried.objective <= given_time.bound
    assert given_time.objective <= hurried.bound


@pytest.mark.parametrize(("sizes", "said"), [
    ([1], "sizes: 1 given, but there are 2 households"), ([1, 0], "sizes: 0 at position 1 is below 1"),
    ([1, 10_001], "sizes: 10001 at position 1 is above 10000"), ([1, 1.5], "sizes: 1.5 at position 1 has a fraction"),
])
def test_sizes_that_cannot_be_meant_are_refused(sizes: list[float], said: str) -> None:
    """The sentence begins with the argument's name."""
    with pytest.raises(ValueError, match=f"^{said}$"):
        solve([0], [0], [1], [1], n_households=2, sizes=sizes)


ALOUD = """
import os, sys
import numpy as np
from scipy import optimize
from services.matching.runs.assignment import solve

quiet = optimize.milp
def milp(*given, **named):
    os.write(1, b"noise")
    return quiet(*given, **named)

optimize.milp = milp
dice = np.random.default_rng(37)
sizes, places = dice.integers(1, 7, 10), dice.integers(2, 10, 4)
arcs = np.divmod(np.arange(40), 4)
found = solve(*arcs, dice.integers(1000, 2000, 40), places, n_households=10, sizes=sizes)
print(found.objective)
"""


def test_what_the_solver_writes_does_not_stand_in_what_is_read() -> None:
    """It goes to standard error, which the solver itself does with these numbers; what follows does not."""
    done = subprocess.run([sys.executable, "-c", ALOUD], capture_output=True, text=True, check=True)
    (told,) = done.stdout.splitlines()

    assert int(told) > 0
    assert done.stderr.startswith("noise")


def test_without_standard_output_it_computes_all_the_same() -> None:
    """As a program that was started with it closed."""
    script = "import os; os.close(1)\n" + ALOUD.replace("os.write(1", "os.write(2").replace(
        "print(found.objective)", "print(found.objective, file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert int(done.stderr.removeprefix("noise").splitlines()[-1]) > 0
