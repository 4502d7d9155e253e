"""A proposal's states: each verb leads from its states only, and an answer counts once."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.facts.matching import Side
from libs.common.refusals import Invalid, Refused
from services.matching.proposals.model import (
    FIRM,
    OPEN,
    DeclineReason,
    DismissReason,
    Proposal,
    ProposalState,
    refuse_full,
)
from services.matching.proposals.queries import why_for_both
from services.matching.proposals.rules import reasons_of
from services.matching.runs.batch import run
from services.matching.runs.explanation import DENIED, in_all_languages, shared, why_not
from services.matching.runs.pool import Weights
from tests.matching.pools import a_household, a_unit, inputs

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
S = ProposalState
WEEK = timedelta(days=7)


def a_proposal(state: ProposalState = S.PROPOSED, **given: Any) -> Proposal:
    """A proposal in this state; invited ones for a week."""
    usual: dict[str, Any] = {"run_id": uuid4(), "region": "15087", "programme_id": uuid4(), "household_id": uuid4(),
                             "mentor_id": uuid4(), "score": 700, "state": state, "expires_at": NOW + WEEK}
    return Proposal(**usual | given)


def approve(proposal: Proposal, **given: Any) -> None:
    """Approve it, without an authority's decision unless one is given."""
    usual: dict[str, Any] = {"authority_chooses": False, "decided_on": None, "reference": None}
    proposal.approve("coordinator", NOW, **usual | given)


STEPS: list[tuple[Callable[[Proposal], Any], dict[ProposalState, ProposalState]]] = [
    (approve, {S.PROPOSED: S.APPROVED}),
    (lambda one: one.dismiss(DismissReason.CONFLICT, NOW), {S.PROPOSED: S.DISMISSED, S.APPROVED: S.DISMISSED}),
    (lambda one: one.invite(NOW, "coordinator"), {S.APPROVED: S.INVITED}),
    (lambda one: one.accept(Side.MENTORS, NOW), {S.INVITED: S.ACCEPTED_ONE, S.ACCEPTED_ONE: S.ACCEPTED_BOTH}),
    (lambda one: one.decline(Side.HOUSEHOLD, DeclineReason.DISTANCE, NOW), dict.fromkeys(OPEN, S.DECLINED)),
    (lambda one: one.meet(NOW.date()), {S.ACCEPTED_BOTH: S.FIRST_MEETING}),
    (lambda one: one.become_tandem(NOW), {S.FIRST_MEETING: S.TANDEM}),
]


@pytest.mark.parametrize("state", ProposalState)
@pytest.mark.parametrize(("take", "leads"), STEPS)
def test_each_verb_leads_from_its_states_only(
    take: Callable[[Proposal], Any], leads: dict[ProposalState, ProposalState], state: ProposalState,
) -> None:
    """Everything else is refused and changes nothing."""
    proposal = a_proposal(state)
    if state in leads:
        take(proposal)
    else:
        with pytest.raises(Refused):
            take(proposal)

    assert proposal.state is leads.get(state, state)


@pytest.mark.parametrize("state", ProposalState)
def test_approved_is_what_somebody_approved_and_has_not_come_to_nothing(state: ProposalState) -> None:
    """Not what waits for the coordinator, and not what was dismissed, declined or never answered."""
    others = {S.PROPOSED, S.DISMISSED, S.DECLINED, S.EXPIRED}

    assert a_proposal(state).stands_approved is (state not in others)


@pytest.mark.parametrize("state", ProposalState)
def test_only_what_waits_for_an_answer_expires(state: ProposalState) -> None:
    """Late due work finds an answered invitation as it is."""
    proposal = a_proposal(state)
    waits = state in {S.INVITED, S.ACCEPTED_ONE}

    assert proposal.expire(NOW) is waits
    assert proposal.state is (S.EXPIRED if waits else state)


def test_an_invitation_holds_for_seven_days() -> None:
    """To the second; then it cannot be accepted, even before due work has ended it."""
    proposal = a_proposal(S.APPROVED)
    assert proposal.invite(NOW, "coordinator") == NOW + WEEK

    with pytest.raises(Refused, match="over"):
        proposal.accept(Side.MENTORS, NOW + WEEK)
    assert proposal.accept(Side.MENTORS, NOW + WEEK - timedelta(seconds=1)) is False


def test_each_side_accepts_once() -> None:
    """The second acceptance of a side is refused; that of the other side completes it."""
    proposal = a_proposal(S.INVITED)
    assert proposal.accept(Side.HOUSEHOLD, NOW) is False
    with pytest.raises(Refused, match="already"):
        proposal.accept(Side.HOUSEHOLD, NOW)
    assert proposal.accept(Side.MENTORS, NOW) is True
    for side in Side:
        with pytest.raises(Refused, match="already"):
            proposal.accept(side, NOW)

    assert (proposal.mentors_accepted_at, proposal.household_accepted_at) == (NOW, NOW)


@pytest.mark.parametrize("given", [{}, {"decided_on": date(2026, 3, 1)}, {"reference": "Az. 1"}])
def test_where_an_authority_chooses_its_decision_is_recorded(given: dict[str, Any]) -> None:
    """Without day and reference nothing is approved."""
    proposal = a_proposal()
    with pytest.raises(Invalid, match="decision"):
        approve(proposal, authority_chooses=True, **given)
    approve(proposal, authority_chooses=True, decided_on=date(2026, 3, 1), reference="Az. 1")

    assert (proposal.state, proposal.decided_on, proposal.decision_reference) == (
        S.APPROVED, date(2026, 3, 1), "Az. 1")


@pytest.mark.parametrize(("taken", "capacity", "full"), [(0, 1, False), (1, 1, True), (2, 3, False), (5, 3, True)])
def test_a_place_is_given_while_there_is_one(taken: int, capacity: int, full: bool) -> None:
    """And not one more."""
    if full:
        with pytest.raises(Refused, match=f"All {capacity} places"):
            refuse_full(taken, capacity)
    else:
        refuse_full(taken, capacity)


def test_what_is_promised_is_part_of_what_is_open() -> None:
    """A place that both have said yes to is held like one that is asked for."""
    assert FIRM < OPEN


def test_reasons_are_told_from_what_was_found() -> None:
    """Read from the database they are those of the run, word for word; languages in their order, too."""
    household = a_household(languages={"kmr": "C2", "de": "A1", "ar": "C2"}, wishes=frozenset({"school", "letters"}),
                            interests=frozenset({"chess", "music"}))
    unit = a_unit(1, languages={"de": "C2", "kmr": "B1", "ar": "B1"}, offers=frozenset({"school"}),
                  interests=frozenset({"music"}))
    (found,) = run(inputs([household], [unit, a_unit(2)])).proposals
    weights = Weights()
    # JSONB has an order of its own.
    facts = json.loads(json.dumps(dict(sorted((shared(found) | {"most": asdict(weights)}).items()))))
    facts["languages"] = dict(sorted(facts["languages"].items(), key=lambda item: (len(item[0]), item[0])))
    assert found.next_best is not None
    next_best = {"unit_id": str(found.next_best.unit), "score": found.next_best.score, "unit_price": 0}
    kept = a_proposal(points=asdict(found.points), shared=facts, bonus=found.bonus, worth=found.worth,
                      unit_price=found.unit_price, next_best=next_best)

    reasons, besides = in_all_languages(found, weights)

    assert reasons_of(kept, {}) == ([one | {"found": None} for one in reasons], besides)
    fewer = facts | {"slots": 1, "week": 1}
    told, unchanged = reasons_of(kept, fewer)
    changed = [(now, then) for now, then in zip(told, reasons, strict=True) if now["found"]]
    assert unchanged == besides
    ((now, then),) = changed
    assert (now["criterion"], now["points"], now["most"]) == ("availability", then["points"], then["most"])
    assert now["found"] == {"de": then["de"], "en": then["en"]}
    assert now["de"].startswith("Sie haben eine gemeinsame freie Zeit")


@given(st.sets(st.sampled_from(["no_common_language", "other_district"])))
def test_what_stands_against_a_reason_is_told_in_its_place(against: set[str]) -> None:
    """To coordinators with what was found once; to both sides the line is left out. All other reasons stay."""
    (found,) = run(inputs([a_household()], [a_unit(1)])).proposals
    facts = shared(found) | {"metres": None}
    kept = a_proposal(points=asdict(found.points), shared=facts | {"most": asdict(Weights())}, worth=found.worth)
    now = facts | {"against": sorted(against)}
    told = {one["criterion"]: one for one in reasons_of(kept, now)[0]}
    all_lines, lines = why_for_both(facts, ["de"]), why_for_both(now, ["de"])

    replaced = {criterion for criterion, code in DENIED.items() if code in against}
    assert {criterion for criterion, one in told.items() if one["found"]} == replaced
    for criterion in replaced:
        assert (told[criterion]["de"],) == why_not([DENIED[criterion]], "de")
    assert lines == [line for criterion, line in zip(("language", "distance", "availability"), all_lines, strict=False)
                     if criterion not in replaced]


def test_reasons_that_were_written_down_are_still_told() -> None:
    """Those of proposals from before; an erased one has none."""
    told: list[dict[str, Any]] = [{"criterion": "language", "points": 7, "de": "…"}]
    old = a_proposal(points={"language": 7}, shared={"slots": 3}, reasons=told, besides={"de": ["…"]})
    assert reasons_of(old, {"slots": 2}) == (told, {"de": ["…"]})
    old.forget()

    assert reasons_of(old, {"slots": 2}) == ([], {})


@given(st.lists(st.integers(0, 3), max_size=8), st.integers(1, 4), st.sampled_from(S), st.booleans())
def test_a_side_was_not_reached_once_nobody_of_it_was(
    gone: list[int], speaking: int, state: ProposalState, accepted: bool,
) -> None:
    """Whoever is told of first, and however often; not where the side has answered, or no answer is waited for."""
    persons = [uuid4() for _ in range(4)]
    proposal = a_proposal(state, mentors_accepted_at=NOW if accepted else None)
    for number, one in enumerate(gone):
        proposal.miss(Side.MENTORS, [persons[one]], persons[:speaking], NOW + timedelta(hours=number))
    waited = state in {S.INVITED, S.ACCEPTED_ONE, S.EXPIRED} and not accepted
    missing = set(range(speaking))
    last = next((number for number in range(len(gone)) if missing <= set(gone[:number + 1])), None)

    since = None if last is None or not waited else NOW + timedelta(hours=last)
    assert proposal.not_reached_since(Side.MENTORS) == since
    assert proposal.not_reached_since(Side.HOUSEHOLD) is None


def test_a_yes_says_that_the_side_was_reached() -> None:
    """By telephone, when no mail can; what an erasure blanks is gone."""
    proposal, person = a_proposal(S.INVITED), uuid4()
    proposal.miss(Side.HOUSEHOLD, [person], [person], NOW)
    assert (proposal.household_not_reached_since, proposal.unreached) == (NOW, [str(person)])
    proposal.accept(Side.HOUSEHOLD, NOW)
    assert proposal.household_not_reached_since is None
    proposal.forget()

    assert proposal.unreached == []


@pytest.mark.parametrize("accepted", [None, *Side])
@pytest.mark.parametrize("state", ProposalState)
def test_who_speaks_for_a_side_now_is_asked_what_is_unanswered(state: ProposalState, accepted: Side | None) -> None:
    """Nobody anew once the side has accepted or the invitation is over; whom it did not reach is past with them."""
    given = {f"{accepted.value}_accepted_at": NOW} if accepted else {}
    proposal = a_proposal(state, household_not_reached_since=NOW, **given)
    asked = proposal.ask_anew(Side.HOUSEHOLD)

    assert asked is (state in {S.INVITED, S.ACCEPTED_ONE} and accepted is not Side.HOUSEHOLD)
    assert proposal.household_not_reached_since == (None if asked else NOW)
