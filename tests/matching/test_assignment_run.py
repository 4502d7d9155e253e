"""A run over a whole pool: exact, reproducible, within every hard wish, with a reason for everyone."""

import json
import pickle
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from datetime import date, timedelta
from itertools import product
from multiprocessing import get_context
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.matching.runs.batch import Inputs, inputs_hash, run
from services.matching.runs.hard import HardCode, obstacles
from services.matching.runs.outcome import NextBest, Outcome, Unserved
from services.matching.runs.points import bonus, points
from services.matching.runs.pool import Household, Housing, Member, Point, Rules, Unit, Weights
from tests.matching.pools import CHANCES, TODAY, Chance, a_household, a_unit, inputs, pools


def worth(given_: Inputs, household: Household, unit: Unit) -> int | None:
    """What a pair is worth by plain Python; None when it is impossible."""
    if obstacles(household, unit, given_.rules, given_.declined):
        return None
    score = points(household, unit, given_.rules).score
    return given_.rules.base + score + bonus(household, given_.rules, given_.today)


def best_sum(given_: Inputs) -> int:
    """The best sum by trying everything."""
    choices = [
        [(None, 0), *((unit, value) for unit in given_.units if (value := worth(given_, household, unit)) is not None)]
        for household in given_.households
    ]
    best = 0
    for choice in product(*choices):
        taken = [unit for unit, _ in choice if unit]
        if all(taken.count(unit) <= unit.free for unit in taken):
            best = max(best, sum(value for _, value in choice))
    return best


@given(given_=pools(4, 4))
@settings(max_examples=50, deadline=None)
def test_a_run_is_the_best_and_within_every_hard_wish(given_: Inputs) -> None:
    """The sum is what trying everything finds; no proposal breaks a constraint; everybody is answered once."""
    outcome = run(given_)
    household_of, unit_of = {one.id: one for one in given_.households}, {one.id: one for one in given_.units}

    assert outcome.certified
    assert outcome.objective == best_sum(given_) == sum(proposal.worth for proposal in outcome.proposals)
    for proposal in outcome.proposals:
        household, unit = household_of[proposal.household], unit_of[proposal.unit]
        assert proposal.points == points(household, unit, given_.rules)
        assert proposal.worth == worth(given_, household, unit)
        assert proposal.unit_price == outcome.unit_prices[unit.id]
    answered = [one.household for one in outcome.proposals] + [one.household for one in outcome.unserved]
    assert sorted(answered) == sorted(household_of)


@given(given_=pools(5, 4))
@settings(max_examples=40, deadline=None)
def test_the_unserved_are_told_every_reason(given_: Inputs) -> None:
    """For each household without a proposal: who would have been possible, and what stood against all the others."""
    for unserved in run(given_).unserved:
        household = next(one for one in given_.households if one.id == unserved.household)
        codes = [obstacles(household, unit, given_.rules, given_.declined) for unit in given_.units]
        assert unserved.possible == codes.count(())
        assert unserved.removed == {c: n for c in HardCode if (n := sum(c in each for each in codes))}
        assert unserved.alone == {c: n for c in HardCode if (n := codes.count((c,)))}


@given(given_=pools(5, 4), dice=st.randoms())
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_inputs_changes_nothing(given_: Inputs, dice: Any) -> None:
    """Households and units in another order: the very same outcome, hash included."""
    shuffled = replace(
        given_,
        households=tuple(dice.sample(given_.households, len(given_.households))),
        units=tuple(dice.sample(given_.units, len(given_.units))),
    )

    assert run(shuffled) == run(given_)


@given(given_=pools(4, 4), chance=CHANCES)
@settings(max_examples=80, deadline=None)
def test_one_mentor_more_never_lowers_the_sum(given_: Inputs, chance: Chance) -> None:
    """Whoever joins the pool, nobody's loss is greater than the gain."""
    new = chance.unit(77)

    assert run(replace(given_, units=(*given_.units, new))).objective >= run(given_).objective


@given(given_=pools(4, 4), dice=st.randoms())
@settings(max_examples=40, deadline=None)
def test_declines_and_vetoes_never_raise_the_sum_and_are_kept(given_: Inputs, dice: Any) -> None:
    """Each proposal declined or vetoed in turn: that pair never comes back, and the sum never rises."""
    outcome = run(given_)
    while outcome.proposals:
        gone = dice.choice(outcome.proposals)
        if dice.random() < 0.5:
            given_ = replace(given_, declined=given_.declined | {(gone.household, gone.unit)})
        else:
            given_ = replace(given_, households=tuple(
                replace(one, vetoed_units=one.vetoed_units | {gone.unit}) if one.id == gone.household else one
                for one in given_.households
            ))
        before, outcome = outcome, run(given_)
        assert outcome.objective <= before.objective
        assert (gone.household, gone.unit) not in {(each.household, each.unit) for each in outcome.proposals}


def test_the_bonus_decides_who_is_served_and_never_with_whom() -> None:
    """Two alike want one place: who waits longer gets it; where both have one, each gets whom they suit best."""
    long_ago = TODAY - timedelta(weeks=30)
    new, old = a_household(1, interests=frozenset({"music"})), a_household(2, waiting_since=long_ago)
    scarce = run(inputs([new, old], [a_unit(1)]))
    both = run(inputs([new, old], [a_unit(1, interests=frozenset({"music"})), a_unit(2, languages={"ar": "C2"})]))
    swapped = run(inputs([replace(new, waiting_since=long_ago), replace(old, waiting_since=TODAY)],
                         [a_unit(1, interests=frozenset({"music"})), a_unit(2, languages={"ar": "C2"})]))

    assert [proposal.household for proposal in scarce.proposals] == [old.id]
    assert [(p.household, p.unit) for p in both.proposals] == [(p.household, p.unit) for p in swapped.proposals]


def test_more_people_count_more_than_a_higher_score() -> None:
    """With the usual base two fair pairs are chosen before one excellent pair."""
    near, far = Point(51.4722, 11.2953), Point(51.51, 11.62)
    flexible = a_household(1, point=near, languages={"ar": "C2"}, interests=frozenset({"music"}))
    only_one = a_household(2, point=far, radius_km=8, languages={"de": "A2"}, interests=frozenset({"chess"}))
    shared = a_unit(1, languages={"ar": "C2", "de": "C2"}, interests=frozenset({"music"}))
    spare = a_unit(2, point=near, languages={"ar": "B1"}, interests=frozenset({"garden"}), radius_km=5)
    outcome = run(inputs([flexible, only_one], [shared, spare]))

    assert {(p.household, p.unit) for p in outcome.proposals} == {(flexible.id, spare.id), (only_one.id, shared.id)}


def test_a_proposal_tells_all_it_is_made_of() -> None:
    """Common languages with levels, metres, slots, wishes met and missing, interests, price and the next best."""
    household = a_household(wishes=frozenset({"school", "letters"}), interests=frozenset({"chess", "music"}), urgency=1)
    unit = a_unit(1, offers=frozenset({"school"}), interests=frozenset({"music", "garden"}))
    other = a_unit(2, languages={"ar": "A2"})
    (proposal,) = run(inputs([household], [unit, other])).proposals

    assert (proposal.household, proposal.unit) == (household.id, unit.id)
    assert proposal.languages == {"ar": "B1", "de": "A1"}
    assert not proposal.interpreter
    assert proposal.metres == 17_597
    assert proposal.slots == 0b0111
    assert (proposal.wishes_met, proposal.wishes_missing) == (("school",), ("letters",))
    assert proposal.interests == ("music",)
    assert proposal.bonus == 100
    assert proposal.worth == 1000 + proposal.score + 100
    assert proposal.unit_price == 0
    assert proposal.next_best is not None
    assert (proposal.next_best.unit, proposal.next_best.score) == (other.id, points(household, other, Rules()).score)


def test_the_next_best_is_counted_with_its_price() -> None:
    """A unit that others need more is not the next best, however well it suits; without another there is none."""
    chosen, short, spare = a_unit(1, languages={"ar": "C2"}), a_unit(2, kind="duo", languages={"ar": "C1"}), a_unit(3)
    household = a_household(1)
    only_duo = [a_household(number, kinds=frozenset({"duo"})) for number in (2, 3)]
    outcome = run(inputs([household, *only_duo], [chosen, short, spare]))
    (first, second) = outcome.proposals

    assert (first.unit, second.unit) == (chosen.id, short.id)
    assert outcome.unit_prices[short.id] > 1000
    assert points(household, short, Rules()).score > points(household, spare, Rules()).score
    assert first.next_best == NextBest(spare.id, points(household, spare, Rules()).score, 0)
    assert second.next_best is None


def test_an_impossible_household_learns_what_is_missing() -> None:
    """What a single change would solve is told apart from what is only one of several obstacles."""
    household = a_household(must_haves=frozenset({"childcare"}))
    outcome = run(inputs([household], [
        a_unit(1), a_unit(2), a_unit(3, childcare=True, radius_km=3), a_unit(4, radius_km=3, paused=True),
    ]))

    assert outcome.proposals == ()
    assert outcome.unserved == (Unserved(
        household=household.id,
        possible=0,
        removed={HardCode.PAUSED: 1, HardCode.TOO_FAR: 2, HardCode.MUST_HAVE_MISSING: 3},
        alone={HardCode.TOO_FAR: 1, HardCode.MUST_HAVE_MISSING: 2},
    ),)


def test_ties_are_broken_the_same_way_every_time() -> None:
    """Twenty alike on each side: again and again, in any order, the same pairs."""
    households, some_units = [a_household(n) for n in range(20)], [a_unit(n) for n in range(20)]
    dice = random.Random(5)
    first = run(inputs(households, some_units))
    for _ in range(5):
        dice.shuffle(households)
        dice.shuffle(some_units)
        assert run(inputs(households, some_units)) == first


def test_an_empty_pool_is_answered() -> None:
    """Nobody at all, nobody on either side: an outcome, certified."""
    assert run(inputs([], [])).certified
    assert run(inputs([], [a_unit()])).objective == 0
    assert run(inputs([a_household()], [])).unserved == (Unserved(a_household().id, 0, {}, {}),)


def test_nobody_stands_twice_in_a_run() -> None:
    """A repeated household or unit would be served twice: refused, and named."""
    with pytest.raises(ValueError, match=f"^households: {a_household().id}"):
        run(inputs([a_household(), a_household()], []))
    with pytest.raises(ValueError, match=f"^units: {a_unit().id}"):
        run(inputs([], [a_unit(), a_unit()]))


X = frozenset({"x"})
SOMEBODY = frozenset({UUID(int=1)})
CHANGED: dict[str, Any] = {
    "id": UUID(int=5), "kind": "duo", "free": 0, "largest": 9, "district": "15084", "radius_km": 7,
    "point": Point(51, 11), "languages": {"uk": "C2"}, "slots": 3, "contact_genders": frozenset({"m"}),
    "accepts_genders": frozenset({"f"}), "accepts_bands": frozenset({"65+"}), "offers": X, "interests": X,
    "childcare": True, "step_free": True, "conflict_groups": X, "persons": SOMEBODY, "partner": UUID(int=1),
    "vetoed_households": SOMEBODY, "vetted": False, "consented": False, "paused": True, "housing": Housing(3),
    "days_left": 4,
    "members": (Member("65+"),), "waiting_since": date(2025, 1, 1), "least_level": "C1", "interpreter": True,
    "kinds": frozenset({"duo"}), "must_haves": X, "wishes": X, "vetoed_units": SOMEBODY, "vetoed_persons": SOMEBODY,
    "vetoed_partners": SOMEBODY, "urgency": 1,
}


def test_every_input_is_in_the_hash() -> None:
    """Whatever a run depends on changes its hash: each field of a unit and a household, rules, day and declines."""
    household, unit = a_household(), a_unit()
    given_, pair = inputs([household], [unit]), frozenset({(household.id, unit.id)})
    their_names, our_names = [each.name for each in fields(Household)], [each.name for each in fields(Unit)]
    others = [replace(given_, households=(replace(household, **{name: CHANGED[name]}),)) for name in their_names]
    others += [replace(given_, units=(replace(unit, **{name: CHANGED[name]}),)) for name in our_names]
    others += [
        replace(given_, today=date(2026, 3, 3)),
        replace(given_, rules=Rules(weights_version="2")),
        replace(given_, rules=Rules(weights=Weights(language=150, distance=300))),
        replace(given_, declined=pair), replace(given_, pinned=pair), replace(given_, forbidden=pair),
    ]
    hashes = [inputs_hash(each) for each in (given_, *others)]

    assert len(set(hashes)) == len(hashes)
    assert all(len(each) == 64 for each in hashes)


@given(given_=pools(4, 4), other=pools(4, 4), dice=st.randoms())
@settings(max_examples=150, deadline=None)
def test_another_value_anywhere_is_another_hash(given_: Inputs, other: Inputs, dice: Any) -> None:
    """One field of one person as another has it: where that is another value it is another hash, else the same one."""
    side = dice.choice(("households", "units"))
    people, others = list(getattr(given_, side)), getattr(other, side)
    assume(people and others)
    place, name = dice.randrange(len(people)), dice.choice([each.name for each in fields(people[0])][1:])
    before, value = getattr(people[place], name), getattr(dice.choice(others), name)
    people[place] = replace(people[place], **{name: value})
    assume(all(unit.kind != "group" or unit.free <= 1 for unit in (people if side == "units" else ())))
    new: dict[str, Any] = {side: tuple(people)}
    changed = replace(given_, **new)

    assert (inputs_hash(changed) == inputs_hash(given_)) == (before == value)


def test_the_hash_is_the_same_in_another_process() -> None:
    """Sets and maps have no order of their own: another process, with other hash seeds, says the same."""
    given_ = inputs([a_household(wishes=frozenset("abcdefgh"))], [a_unit(offers=frozenset("abcdefgh"))])
    program = (
        "import pickle, sys; from services.matching.runs.batch import inputs_hash; "
        "print(inputs_hash(pickle.loads(sys.stdin.buffer.read())))"
    )
    told = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(given_), capture_output=True, check=True)

    assert told.stdout.decode().strip() == inputs_hash(given_)


def test_a_worker_process_runs_it() -> None:
    """The service gives a run to another process, since the solver holds the GIL: inputs go, the outcome comes."""
    given_ = inputs([a_household(1), a_household(2)], [a_unit(1, free=2)])
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        outcome = worker.submit(run, given_).result(timeout=60)

    assert isinstance(outcome, Outcome)
    assert outcome == run(given_)
    assert outcome.certified


def test_the_core_needs_nothing_of_the_service() -> None:
    """No web, bus, log or database comes with it: the files of the core import none of them."""
    program = (
        "import json, sys, services.matching.runs.batch, services.matching.runs.explanation; "
        "never = ('fastapi', 'faststream', 'nats', 'structlog', 'sqlalchemy', 'asyncpg'); "
        "print(json.dumps([name for name in never if name in sys.modules]))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert json.loads(told.stdout) == []


@pytest.mark.slow
def test_a_large_run_is_proven() -> None:
    """Thousands of invented people: certified, and everybody answered."""
    dice = random.Random(11)
    somewhere = [Point(51.4 + dice.random() / 3, 11.2 + dice.random()) for _ in range(400)]
    households = [a_household(n, point=dice.choice(somewhere), slots=dice.getrandbits(28)) for n in range(3000)]
    some_units = [a_unit(n, point=dice.choice(somewhere), radius_km=15, free=dice.randrange(3)) for n in range(2000)]
    outcome = run(inputs(households, some_units))

    assert outcome.certified
    assert len(outcome.proposals) + len(outcome.unserved) == 3000
