"""The certificate: it holds for a best assignment and for nothing else."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs.certificate import Arcs, Bools, certify, household_values, lowest_prices


def arcs_of(scores: dict[tuple[int, int], int], capacities: list[int], n_households: int) -> Arcs:
    """Arcs as the certificate takes them."""
    pairs = np.array(sorted(scores), dtype=np.int64).reshape(-1, 2)
    worth = np.array([scores[pair] for pair in sorted(scores)], dtype=np.int64)
    return Arcs(pairs[:, 0], pairs[:, 1], worth, np.array(capacities, dtype=np.int64), n_households)


@st.composite
def problems(draw: st.DrawFn) -> Arcs:
    """A small problem with few different scores."""
    n_households, n_units = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    pairs = st.tuples(st.integers(0, n_households - 1), st.integers(0, n_units - 1))
    scores = draw(st.dictionaries(pairs, st.integers(1, 6), max_size=9))
    return arcs_of(scores, draw(st.lists(st.integers(0, 2), min_size=n_units, max_size=n_units)), n_households)


def choices(arcs: Arcs) -> list[Bools]:
    """Every choice of arcs that households and capacities allow."""
    every = (np.array(taken, dtype=np.bool_) for taken in product((False, True), repeat=len(arcs.units)))
    return [chosen for chosen in every if is_allowed(arcs, chosen)]


def is_allowed(arcs: Arcs, chosen: Bools) -> bool:
    """Whether nobody is chosen twice and no unit too often."""
    once = len(set(arcs.households[chosen].tolist())) == chosen.sum()
    return once and bool((np.bincount(arcs.units[chosen], minlength=arcs.n_units) <= arcs.capacities).all())


def is_certified(arcs: Arcs, chosen: Bools) -> bool:
    """What the certificate says of this choice, with the prices found for it."""
    prices = lowest_prices(arcs, chosen)
    return certify(arcs, chosen, prices, household_values(arcs, prices))


@given(arcs=problems())
@settings(max_examples=60, deadline=None)
def test_exactly_the_best_choices_are_certified(arcs: Arcs) -> None:
    """Of all allowed choices those with the best sum are proven, and no other is."""
    allowed = choices(arcs)
    best = max(int(arcs.scores[chosen].sum()) for chosen in allowed)

    for chosen in allowed:
        assert is_certified(arcs, chosen) == (int(arcs.scores[chosen].sum()) == best)


@given(arcs=problems())
@settings(max_examples=60, deadline=None)
def test_every_best_choice_has_the_same_prices(arcs: Arcs) -> None:
    """The lowest prices belong to the problem, not to the choice."""
    allowed = choices(arcs)
    best = max(int(arcs.scores[chosen].sum()) for chosen in allowed)
    prices = {tuple(lowest_prices(arcs, chosen)) for chosen in allowed if arcs.scores[chosen].sum() == best}

    assert len(prices) == 1


SCORES = {(0, 0): 9, (0, 1): 4, (1, 0): 7, (1, 1): 3}
SECOND_BEST = [False, True, True, False]


@pytest.mark.parametrize(("capacities", "chosen", "prices", "values", "proven"), [
    ([1, 1], SECOND_BEST, [4, 0], [5, 3], False),  # the bound is 12, the sum 11
    ([1, 1], SECOND_BEST, [4, -1], [5, 3], False),  # a price below nothing
    ([1, 1], SECOND_BEST, [5, 0], [4, 2], False),  # pair (1, 1) is worth more than its price and value
    ([1, 1], [True, False, False, True], [5, 0], [4, 3], True),
    ([1, 1], [True, True, False, False], [9, 4], [0, 0], False),  # household 0 twice; else it would hold
    ([1, 1], [True, False, True, False], [0, 0], [9, 7], False),  # one place given twice; else it would hold
    ([2, 1], [True, False, True, False], [0, 0], [9, 7], True),
    ([3, 1], [True, False, True, False], [2, 0], [7, 5], False),  # a price where a place is free
])
def test_a_false_proof_is_refused(
    capacities: list[int], chosen: list[bool], prices: list[int], values: list[int], proven: bool,
) -> None:
    """Each condition of the proof is checked: whoever hands in wrong prices, values or pairs is not believed."""
    arcs = arcs_of(SCORES, capacities, 2)

    assert certify(arcs, np.array(chosen), np.array(prices), np.array(values)) is proven
