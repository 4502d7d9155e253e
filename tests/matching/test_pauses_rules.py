"""Pauses: a mark beside the state of a group or household, which stays; and being held back, which is another thing."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from libs.common.refusals import Invalid, Refused
from services.matching.households.model import Household, HouseholdState
from services.matching.mentor_groups.model import ENDED, GroupState, MentorGroup
from services.matching.mentors.model import Mentor, MentorState
from services.matching.profiles.model import Awaited

NOW, DAY, LATER = datetime(2026, 3, 2, 12, tzinfo=UTC), date(2026, 3, 2), date(2026, 4, 7)


def a_group(state: GroupState = GroupState.READY) -> MentorGroup:
    """A group in this state."""
    return MentorGroup(region="15087", programme_id=uuid4(), label="Gruppe", interested_on=DAY, state=state)


def a_mentor(state: MentorState = MentorState.READY, **given: Any) -> Mentor:
    """A mentor in this state."""
    return Mentor(region="15087", programme_id=uuid4(), person_ref=uuid4(), consented_on=DAY, state=state, **given)


def a_household(state: HouseholdState = HouseholdState.WAITING) -> Household:
    """A household in this state that has waited for a while."""
    return Household(region="15087", programme_id=uuid4(), person_ref=uuid4(), registered_by="counsellor", state=state,
                     consented_on=DAY, waiting_since=NOW, members=[{"age_band": "27-44", "gender": "f"}])


def slug_of(raised: pytest.ExceptionInfo[Refused]) -> str:
    """Which refusal it is."""
    return raised.value.slug


@pytest.mark.parametrize("of", [a_group(state) for state in GroupState if state not in ENDED] + [
    a_household(state) for state in HouseholdState if state is not HouseholdState.CLOSED])
def test_whoever_pauses_is_afterwards_where_they_were(of: MentorGroup | Household) -> None:
    """In whatever state; twice is refused, and so is coming back without having been away."""
    before = of.model_dump()
    of.pause(DAY, awaited=None)
    assert of.paused_on == DAY
    with pytest.raises(Refused) as again:
        of.pause(DAY, awaited=None)
    of.resume()
    with pytest.raises(Refused) as never:
        of.resume()

    assert of.model_dump() == before
    assert (slug_of(again), slug_of(never)) == ("paused", "not-paused")


@pytest.mark.parametrize("of", [a_group(), a_household()])
@pytest.mark.parametrize(("awaited", "slug"), [
    (Awaited.ANSWER, "invitation-open"), (Awaited.FIRST_MEETING, "first-meeting-agreed")])
def test_nobody_pauses_while_something_is_awaited(of: MentorGroup | Household, awaited: Awaited, slug: str) -> None:
    """As a mentor: the answer, or the meeting, comes first."""
    with pytest.raises(Refused) as refused:
        of.pause(DAY, awaited=awaited)

    assert (slug_of(refused), of.paused_on) == (slug, None)


def test_a_pause_ends_with_what_it_was_of() -> None:
    """What has ended pauses no longer, and cannot begin to."""
    group, household, alone = a_group(), a_household(), a_group(GroupState.ACCOMPANYING)
    for one in (group, household, alone):
        one.pause(DAY, awaited=None)
    group.withdraw("no time", NOW, awaited=None)
    alone.complete(NOW)
    household.close("moved", NOW, busy=False)
    assert [one.paused_on for one in (group, alone, household)] == [None] * 3
    for ended, slug in ((group, "group-ended"), (household, "household-closed")):
        with pytest.raises(Refused) as refused:
            ended.pause(DAY, awaited=None)
        assert slug_of(refused) == slug


def test_a_checklist_goes_on_in_a_pause_and_nobody_is_proposed() -> None:
    """A group becomes ready meanwhile and stays listed; a household that pauses is proposed to nobody."""
    preparing, listed, household = a_group(GroupState.IN_PREPARATION), a_group(GroupState.LISTED), a_household()
    for one in (preparing, listed, household):
        one.pause(DAY, awaited=None)
    assert preparing.check(everything_there=True, now=NOW)
    listed.check(everything_there=True, now=NOW)
    with pytest.raises(Refused, match="have been pausing since 2026-03-02"):
        household.propose()

    assert (listed.state, household.state) == (GroupState.LISTED, HouseholdState.WAITING)


@pytest.mark.parametrize("of", [a_group(), a_mentor(), a_mentor(active_since=NOW)])
def test_a_pause_of_ones_own_and_being_held_back_end_each_by_itself(of: MentorGroup | Mentor) -> None:
    """First the coordinators, with a reason: they pause on, and come back by themselves."""
    before = of.state
    of.pause(DAY, awaited=None)
    of.hold_back(LATER, by="coordinator", why="something happened")
    of.resume(by="coordinator", why="they talked")
    assert (of.held_back_on, of.paused_on, of.resumed_by) == (None, DAY, "coordinator")
    assert isinstance(of, MentorGroup) or of.state is MentorState.PAUSED
    of.resume()

    assert (of.paused_on, of.resumed_by) == (None, "coordinator")
    assert isinstance(of, MentorGroup) or of.state is (MentorState.ACTIVE if of.active_since else before)


@pytest.mark.parametrize("of", [a_group(), a_mentor()])
@pytest.mark.parametrize("by", [None, "coordinator"])
def test_who_ends_their_own_pause_stays_held_back(of: MentorGroup | Mentor, by: str | None) -> None:
    """By themselves or through a coordinator, who gives no reason; then only one with a reason goes further."""
    of.hold_back(DAY, by="coordinator", why="something happened")
    of.pause(LATER, awaited=None)
    with pytest.raises(Refused):
        of.pause(LATER, awaited=None)
    of.resume(by=by)
    assert (of.held_back_on, of.held_back_by, of.paused_on) == (DAY, "coordinator", None)
    with pytest.raises(Refused) as alone:
        of.resume()
    with pytest.raises(Invalid) as silent:
        of.resume(by="coordinator")
    assert (slug_of(alone), slug_of(silent), of.held_back_on) == ("held-back", "reason-missing", DAY)
    assert isinstance(of, MentorGroup) or of.state is MentorState.PAUSED
    of.resume(by="coordinator", why="they talked")

    assert (of.held_back_on, of.paused_on) == (None, None)
    assert isinstance(of, MentorGroup) or of.state is MentorState.READY


@pytest.mark.parametrize("awaited", Awaited)
def test_a_mentor_who_is_held_back_does_not_pause_while_something_is_awaited(awaited: Awaited) -> None:
    """As anybody: holding back does not settle what is open."""
    mentor = a_mentor()
    mentor.hold_back(DAY)
    with pytest.raises(Refused):
        mentor.pause(LATER, awaited=awaited)

    assert (mentor.held_back_on, mentor.paused_on) == (DAY, None)


def test_a_mentor_of_whom_no_day_is_kept_pauses_all_the_same() -> None:
    """From a version before: they come back, or pause on after being held back, at the latest since that day."""
    there, held = a_mentor(MentorState.PAUSED), a_mentor(MentorState.PAUSED)
    assert there.pauses
    there.resume()
    held.hold_back(DAY)
    held.resume(by="coordinator", why="they talked")

    assert (there.state, held.state, held.paused_on) == (MentorState.READY, MentorState.PAUSED, DAY)


def test_a_pause_that_a_version_before_left_behind_is_not_taken_up_by_being_held_back() -> None:
    """It had ended it without taking its day away."""
    mentor = a_mentor(MentorState.ACTIVE)
    mentor.paused_on = DAY
    mentor.hold_back(LATER)
    assert not mentor.pauses
    assert mentor.paused_on is None
    mentor.resume(by="coordinator", why="they talked")

    assert mentor.state is not MentorState.PAUSED


def test_who_has_left_pauses_no_longer() -> None:
    """And neither begins nor ends a pause, held back before or not."""
    mentor = a_mentor()
    mentor.pause(DAY, awaited=None)
    mentor.hold_back(DAY)
    mentor.leave(NOW, awaited=None, taken=0)
    with pytest.raises(Refused):
        mentor.pause(LATER, awaited=None)
    with pytest.raises(Refused):
        mentor.resume(by="coordinator", why="they talked")

    assert (mentor.state, mentor.paused_on) == (MentorState.LEFT, None)


def test_one_reason_is_kept_and_it_is_that_of_who_gave_one_last() -> None:
    """Held back once more without any, as when another tandem ends so, leaves it; resumed, or given anew, it goes."""
    group, ref = a_group(), uuid4()
    group.hold_back(DAY, by="coordinator", why="something happened")
    group.resumed_why = "in plain text, by a version before"
    group.note_why(b"sealed", ref)
    assert (group.held_back_note, group.held_back_ref) == (b"sealed", ref)
    assert not {"held_back_why", "resumed_why"} & group.model_dump(exclude_none=True).keys()
    group.hold_back(DAY, by="another")
    assert (group.held_back_by, group.held_back_note) == ("coordinator", b"sealed")
    group.hold_back(DAY, by="another", why="something else happened")
    assert (group.held_back_by, group.held_back_note, group.held_back_ref) == ("another", None, None)
    group.note_why(b"sealed anew", ref)
    group.resume(by="coordinator", why="they talked")

    assert (group.held_back_note, group.held_back_ref, group.resumed_by) == (None, None, "coordinator")
