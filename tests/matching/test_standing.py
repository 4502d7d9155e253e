"""A best assignment that is kept best while people come: the same sum as a whole run, proven each time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs.assignment import solve
from services.matching.runs.standing import Standing
from tests.matching.test_assignment import Problem, problems

SCORES = st.one_of(st.integers(1, 4), st.integers(1, 2000))


def standing_of(problem: Problem) -> Standing:
    """The problem as it is in the beginning."""
    arcs, capacities, n_households = problem
    return Standing([h for h, _ in arcs], [u for _, u in arcs], list(arcs.values()), capacities,
                    n_households=n_households)


def optimum(problem: Problem) -> int:
    """The best sum by a whole run."""
    arcs, capacities, n_households = problem
    return solve([h for h, _ in arcs], [u for _, u in arcs], list(arcs.values()), capacities,
                 n_households=n_households).objective


@settings(max_examples=150)
@given(problems(), st.data())
def test_whoever_comes_it_stays_the_best(problem: Problem, data: st.DataObject) -> None:
    """Households and units join in any order: after each the sum is that of a whole run, and proven."""
    arcs, capacities, n_households = problem
    standing = standing_of(problem)
    for _ in range(data.draw(st.integers(1, 5))):
        if data.draw(st.booleans()):
            options = data.draw(st.dictionaries(st.integers(0, len(capacities) - 1), SCORES)) if capacities else {}
            index = standing.add_household(list(options), list(options.values()))
            assert index == n_households
            arcs |= {(index, unit): score for unit, score in options.items()}
            n_households += 1
        else:
            options = data.draw(st.dictionaries(st.integers(0, n_households - 1), SCORES)) if n_households else {}
            index = standing.add_unit(list(options), list(options.values()))
            assert index == len(capacities)
            arcs |= {(household, index): score for household, score in options.items()}
            capacities = [*capacities, 1]
        assert standing.objective == optimum((arcs, capacities, n_households))
        assert standing.objective == sum(arcs[pair] for pair in standing.pairs)
        assert standing.holds()


def test_one_makes_room_for_another() -> None:
    """The new household is best with the mentor of the first, who goes to the second's, who goes to a free one."""
    standing = standing_of(({(0, 0): 900, (0, 1): 890, (1, 1): 900, (1, 2): 890}, [1, 1, 1], 2))
    assert standing.pairs == [(0, 0), (1, 1)]

    standing.add_household([0], [500])

    assert standing.pairs == [(0, 1), (1, 2), (2, 0)]


def test_who_gains_least_goes_without() -> None:
    """One place, two households: the new one takes it when it is worth more, and else stays without."""
    standing = standing_of(({(0, 0): 500}, [1], 1))
    standing.add_household([0], [400])
    assert standing.pairs == [(0, 0)]
    standing.add_household([0], [600])
    assert standing.pairs == [(2, 0)]


def test_many_come_one_after_the_other() -> None:
    """Three hundred of each side, one by one: the same as all at once."""
    dice = np.random.default_rng(3)
    standing = Standing([], [], [], [], n_households=0)
    arcs: dict[tuple[int, int], int] = {}
    for number in range(300):
        near = dice.choice(number, min(number, 12), replace=False).tolist() if number else []
        worth = dice.integers(1, 1000, len(near)).tolist()
        household = standing.add_household(near, worth)
        arcs |= {(household, unit): score for unit, score in zip(near, worth, strict=True)}
        near = dice.choice(number + 1, min(number + 1, 12), replace=False).tolist()
        worth = dice.integers(1, 1000, len(near)).tolist()
        unit = standing.add_unit(near, worth)
        arcs |= {(one, unit): score for one, score in zip(near, worth, strict=True)}

    assert standing.objective == optimum((arcs, [1] * 300, 300))
    assert standing.holds()


@pytest.mark.parametrize(("units", "scores"), [([0], [0]), ([0], [1, 2]), ([0, 0], [1, 2]), ([1], [5]), ([-1], [5])])
def test_who_cannot_be_had_is_refused(units: list[int], scores: list[int]) -> None:
    """Nothing has changed afterwards."""
    standing = standing_of(({(0, 0): 500}, [1], 1))

    with pytest.raises(ValueError, match=r"^(scores|others): "):
        standing.add_household(units, scores)
    assert standing.holds()
    assert standing.add_household([0], [501]) == 1
