"""What a run and the live mode do with pools as they ought not to be: all alike, one side only, days that lie ahead."""

import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.matching.runs.batch import Inputs, run
from services.matching.runs.live import LivePool
from services.matching.runs.points import bonus
from services.matching.runs.pool import Household, Rules, Unit
from services.matching.runs.words import Advice
from tests.matching.pools import TODAY, a_household, a_unit, inputs

ALIKE = 10_000
LONG = 60.0


@pytest.fixture(scope="module")
def alike() -> list[Unit]:
    """10,000 mentors who differ in nothing but their id."""
    return [replace(a_unit(), id=UUID(int=0x10_000 + number)) for number in range(ALIKE)]


@pytest.mark.slow
def test_ten_thousand_identical_mentors_are_matched_and_proven(alike: list[Unit]) -> None:
    """Every pair is worth the same: the proof holds, everyone is served, and each place is given once."""
    began = time.monotonic()
    outcome = run(inputs([a_household(number) for number in range(300)], alike))

    assert (outcome.certified, outcome.possible_pairs) == (True, 300 * ALIKE)
    assert len({proposal.unit for proposal in outcome.proposals}) == 300
    assert time.monotonic() - began < LONG, "not for ever"


def test_identical_mentors_come_in_the_same_order_every_time(alike: list[Unit]) -> None:
    """By their ids, however they came into the pool."""
    pool, backwards = LivePool(alike, Rules(), {}), LivePool(alike[::-1], Rules(), {})
    found = pool.options(a_household(), TODAY, top=5)

    assert [one.proposal.unit for one in found.options] == [unit.id for unit in alike[:5]]
    assert found == backwards.options(a_household(), TODAY, top=5)
    assert (found.possible, found.advice) == (ALIKE, Advice.PROPOSE)


def test_identical_households_share_what_there_is() -> None:
    """Two are served, the same two every time; the others are told that somebody would suit."""
    many = inputs([a_household(number) for number in range(50)], [a_unit(1), a_unit(2)])
    outcome = run(many)

    assert len(outcome.proposals) == 2
    assert outcome == run(replace(many, households=many.households[::-1]))
    assert {one.possible for one in outcome.unserved} == {2}


@pytest.mark.parametrize(("households", "units"), [([], []), ([a_household()], []), ([], [a_unit()])],
                         ids=["nobody", "only households", "only units"])
def test_one_side_or_both_may_be_empty(households: list[Household], units: list[Unit]) -> None:
    """Nothing is proposed, nothing fails, and the proof of nothing holds."""
    outcome = run(inputs(households, units))

    assert (outcome.proposals, outcome.objective, outcome.certified) == ((), 0, True)
    assert len(outcome.unserved) == len(households)


def test_who_waits_since_a_day_that_lies_ahead_has_waited_for_nothing() -> None:
    """A clock that was set back makes nobody's waiting negative."""
    ahead = a_household(waiting_since=TODAY + timedelta(days=400))

    assert bonus(ahead, Rules(), TODAY) == 0
    assert run(Inputs((ahead,), (a_unit(),), Rules(), TODAY)).proposals[0].bonus == 0


def test_a_household_that_nobody_can_take_is_told_why_and_disturbs_nobody() -> None:
    """Twenty persons, no common language: the others are matched as if it were not there."""
    impossible = a_household(2, members=a_household().members * 10, languages={"xh": "C2"})
    alone = run(inputs([a_household(1)], [a_unit()]))
    with_it = run(inputs([a_household(1), impossible], [a_unit()]))

    assert with_it.proposals == alone.proposals
    assert set(with_it.unserved[0].removed) >= {"household_too_large", "no_common_language"}
