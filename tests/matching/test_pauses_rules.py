"""A pause of a group or household: a mark beside its state, which stays, so that it is where it was afterwards."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from libs.common.refusals import Invalid, Refused
from services.matching.households.model import Household, HouseholdState
from services.matching.mentor_groups.model import ENDED, GroupState, MentorGroup
from services.matching.profiles.model import Awaited

NOW, DAY = datetime(2026, 3, 2, 12, tzinfo=UTC), date(2026, 3, 2)


def a_group(state: GroupState = GroupState.READY) -> MentorGroup:
    """A group in this state."""
    return MentorGroup(region="15087", programme_id=uuid4(), label="Gruppe", interested_on=DAY, state=state)


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


def test_a_pause_of_ones_own_is_no_way_round_being_held_back() -> None:
    """Only the coordinators end it, with a reason; then both are over."""
    group = a_group()
    group.pause(DAY, awaited=None)
    group.hold_back(DAY, by="coordinator", why="something happened")
    with pytest.raises(Refused) as alone:
        group.resume()
    with pytest.raises(Invalid) as silent:
        group.resume(by="coordinator")
    assert (slug_of(alone), slug_of(silent), group.paused_on) == ("held-back", "reason-missing", DAY)
    group.resume(by="coordinator", why="they talked")

    assert (group.held_back_on, group.paused_on) == (None, None)


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
