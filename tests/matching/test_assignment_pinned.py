"""Pairs that somebody wants, or rules out: kept whatever else were better, and the best of all that keep them."""

import pickle
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs.batch import Inputs, NotToBePinned, run
from services.matching.runs.hard import HardCode
from services.matching.runs.pool import Rules
from tests.matching.pools import a_household, a_unit, inputs, pools
from tests.matching.test_assignment_run import worth


def best_with(given_: Inputs) -> int:
    """The best sum of all that hold the pinned pairs and none of the forbidden, by trying everything."""
    wanted = dict(given_.pinned)
    choices = []
    for household in given_.households:
        options = [(unit, value) for unit in given_.units if (value := worth(given_, household, unit)) is not None
                   and (household.id, unit.id) not in given_.forbidden]
        pinned = [one for one in options if one[0].id == wanted.get(household.id)]
        choices.append(pinned if household.id in wanted else [(None, 0), *options])
    best = 0
    for choice in product(*choices):
        taken = [unit for unit, _ in choice if unit]
        if all(taken.count(unit) <= unit.free for unit in taken):
            best = max(best, sum(value for _, value in choice))
    return best


@given(given_=pools(4, 4), data=st.data())
@settings(max_examples=80, deadline=None)
def test_what_is_wanted_is_kept_and_the_rest_is_the_best(given_: Inputs, data: st.DataObject) -> None:
    """Some of what a run proposed pinned, some ruled out: the outcome holds it, and is the best of all that do."""
    pairs = [(one.household, one.unit) for one in run(given_).proposals]
    marks = data.draw(st.lists(st.sampled_from(("pinned", "forbidden", "")), min_size=len(pairs), max_size=len(pairs)))
    chosen: dict[str, Any] = {
        name: frozenset(pair for pair, mark in zip(pairs, marks, strict=True) if mark == name)
        for name in ("pinned", "forbidden")}
    changed = replace(given_, **chosen)

    outcome = run(changed)
    proposed = {(one.household, one.unit): one for one in outcome.proposals}
    assert changed.pinned <= set(proposed)
    assert not changed.forbidden & set(proposed)
    assert {pair for pair, one in proposed.items() if one.pinned} == changed.pinned
    assert outcome.objective == best_with(changed) == sum(one.worth for one in outcome.proposals) == outcome.bound
    assert outcome.certified


def test_a_pinned_pair_costs_others_theirs() -> None:
    """One place, and somebody wants it for the household that is worth less there."""
    better, other = a_household(1, interests=frozenset({"music"})), a_household(2, languages={"de": "A2"})
    unit = a_unit(1, interests=frozenset({"music"}))
    free = inputs([better, other], [unit])
    pinned = replace(free, pinned=frozenset({(other.id, unit.id)}))

    assert [one.household for one in run(free).proposals] == [better.id]
    (proposal,) = run(pinned).proposals
    assert (proposal.household, proposal.pinned, proposal.next_best) == (other.id, True, None)


@pytest.mark.parametrize(("unit", "codes"), [
    (a_unit(1, paused=True), (HardCode.PAUSED,)), (a_unit(1, free=0), (HardCode.NO_PLACE_FREE,)),
    (a_unit(2), ()),
])
def test_what_cannot_be_is_refused_with_its_codes(unit: Any, codes: tuple[HardCode, ...]) -> None:
    """A pair that a hard constraint forbids, or of which one is not in the pool; also across processes."""
    wanted = replace(inputs([a_household(1)], [unit]), pinned=frozenset({(a_household(1).id, a_unit(1).id)}))

    with pytest.raises(NotToBePinned) as raised:
        run(wanted)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.pair, again.codes) == ((a_household(1).id, a_unit(1).id), codes)


def test_a_unit_has_places_for_all_who_are_pinned_to_it() -> None:
    """Two on one place are refused; and one household with two units is, too."""
    one, two, unit, other = a_household(1), a_household(2), a_unit(1), a_unit(2)
    for pairs in ({(one.id, unit.id), (two.id, unit.id)}, {(one.id, unit.id), (one.id, other.id)}):
        with pytest.raises(NotToBePinned, match="no_place_free"):
            run(replace(inputs([one, two], [unit, other], Rules()), pinned=frozenset(pairs)))
