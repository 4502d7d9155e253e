"""The assignment: the best sum there is, against brute force and other solvers, and with whole inputs only."""

import importlib
import pickle
import re
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from services.matching.runs.assignment import LARGEST_SUM, Assignment, solve

SOLVERS = ("ortools", "scipy")
# Arcs as {(household, unit): score}, capacities, number of households.
Problem = tuple[dict[tuple[int, int], int], list[int], int]


@st.composite
def problems(draw: st.DrawFn, most_households: int = 6, most_units: int = 5) -> Problem:
    """Any small problem; few different scores, so that many assignments are equally good."""
    n_households, n_units = draw(st.integers(0, most_households)), draw(st.integers(0, most_units))
    score = st.one_of(st.integers(1, 4), st.integers(1, 2000))
    pairs = st.tuples(st.integers(0, max(0, n_households - 1)), st.integers(0, max(0, n_units - 1)))
    possible = bool(n_households and n_units)
    arcs = draw(st.dictionaries(pairs, score, max_size=n_households * n_units)) if possible else {}
    return arcs, draw(st.lists(st.integers(0, 3), min_size=n_units, max_size=n_units)), n_households


def solved(problem: Problem, solver: Any = "auto") -> Assignment:
    """The problem as `solve` sees it."""
    arcs, capacities, n_households = problem
    return solve(
        [h for h, _ in arcs], [u for _, u in arcs], list(arcs.values()), capacities,
        n_households=n_households, solver=solver,
    )


def brute_force(problem: Problem) -> int:
    """The best sum, by trying everything."""
    arcs, capacities, n_households = problem
    choices = [[None, *(u for h, u in arcs if h == household)] for household in range(n_households)]
    sums = [0]
    for choice in product(*choices):
        taken = [unit for unit in choice if unit is not None]
        if all(taken.count(unit) <= capacities[unit] for unit in set(taken)):
            sums.append(sum(arcs[household, unit] for household, unit in enumerate(choice) if unit is not None))
    return max(sums)


def dense_optimum(problem: Problem) -> int:
    """The best sum by SciPy over a full matrix: a column per place, and one per household for staying without."""
    arcs, capacities, n_households = problem
    columns = [unit for unit, capacity in enumerate(capacities) for _ in range(capacity)]
    matrix = np.full((n_households, len(columns) + n_households), -(10**9), dtype=np.int64)
    matrix[:, len(columns):] = 0
    for column, unit in enumerate(columns):
        for household in range(n_households):
            matrix[household, column] = arcs.get((household, unit), -(10**9))
    rows, chosen = linear_sum_assignment(matrix, maximize=True)
    return int(matrix[rows, chosen].sum())


def drawn_problem(seed: int, n_households: int, n_units: int, share: float, scores: tuple[int, int]) -> Problem:
    """A problem by seeded chance."""
    dice = np.random.default_rng(seed)
    possible = dice.random((n_households, n_units)) < share
    worth = dice.integers(*scores, size=possible.shape, endpoint=True)
    arcs = {(int(h), int(u)): int(worth[h, u]) for h, u in zip(*np.nonzero(possible), strict=True)}
    return arcs, dice.integers(0, 3, n_units, endpoint=True).tolist(), n_households


def holds(problem: Problem, found: Assignment) -> None:
    """Assert that an answer is allowed, adds up, and is proven by its prices."""
    arcs, capacities, n_households = problem
    takers = [unit for _, unit in found.pairs]
    assert set(found.pairs) <= set(arcs)
    assert len({household for household, _ in found.pairs}) == len(found.pairs)
    assert all(takers.count(unit) <= capacity for unit, capacity in enumerate(capacities))
    assert found.objective == sum(arcs[pair] for pair in found.pairs)
    prices, values = found.unit_prices.tolist(), found.household_values.tolist()
    assert len(prices) == len(capacities)
    assert len(values) == n_households
    assert all(number >= 0 for number in prices + values)
    assert all(values[h] + prices[u] >= score for (h, u), score in arcs.items())
    assert sum(p * q for p, q in zip(prices, capacities, strict=True)) + sum(values) == found.objective
    assert all(not price for unit, price in enumerate(prices) if takers.count(unit) < capacities[unit])
    assert found.certified


def test_the_example_of_the_docstring_holds() -> None:
    """The best sum is not made of the best single pairs."""
    found = solve([0, 0, 1], [0, 1, 0], [900, 850, 700], [1, 1], n_households=2)

    assert found.pairs == [(0, 1), (1, 0)]
    assert found.objective == 1550
    assert found.unit_prices.tolist() == [50, 0]
    assert found.household_values.tolist() == [850, 650]
    assert found.certified


@pytest.mark.parametrize("solver", SOLVERS)
@given(problem=problems())
@settings(max_examples=120, deadline=None)
def test_nothing_is_better_than_the_answer(solver: str, problem: Problem) -> None:
    """The sum is what brute force finds, the pairs are allowed, and the proof is an equality."""
    found = solved(problem, solver)

    assert found.objective == brute_force(problem)
    holds(problem, found)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("n_households", "n_units", "share", "scores"), [
    (80, 80, 0.1, (1, 1000)), (80, 80, 1.0, (1, 1000)), (80, 30, 0.5, (1001, 2000)), (30, 80, 0.3, (1, 3)),
    (80, 20, 0.9, (7, 7)), (61, 80, 0.05, (1, 2000)),
])
def test_scipys_dense_assignment_agrees(
    solver: str, n_households: int, n_units: int, share: float, scores: tuple[int, int],
) -> None:
    """Up to 80 x 80 with up to three places each, another solver that sees a full matrix finds the same sum."""
    for seed in range(5):
        problem = drawn_problem(seed, n_households, n_units, share, scores)
        found = solved(problem, solver)
        assert found.objective == dense_optimum(problem)
        holds(problem, found)


@given(problem=problems())
@settings(max_examples=100, deadline=None)
def test_both_solvers_name_the_same_sum_prices_and_values(problem: Problem) -> None:
    """Whichever of several best assignments is chosen, the prices are the lowest that support it: always the same."""
    one, other = (solved(problem, solver) for solver in SOLVERS)

    assert one.objective == other.objective
    assert one.unit_prices.tolist() == other.unit_prices.tolist()
    assert one.household_values.tolist() == other.household_values.tolist()


@given(problem=problems(5, 4))
@settings(max_examples=60, deadline=None)
def test_a_price_is_what_one_more_place_is_worth(problem: Problem) -> None:
    """One more place at a unit raises the best sum by exactly that unit's price."""
    arcs, capacities, n_households = problem
    found = solved(problem)

    for unit, price in enumerate(found.unit_prices.tolist()):
        more = [capacity + (other == unit) for other, capacity in enumerate(capacities)]
        assert brute_force((arcs, more, n_households)) == found.objective + price


@given(problem=problems(), more=st.integers(0, 3), dice=st.randoms())
@settings(max_examples=100, deadline=None)
def test_a_new_mentor_never_lowers_the_sum(problem: Problem, more: int, dice: Any) -> None:
    """One unit more, whomever it suits and however many it takes, cannot make the result worse."""
    arcs, capacities, n_households = problem
    suits = [household for household in range(n_households) if dice.random() < 0.6]
    new = {(household, len(capacities)): dice.randint(1, 2000) for household in suits}

    assert solved((arcs | new, [*capacities, more], n_households)).objective >= solved(problem).objective


@given(problem=problems().filter(lambda problem: problem[0]), dice=st.randoms())
@settings(max_examples=100, deadline=None)
def test_a_veto_never_raises_the_sum(problem: Problem, dice: Any) -> None:
    """A pair ruled out cannot make the result better, and is not in it."""
    arcs, capacities, n_households = problem
    vetoed = dice.choice(sorted(arcs))
    left = {pair: score for pair, score in arcs.items() if pair != vetoed}
    found = solved((left, capacities, n_households))

    assert found.objective <= solved(problem).objective
    assert vetoed not in found.pairs


@given(problem=problems(), dice=st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_of_arcs_changes_nothing(problem: Problem, dice: Any) -> None:
    """The same arcs in another order give the very same pairs, prices and values."""
    arcs, capacities, n_households = problem
    shuffled = list(arcs.items())
    dice.shuffle(shuffled)
    one, other = solved(problem), solved((dict(shuffled), capacities, n_households))

    assert one.pairs == other.pairs
    assert one.unit_prices.tolist() == other.unit_prices.tolist()


@given(problem=problems(), dice=st.randoms())
@settings(max_examples=100, deadline=None)
def test_renaming_everybody_keeps_the_sum(problem: Problem, dice: Any) -> None:
    """Households and units under other numbers reach the same sum, and prices move with their units."""
    arcs, capacities, n_households = problem
    as_household, as_unit = list(range(n_households)), list(range(len(capacities)))
    dice.shuffle(as_household)
    dice.shuffle(as_unit)
    renamed = {(as_household[h], as_unit[u]): score for (h, u), score in arcs.items()}
    moved = [0] * len(capacities)
    for unit, capacity in enumerate(capacities):
        moved[as_unit[unit]] = capacity
    one, other = solved(problem), solved((renamed, moved, n_households))

    assert one.objective == other.objective
    assert one.unit_prices.tolist() == [other.unit_prices[as_unit[unit]] for unit in range(len(capacities))]


def test_a_pair_without_an_arc_is_never_chosen() -> None:
    """Who has no possible unit stays without, however many places are free."""
    found = solve([0], [0], [1], [5, 5], n_households=3)

    assert found.pairs == [(0, 0)]
    assert found.household_values.tolist() == [1, 0, 0]


def test_nobody_is_no_problem() -> None:
    """No households, no units and no arcs are answered with nothing, and proven."""
    for solver in SOLVERS:
        for capacities, n_households in (([], 0), ([], 3), ([2, 0], 0), ([2, 0], 3)):
            found = solve([], [], [], capacities, n_households=n_households, solver=solver)  # type: ignore[arg-type]
            assert (found.pairs, found.objective, found.certified) == ([], 0, True)
            assert (len(found.unit_prices), len(found.household_values)) == (len(capacities), n_households)


def test_large_capacities_and_large_scores_stay_exact() -> None:
    """A unit with as many places as int64 can say, and scores close to the limit, are summed without rounding."""
    top = LARGEST_SUM // 6
    found = solve([0, 1, 2, 0], [0, 0, 0, 1], [top, top - 1, top - 2, top], [2**63 - 1, 1], n_households=3)

    assert found.objective == 3 * top - 3
    assert found.certified


@pytest.mark.parametrize("array", [
    lambda values: np.array(values, dtype=np.int32),
    lambda values: np.array(values, dtype=np.uint64),
    lambda values: np.array(values, dtype=np.float64),
    tuple,
])
def test_any_whole_numbers_will_do(array: Any) -> None:
    """Every integer dtype, floats without a fraction, and plain sequences mean the same."""
    found = solve(array([0, 1]), array([0, 0]), array([5, 7]), array([1]), n_households=np.int32(2))  # type: ignore[arg-type]

    assert found.pairs == [(1, 0)]
    assert found.unit_prices.dtype == found.household_values.dtype == np.int64


GOOD: dict[str, Any] = {"households": [0, 1], "units": [0, 0], "scores": [5, 7], "capacities": [1], "n_households": 2}


@pytest.mark.parametrize(("name", "value"), [
    ("households", [0, -1]), ("households", [0, 2]), ("households", [0.0, np.nan]), ("households", [0, 0]),
    ("households", [[0, 1]]), ("households", ["0", "1"]), ("households", [True, False]), ("households", None),
    ("households", [0, None]), ("households", [[0], [1, 2]]), ("households", [0, 2**70]),
    ("units", [0, 1]), ("units", [0, -1]), ("units", [0]), ("units", [0.5, 0]), ("units", [0, np.inf]),
    ("scores", [5, 0]), ("scores", [5, -7]), ("scores", [5.0, np.nan]), ("scores", [5, 6, 7]), ("scores", [5, 6.5]),
    ("scores", [5, 2**52]), ("scores", [5.0, 2.0**60]), ("scores", np.array([5, 2**63], dtype=np.uint64)),
    ("capacities", [-1]), ("capacities", [np.nan]), ("capacities", [1.5]), ("capacities", 1), ("capacities", ["1"]),
    ("n_households", -1), ("n_households", 1.5), ("n_households", "2"), ("n_households", 2**31),
    ("solver", "lapjv"),
])
def test_what_cannot_be_meant_is_refused_by_name(name: str, value: Any) -> None:
    """NaN, fractions, negative numbers, indices out of range, repeated arcs and the like: ValueError, naming which."""
    with pytest.raises(ValueError, match=rf"^{name}: "):
        solve(**(GOOD | {name: value}))


@pytest.mark.parametrize(("scores", "why"), [
    ([5, np.nan], "nan at position 1 is not a finite number"),
    ([5, 6.5], "6.5 at position 1 has a fraction"),
    ([-3, 7], "-3 at position 0 is below 1"),
    ([5], "1 given, but households has 2"),
])
def test_a_refusal_says_what_is_wrong_and_where(scores: list[float], why: str) -> None:
    """The sentence names the value and its position, so that a long array need not be searched."""
    with pytest.raises(ValueError, match=f"^scores: {re.escape(why)}$"):
        solve(**(GOOD | {"scores": scores}))


def test_without_or_tools_scipy_solves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OR-tools is not installed the same optimum comes with the same proof; asking for it by name is told."""
    really = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name.startswith("ortools"):
            raise ImportError(name)
        return really(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    problem = drawn_problem(3, 30, 20, 0.4, (1, 50))
    found = solved(problem)

    assert found.solver.startswith("scipy ")
    assert found.objective == dense_optimum(problem)
    holds(problem, found)
    with pytest.raises(ImportError):
        solved(problem, "ortools")


def test_an_answer_names_its_solver_and_travels_between_processes() -> None:
    """What a worker process returns can be pickled, and says which solver computed it."""
    found = solve([0], [0], [3], [1], n_households=1)
    copy = pickle.loads(pickle.dumps(found))

    assert copy.solver == found.solver
    assert copy.solver.startswith("ortools 9.")
    assert copy.pairs == [(0, 0)]


@pytest.mark.slow
def test_large_problems_are_proven_too() -> None:
    """Thousands on each side, scarce and plenty, close together in worth: the certificate is an equality."""
    dice = np.random.default_rng(7)
    sizes = ((7000, 10_000, (1, 1000)), (10_000, 6000, (1001, 1050)), (9000, 3000, (1, 1)))
    for n_households, n_units, scores in sizes:
        keys = np.unique(dice.integers(0, n_households * n_units, 400_000))
        worth = dice.integers(*scores, size=len(keys), endpoint=True)
        places = dice.integers(0, 3, n_units, endpoint=True)
        found = solve(keys // n_units, keys % n_units, worth, places, n_households=n_households)
        assert found.certified
