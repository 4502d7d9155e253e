"""Pairs that somebody wants, or rules out: kept whatever else were better, and the best of all that keep them."""

import pickle
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs.assignment import solve
from services.matching.runs.batch import Inputs, NotToBePinned, run
from services.matching.runs.explanation import besides, what_is_missing
from services.matching.runs.hard import HardCode, places_taken
from services.matching.runs.outcome import NextBest, Outcome
from services.matching.runs.pool import Rules, Unit
from tests.matching.pools import a_household, a_unit, inputs, pools
from tests.matching.test_assignment_graph import prune
from tests.matching.test_assignment_run import worth


def best_with(given_: Inputs) -> int:
    """The best sum of all that hold the pinned pairs and none of the forbidden, by trying everything."""
    wanted = dict(given_.pinned)
    choices: list[list[tuple[Unit | None, int, int]]] = []
    for household in given_.households:
        options: list[tuple[Unit | None, int, int]] = [
            (unit, places_taken(household, given_.rules), value) for unit in given_.units
            if (value := worth(given_, household, unit)) is not None
            and (household.id, unit.id) not in given_.forbidden]
        pinned = [one for one in options if one[0] and one[0].id == wanted.get(household.id)]
        choices.append(pinned if household.id in wanted else [(None, 0, 0), *options])
    best = 0
    for choice in product(*choices):
        taken = {unit.id: [many for one, many, _ in choice if one is unit] for unit in given_.units}
        if all(sum(taken[unit.id]) <= unit.free and (unit.kind != "group" or len(taken[unit.id]) <= 1)
               for unit in given_.units):
            best = max(best, sum(value for _, _, value in choice))
    return best


def pinned_by_chance(given_: Inputs, dice: Any) -> Inputs:
    """Some possible pairs pinned, as many as there are places for; good ones and bad ones."""
    left, pinned = {unit.id: unit.free for unit in given_.units}, {}
    possible = [(one, unit) for one in given_.households for unit in given_.units
                if worth(given_, one, unit) is not None]
    for household, unit in dice.sample(possible, len(possible)):
        many = places_taken(household, given_.rules)
        if household.id not in pinned and left[unit.id] >= many and dice.random() < 0.6:
            pinned[household.id] = unit.id
            left[unit.id] -= unit.free if unit.kind == "group" else many
    return replace(given_, pinned=frozenset(pinned.items()))


def in_persons(given_: Inputs) -> Inputs:
    """The same people, with places for several persons."""
    units = tuple(replace(one, free=one.free * 3) for one in given_.units)
    return replace(given_, units=units, rules=replace(given_.rules, capacity_in="persons"))


def assert_explained(given_: Inputs, outcome: Outcome) -> None:
    """Who was possible is counted over all places; the prices bound all pairs that nobody pinned; the next best is."""
    wanted, values, prices = dict(given_.pinned), outcome.household_values, outcome.unit_prices
    worths = {(one.id, unit.id): value for one in given_.households for unit in given_.units
              if (value := worth(given_, one, unit)) is not None}
    size = {(one.id, unit.id): 1 if unit.kind == "group" else places_taken(one, given_.rules)
            for one in given_.households for unit in given_.units}
    gains = {pair: value - size[pair] * prices[pair[1]] for pair, value in worths.items()}

    assert outcome.possible_pairs == len(worths)
    for unserved in outcome.unserved:
        assert unserved.possible == sum(household == unserved.household for household, _ in worths)
    assert min(prices.values(), default=0) >= 0
    for household, value in values.items():
        if household in wanted:
            assert value == gains[household, wanted[household]]
        else:
            assert value >= max([0, *(gain for (one, _), gain in gains.items() if one == household)])
    for proposal in outcome.proposals:
        assert proposal.unit_price == prices[proposal.unit]
        others = {unit: gain for (one, unit), gain in gains.items()
                  if one == proposal.household and unit != proposal.unit}
        assert (proposal.next_best is None) == (not others)
        if proposal.next_best:
            assert others[proposal.next_best.unit] == max(others.values())


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


@pytest.mark.parametrize("pruned", [False, True])
@given(given_=pools(4, 4), dice=st.randoms())
@settings(max_examples=60, deadline=None)
def test_what_is_stored_proves_it(given_: Inputs, dice: Any, pruned: bool) -> None:
    """Prices times all places and the values add up to the bound, which is the best sum with the pinned pairs."""
    wanted = pinned_by_chance(given_, dice)
    with pytest.MonkeyPatch.context() as patched:
        if pruned:
            prune(patched, 2)
        outcome = run(wanted)
    paid = sum(unit.free * outcome.unit_prices[unit.id] for unit in wanted.units)

    assert outcome.objective == best_with(wanted) == outcome.bound == paid + sum(outcome.household_values.values())
    assert outcome.certified
    assert_explained(wanted, outcome)


@given(given_=pools(3, 4), dice=st.randoms())
@settings(max_examples=40, deadline=None)
def test_a_price_is_what_one_more_place_would_add(given_: Inputs, dice: Any) -> None:
    """Also where those who were pinned have all places."""
    wanted = pinned_by_chance(given_, dice)
    outcome = run(wanted)
    for unit in wanted.units:
        if unit.free and unit.kind != "group":
            units = tuple(replace(one, free=one.free + 1) if one == unit else one for one in wanted.units)
            assert outcome.unit_prices[unit.id] == run(replace(wanted, units=units)).objective - outcome.objective


@given(given_=pools(3, 4), dice=st.randoms())
@settings(max_examples=40, deadline=None)
def test_it_is_proven_where_places_count_persons_too(given_: Inputs, dice: Any) -> None:
    """There the prices are about what a place is worth: they bound the sum, and HiGHS proves it."""
    wanted = pinned_by_chance(in_persons(given_), dice)
    outcome = run(wanted)
    paid = sum((min(unit.free, 1) if unit.kind == "group" else unit.free) * outcome.unit_prices[unit.id]
               for unit in wanted.units)

    assert outcome.objective == best_with(wanted) == outcome.bound <= paid + sum(outcome.household_values.values())
    assert outcome.certified
    assert_explained(wanted, outcome)


@pytest.mark.parametrize(("rules", "places", "price"), [(Rules(), 1, 1510), (Rules(capacity_in="persons"), 2, 755)])
def test_who_lost_a_place_to_a_pinned_pair_is_told_so(rules: Rules, places: int, price: int) -> None:
    """As without pins; and the pinned pair is told that places are short, whether they count households or persons."""
    one, other = a_household(1), a_household(2)
    outcome = run(replace(inputs([one, other], [a_unit(1, free=places)], rules),
                          pinned=frozenset({(one.id, a_unit(1).id)})))
    (proposal,), (unserved,) = outcome.proposals, outcome.unserved

    assert (unserved.household, unserved.possible, unserved.removed) == (other.id, 1, {})
    assert what_is_missing(unserved, "en") == (
        "1 mentor or group would fit. This time the place was meant for others.",)
    assert (outcome.unit_prices, proposal.worth) == ({a_unit(1).id: price}, 1510)
    assert outcome.household_values == {one.id: 0, other.id: 0}
    assert besides(proposal, "en") == (
        f"Places are short here: one more would make the result for everyone better by {price} points.",
        "There is no other possibility for this household in the area that was looked at.")


def test_a_pinned_pair_is_told_the_next_best() -> None:
    """A second mentor who is just as good, and free, is another possibility."""
    household, unit, other = a_household(1), a_unit(1), a_unit(2)
    (proposal,) = run(replace(inputs([household], [unit, other]),
                              pinned=frozenset({(household.id, unit.id)}))).proposals

    assert proposal.next_best == NextBest(other.id, proposal.score, 0)
    assert besides(proposal, "en") == (
        "There are enough places here for everyone whom this helps most.",
        f"The next best possibility would have {proposal.score} of 1000 points.")


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


def test_a_group_takes_one_household_also_of_those_that_are_pinned() -> None:
    """It has places for both where they count persons, but no second household comes."""
    one, two, home = a_household(1), a_household(2), a_unit(1, kind="group", free=8)
    free = inputs([one, two], [home], Rules(capacity_in="persons"))

    assert len(run(free).proposals) == 1
    assert [proposal.household for proposal in run(
        replace(free, pinned=frozenset({(two.id, home.id)}))).proposals] == [two.id]
    with pytest.raises(NotToBePinned, match="no_place_free"):
        run(replace(free, pinned=frozenset({(one.id, home.id), (two.id, home.id)})))


def test_a_unit_has_places_for_all_who_are_pinned_to_it() -> None:
    """Two on one place are refused; and one household with two units is, too."""
    one, two, unit, other = a_household(1), a_household(2), a_unit(1), a_unit(2)
    for pairs in ({(one.id, unit.id), (two.id, unit.id)}, {(one.id, unit.id), (one.id, other.id)}):
        with pytest.raises(NotToBePinned, match="no_place_free"):
            run(replace(inputs([one, two], [unit, other], Rules()), pinned=frozenset(pairs)))


def test_of_what_is_taken_beforehand_a_price_is_told() -> None:
    """One of two places, and the only one of the other unit, are somebody else's."""
    found = solve([0, 0, 1], [0, 1, 1], [900, 950, 700], [2, 1], n_households=2, taken=[1, 1])

    assert (found.pairs, found.unit_prices.tolist(), found.household_values.tolist()) == ([(0, 0)], [0, 700], [900, 0])
    assert (found.objective, found.bound, found.certified) == (900, 900, True)


@pytest.mark.parametrize(("taken", "said"), [
    ([1], "taken: 1 given, but there are 2 units"), ([0, -1], "taken: -1 at position 1 is below 0"),
    ([0, 2], "taken: 2 at position 1 is above the capacity"), ([0.5, 0], "taken: 0.5 at position 0 has a fraction"),
])
def test_what_cannot_be_taken_is_refused(taken: list[float], said: str) -> None:
    """The sentence begins with the argument's name."""
    with pytest.raises(ValueError, match=f"^{said}$"):
        solve([0], [0], [1], [1, 1], n_households=1, taken=taken)
