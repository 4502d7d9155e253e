"""A mentor group's way, and how its checklist takes it there and back."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.refusals import Refused
from services.matching.mentor_groups.model import BEFORE_HOUSEHOLD, GroupState, MentorGroup
from services.matching.prerequisites.model import Demand, Prerequisite, RuleSet, Standing
from services.matching.prerequisites.rules import (
    GroupStand,
    demanded,
    holding_on,
    is_complete,
    shown,
    trainings_missing,
)
from services.matching.profiles.model import Awaited

NOW, DAY = datetime(2026, 3, 2, 12, tzinfo=UTC), date(2026, 3, 2)
S = GroupState
ANNA, BEN, CEM = UUID(int=1), UUID(int=2), UUID(int=3)


def a_group(state: GroupState = S.INTERESTED) -> MentorGroup:
    """A group in this state."""
    return MentorGroup(region="15087", programme_id=uuid4(), label="Gruppe", interested_on=DAY, state=state)


def a_rule_set(**given: Any) -> RuleSet:
    """The community sponsorship of 2023, but for what is given."""
    usual: dict[str, Any] = {
        "programme_id": uuid4(), "code": "sponsorship", "valid_from": DAY, "min_members": 4, "main_contacts": 1,
        "rent_months": 12, "support_months": 12, "trial_days": 28, "required_documents": ["support_plan"],
        "required_trainings": [{"training_code": "basic", "members": 2}]}
    return RuleSet(**usual | given)


def a_line(**given: Any) -> Prerequisite:
    """A line of a checklist that needs two trained members."""
    usual: dict[str, Any] = {"mentor_group_id": uuid4(), "region": "15087", "demand": Demand.TRAINING,
                             "subject": "basic", "needed": 2}
    return Prerequisite(**usual | given)


STEPS: list[tuple[Callable[[MentorGroup], Any], dict[GroupState, GroupState]]] = [
    (MentorGroup.form, {S.INTERESTED: S.FORMING}),
    (MentorGroup.prepare, {S.INTERESTED: S.IN_PREPARATION, S.FORMING: S.IN_PREPARATION}),
    (lambda one: one.apply(authority_chooses=True), {S.READY: S.APPLIED}),
    (lambda one: one.list_for_placement(authority_chooses=True), {S.APPLIED: S.LISTED}),
    (lambda one: one.reject("why", NOW, awaited=None), dict.fromkeys(BEFORE_HOUSEHOLD, S.REJECTED)),
    (lambda one: one.withdraw("why", NOW, awaited=None), dict.fromkeys(BEFORE_HOUSEHOLD, S.WITHDRAWN)),
]


@pytest.mark.parametrize("state", GroupState)
@pytest.mark.parametrize(("take", "leads"), STEPS)
def test_each_step_leads_from_its_states_only(
    take: Callable[[MentorGroup], Any], leads: dict[GroupState, GroupState], state: GroupState,
) -> None:
    """Anything else is refused and changes nothing; who accompanies a household is neither rejected nor withdrawn."""
    group = a_group(state)
    if state in leads:
        take(group)
    else:
        with pytest.raises(Refused, match="does not lead"):
            take(group)

    assert group.state is leads.get(state, state)


@pytest.mark.parametrize("state", GroupState)
@pytest.mark.parametrize("everything_there", [True, False])
def test_the_checklist_decides_between_preparation_and_ready(state: GroupState, everything_there: bool) -> None:
    """Ready by itself once nothing is open, back in preparation when something is; other states do not move."""
    group = a_group(state)
    became_ready = group.check(everything_there=everything_there, now=NOW)
    expected = state
    if everything_there and state is S.IN_PREPARATION:
        expected = S.READY
    elif not everything_there and state in {S.READY, S.APPLIED, S.LISTED}:
        expected = S.IN_PREPARATION

    assert group.state is expected
    assert became_ready == (expected is S.READY and state is not S.READY)


@pytest.mark.parametrize("state", [S.IN_PREPARATION, S.READY, S.APPLIED, S.LISTED])
def test_a_group_that_is_held_back_prepares_until_it_is_resumed(state: GroupState) -> None:
    """Whatever its checklist says, and wherever it was; who says that it goes on says why, and once."""
    group = a_group(state)
    group.hold_back(DAY)
    assert not group.check(everything_there=True, now=NOW)
    assert group.state is S.IN_PREPARATION
    group.resume(by="coordinator", why="they talked")
    assert (group.held_back_on, group.resumed_by) == (None, "coordinator")
    assert group.check(everything_there=True, now=NOW)
    with pytest.raises(Refused, match="do not pause"):
        group.resume(by="coordinator", why="again")
    group.hold_back(DAY)

    assert group.resumed_by is None


@pytest.mark.parametrize("authority_chooses", [True, False])
@pytest.mark.parametrize("state", GroupState)
def test_only_a_ready_group_is_available_or_a_listed_one_where_an_authority_chooses(
    state: GroupState, authority_chooses: bool,
) -> None:
    """Nobody else is invited."""
    group = a_group(state)
    if state is (S.LISTED if authority_chooses else S.READY):
        group.refuse_unless_available(authority_chooses=authority_chooses)
    else:
        with pytest.raises(Refused, match="is invited"):
            group.refuse_unless_available(authority_chooses=authority_chooses)


def test_applying_is_for_programmes_in_which_an_authority_chooses() -> None:
    """Elsewhere a ready group is proposed at once."""
    for take in (MentorGroup.apply, MentorGroup.list_for_placement):
        with pytest.raises(Refused, match="no authority"):
            take(a_group(S.READY), authority_chooses=False)


def test_a_group_with_an_open_invitation_is_not_withdrawn() -> None:
    """First its answer is noted."""
    with pytest.raises(Refused, match="invitation"):
        a_group(S.READY).withdraw("why", NOW, awaited=Awaited.ANSWER)


def test_only_what_came_to_nothing_takes_a_group_back() -> None:
    """A group that accompanies is not taken back by a proposal, nor a matched one by a tandem."""
    matched, accompanying = a_group(S.MATCHED), a_group(S.ACCOMPANYING)
    matched.part()
    accompanying.unmatch()
    assert (matched.state, accompanying.state) == (S.MATCHED, S.ACCOMPANYING)
    matched.unmatch()
    accompanying.part()

    assert (matched.state, accompanying.state) == (S.IN_PREPARATION, S.IN_PREPARATION)


def test_a_document_seen_again_replaces_what_was_noted() -> None:
    """Each document stands there once."""
    group = a_group()
    for day in (date(2026, 1, 1), date(2026, 2, 1)):
        group.note_document("support_plan", day, "coordinator")

    assert group.documents_seen == [{"document": "support_plan", "seen_on": "2026-02-01", "by": "coordinator"}]


def test_a_checklist_has_a_line_for_everything_the_rule_set_asks_for() -> None:
    """And none for what it does not ask for."""
    assert demanded(a_rule_set()) == {
        (Demand.MIN_MEMBERS, ""): 4, (Demand.MAIN_CONTACTS, ""): 1, (Demand.TRAINING, "basic"): 2,
        (Demand.DOCUMENT, "support_plan"): 1, (Demand.RENT, ""): 12}
    assert demanded(a_rule_set(required_records=3))[Demand.RECORD, ""] == 3
    assert demanded(a_rule_set(min_members=0, main_contacts=0, rent_months=0, required_trainings=[],
                               required_documents=[], required_records=0)) == {}


def test_who_accompanies_alone_must_have_attended_each_training_that_a_group_is_asked_for() -> None:
    """However many members it asks for, but for none; nothing else of a rule set is asked of them, nor without one."""
    rules = a_rule_set(required_trainings=[{"training_code": "basic", "members": 2}, {
        "training_code": "advanced", "members": 1}, {"training_code": "of_nobody", "members": 0}])

    assert trainings_missing(rules, ()) == ["basic", "advanced"]
    assert trainings_missing(rules, {"basic", "of_nobody"}) == ["advanced"]
    assert trainings_missing(rules, {"basic", "advanced", "other"}) == []
    assert (trainings_missing(a_rule_set(required_trainings=[]), ()), trainings_missing(None, ())) == ([], [])


@pytest.mark.parametrize(("day", "held"), [(-1, None), (0, "first"), (9, "first"), (10, "second"), (20, "second"),
                                           (21, "first"), (30, "first"), (31, None)])
def test_of_several_rule_sets_the_latest_holds_that_has_begun_and_not_ended(day: int, held: str | None) -> None:
    """Whichever comes first; its last day belongs to it."""
    first = a_rule_set(code="first", valid_until=DAY + timedelta(days=30))
    second = a_rule_set(code="second", valid_from=DAY + timedelta(days=10), valid_until=DAY + timedelta(days=20))
    found = [holding_on(both, DAY + timedelta(days=day)) for both in ([first, second], [second, first])]

    assert [one and one.code for one in found] == [held, held]


@pytest.mark.parametrize(("key", "there", "evidence"), [
    ((Demand.MIN_MEMBERS, ""), 3, [f"person/{ANNA}", f"person/{BEN}", f"person/{CEM}"]),
    ((Demand.MAIN_CONTACTS, ""), 1, [f"person/{ANNA}"]),
    ((Demand.TRAINING, "basic"), 2, [f"attendance/{UUID(int=8)}", f"attendance/{UUID(int=9)}"]),
    ((Demand.TRAINING, "other"), 0, []),
    ((Demand.DOCUMENT, "support_plan"), 1, ["document/support_plan/2026-03-01"]),
    ((Demand.DOCUMENT, "other"), 0, []),
    ((Demand.RENT, ""), 11, ["housing/secured_months/11"]),
    ((Demand.RECORD, ""), 2, [f"person/{BEN}", f"person/{CEM}"]),
])
def test_each_line_refers_to_what_shows_it(key: Any, there: int, evidence: list[str]) -> None:
    """Members, trainings, documents, certificates and the home: how many are there, and where to look it up."""
    stand = GroupStand(
        members=(ANNA, BEN, CEM), main_contacts=(ANNA,), documents={"support_plan": "2026-03-01"},
        trainings={"basic": {ANNA: f"attendance/{UUID(int=9)}", BEN: f"attendance/{UUID(int=8)}"}},
        housing={"secured_months": 11}, records=(CEM, BEN))

    assert shown(key, stand) == (there, evidence)


def test_a_line_is_fulfilled_expires_and_is_fulfilled_again() -> None:
    """Each change of its standing is said once; what is open and still not enough says nothing."""
    line = a_line()
    said = [line.weigh(there, [], NOW) for there in (1, 2, 3, 1, 0, 2)]

    assert said == [None, Standing.FULFILLED, None, Standing.EXPIRED, None, Standing.FULFILLED]
    assert line.fulfilled_at == NOW


def test_a_waived_line_stays_waived_until_it_is_demanded_again() -> None:
    """What is there does not matter meanwhile; afterwards it does."""
    line = a_line()
    line.waive("coordinator", "trained elsewhere")
    assert line.weigh(0, [], NOW) is None
    assert line.standing is Standing.WAIVED
    line.demand_again()

    assert line.weigh(2, [], NOW) is Standing.FULFILLED
    assert (line.waived_by, line.waived_why) == (None, None)


def test_only_what_is_open_is_waived_and_only_what_is_waived_is_demanded_again() -> None:
    """Everything else is refused."""
    line = a_line()
    with pytest.raises(Refused, match="not been waived"):
        line.demand_again()
    line.weigh(2, [], NOW)
    with pytest.raises(Refused, match="fulfilled already"):
        line.waive("coordinator", "why")


@pytest.mark.parametrize(("standing", "complete"), [
    (Standing.OPEN, False), (Standing.EXPIRED, False), (Standing.FULFILLED, True), (Standing.WAIVED, True)])
def test_a_checklist_is_complete_without_open_or_expired_lines(standing: Standing, complete: bool) -> None:
    """One such line is enough to keep the group in its preparation."""
    assert is_complete([a_line(standing=Standing.FULFILLED), a_line(standing=standing)]) is complete
    assert is_complete([])


def test_a_long_training_code_still_makes_a_code() -> None:
    """Facts carry codes of at most 63 signs."""
    assert len(a_line(subject="x" * 63).rule) == 63


def test_an_application_is_taken_back_once() -> None:
    """From applied or listed to ready; elsewhere there is none."""
    for state in S:
        group = a_group(state)
        there = state in {S.APPLIED, S.LISTED}

        assert group.take_back() is there
        assert group.state is (S.READY if there else state)


@pytest.mark.parametrize("state", S)
def test_a_home_is_kept_free_until_its_day(state: GroupState) -> None:
    """The day itself counts. With a household in it, or once the group has ended, it is not lost."""
    group = a_group(state)
    group.hold_home({"available_from": str(DAY), "offered_until": str(DAY)}, DAY)
    assert not group.lose_home(DAY)
    lost = state not in {S.ACCOMPANYING, S.COMPLETED, S.REJECTED, S.WITHDRAWN}

    assert group.lose_home(DAY + timedelta(days=1)) is lost
    assert (group.housing is None, group.housing_lapsed_on) == (lost, DAY if lost else None)
