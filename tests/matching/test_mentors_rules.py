"""What a mentor may do in which state, and what is kept of a criminal-record certificate."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from libs.common.codes.lists import Gender
from libs.common.refusals import Invalid, Refused
from services.matching.mentors.model import Mentor, MentorState
from services.matching.profiles.model import Awaited
from services.matching.profiles.queries import first_id

NOW, DAY = datetime(2026, 3, 2, 12, tzinfo=UTC), date(2026, 3, 2)


def a_mentor(state: MentorState = MentorState.REGISTERED, **given: Any) -> Mentor:
    """A mentor who has consented, in this state."""
    usual: dict[str, Any] = {
        "region": "15087", "programme_id": uuid4(), "person_ref": uuid4(), "consented_on": DAY, "state": state}
    return Mentor(**usual | given)


def checked(mentor: Mentor, seen_on: date = DAY, **given: Any) -> Mentor:
    """The same, after a certificate was seen."""
    usual: dict[str, Any] = {"seen_on": seen_on, "certificate_date": seen_on, "relevant_entry": False}
    mentor.note_record(**usual | given)
    return mentor


STEPS: list[tuple[Callable[[Mentor], Any], dict[MentorState, MentorState]]] = [
    (Mentor.begin_screening, {MentorState.REGISTERED: MentorState.SCREENING}),
    (lambda one: one.approve(DAY), {MentorState.SCREENING: MentorState.READY}),
    (lambda one: one.pause(DAY, awaited=None),
     {MentorState.READY: MentorState.PAUSED, MentorState.ACTIVE: MentorState.PAUSED}),
    (Mentor.resume, {MentorState.PAUSED: MentorState.READY}),
    (lambda one: one.leave(NOW, awaited=None, taken=0),
     {state: MentorState.LEFT for state in MentorState if state is not MentorState.LEFT}),
]


@pytest.mark.parametrize("state", MentorState)
@pytest.mark.parametrize(("take", "leads"), STEPS)
def test_each_step_leads_from_its_states_only(
    take: Callable[[Mentor], Any], leads: dict[MentorState, MentorState], state: MentorState,
) -> None:
    """Registered, screening, ready, active and paused, left; whatever else is tried is refused and changes nothing."""
    mentor = checked(a_mentor())
    mentor.state = state
    if state in leads:
        take(mentor)
    else:
        with pytest.raises(Refused, match="mentor is"):
            take(mentor)

    assert mentor.state is leads.get(state, state)


def test_nobody_is_approved_without_certificate_and_consent() -> None:
    """Both are asked for, each by its own refusal."""
    with pytest.raises(Refused, match="certificate"):
        a_mentor(MentorState.SCREENING).approve(DAY)
    with pytest.raises(Refused, match="Consent"):
        checked(a_mentor(MentorState.SCREENING, consented_on=None)).approve(DAY)


def test_of_a_certificate_only_four_things_are_kept() -> None:
    """Seen, its date, no relevant entry, and when it has to be seen again, five years on."""
    mentor = checked(a_mentor(), certificate_date=date(2026, 1, 15))

    assert (mentor.record_seen_on, mentor.record_certificate_date) == (DAY, date(2026, 1, 15))
    assert (mentor.record_relevant_entry, mentor.record_next_due) == (False, date(2031, 3, 2))
    assert not [name for name in Mentor.model_fields if "upload" in name or "file" in name]


def test_with_a_relevant_entry_nothing_is_kept() -> None:
    """Not even that there was one; the mentor cannot be approved, and one who was is not available any more."""
    mentor = checked(checked(a_mentor(MentorState.ACTIVE)), relevant_entry=True)

    assert [getattr(mentor, name) for name in Mentor.model_fields if name.startswith("record_")] == [None] * 4
    with pytest.raises(Refused, match="certificate again"):
        mentor.refuse_unless_available(DAY)


@pytest.mark.parametrize(("certificate_date", "slug"), [
    (date(2025, 12, 1), "record-too-old"), (date(2026, 3, 3), "record-after-seen")])
def test_a_certificate_is_fresh_when_seen(certificate_date: date, slug: str) -> None:
    """At most three months old, and not from the future."""
    with pytest.raises(Refused) as refused:
        checked(a_mentor(), certificate_date=certificate_date)

    assert refused.value.slug == slug


def test_a_certificate_three_months_old_to_the_day_is_taken() -> None:
    """The limit itself is inside."""
    assert checked(a_mentor(), certificate_date=date(2025, 12, 2)).record_seen_on == DAY


def test_after_five_years_the_certificate_has_to_be_seen_again() -> None:
    """Until then the mentor is available, from that day on not."""
    mentor = checked(a_mentor(MentorState.ACTIVE))

    mentor.refuse_unless_available(date(2031, 3, 1))
    with pytest.raises(Refused, match="certificate again"):
        mentor.refuse_unless_available(date(2031, 3, 2))


@pytest.mark.parametrize("state", sorted(set(MentorState) - {MentorState.READY, MentorState.ACTIVE}))
def test_only_who_is_ready_or_active_is_available(state: MentorState) -> None:
    """A paused or left mentor never is."""
    mentor = checked(a_mentor())
    mentor.state = state
    with pytest.raises(Refused, match="mentor is"):
        mentor.refuse_unless_available(DAY)


def test_who_accompanied_somebody_comes_back_active_from_a_pause() -> None:
    """Who has not yet comes back ready."""
    mentor = a_mentor(MentorState.READY)
    mentor.accompany(NOW)
    mentor.pause(DAY, awaited=None)
    mentor.resume()

    assert mentor.state is MentorState.ACTIVE


def test_a_pause_for_safety_is_ended_by_a_coordinator_who_says_why() -> None:
    """Not without a reason, nor by the mentor; held back again, nobody has said anything yet."""
    mentor = a_mentor(MentorState.READY)
    mentor.hold_back(DAY)
    with pytest.raises(Invalid) as refused:
        mentor.resume(by="coordinator")
    assert (refused.value.slug, refused.value.field) == ("reason-missing", "why")
    with pytest.raises(Refused):
        mentor.resume(why="I feel better")

    mentor.resume(by="coordinator", why="they talked")
    assert (mentor.held_back_on, mentor.resumed_by) == (None, "coordinator")
    mentor.hold_back(DAY)
    assert mentor.resumed_by is None


def test_an_open_invitation_holds_back_pausing_and_leaving() -> None:
    """First its answer is noted; leaving also waits for running tandems."""
    with pytest.raises(Refused, match="invitation"):
        a_mentor(MentorState.READY).pause(DAY, awaited=Awaited.ANSWER)
    with pytest.raises(Refused, match="invitation"):
        a_mentor(MentorState.READY).leave(NOW, awaited=Awaited.ANSWER, taken=0)
    with pytest.raises(Refused, match="first meeting is agreed"):
        a_mentor(MentorState.READY).pause(DAY, awaited=Awaited.FIRST_MEETING)
    with pytest.raises(Refused, match="first meeting is agreed"):
        a_mentor(MentorState.READY).leave(NOW, awaited=Awaited.FIRST_MEETING, taken=1)
    with pytest.raises(Refused, match="run"):
        a_mentor(MentorState.ACTIVE).leave(NOW, awaited=None, taken=1)


def test_a_certificate_is_taken_back_once_and_of_who_has_not_left() -> None:
    """Nothing of it is kept, and they are approved no more; what was never noted is not taken back."""
    mentor = checked(a_mentor(MentorState.SCREENING))
    mentor.withdraw_record()
    assert (mentor.record_seen_on, mentor.has_valid_record(DAY)) == (None, False)
    with pytest.raises(Refused, match="certificate"):
        mentor.approve(DAY)
    with pytest.raises(Refused, match="nothing to take back"):
        mentor.withdraw_record()
    left = checked(a_mentor())
    left.state = MentorState.LEFT
    with pytest.raises(Refused, match="mentor is"):
        left.withdraw_record()

    assert left.record_seen_on == DAY


def test_the_record_goes_at_once_when_no_activity_followed() -> None:
    """Else it stays for three months after the last activity, and due work deletes it."""
    never, active = checked(a_mentor(MentorState.READY)), checked(a_mentor(MentorState.READY))
    active.accompany(NOW)
    for mentor in (never, active):
        mentor.leave(NOW + timedelta(days=1), awaited=None, taken=0)

    assert (never.record_seen_on, active.record_seen_on) == (None, DAY)


def test_the_capacity_is_never_below_what_is_taken() -> None:
    """As many as are taken is allowed."""
    mentor = a_mentor(MentorState.ACTIVE, capacity=3)
    mentor.set_capacity(2, taken=2)
    with pytest.raises(Refused, match="2 places"):
        mentor.set_capacity(1, taken=2)

    assert mentor.capacity == 2


def test_an_erased_mentor_tells_nothing() -> None:
    """Every readable code is what it is for somebody who said nothing."""
    mentor = checked(a_mentor(MentorState.ACTIVE, gender=Gender.FEMALE, languages={"ar": "C2"}, slots=3,
                              postcode="06295", lat=51.5, lon=11.5, interests=["chess"], childcare=True, largest=7))
    mentor.hold_back(DAY)
    mentor.resume(by="coordinator", why="they talked")
    mentor.note_why(b"sealed", mentor.person_ref)
    mentor.erase(NOW)
    blank = a_mentor(MentorState.LEFT, consented_on=None)

    same = set(Mentor.model_fields) - {"id", "programme_id", "person_ref", "left_at", "active_since"}
    assert {name: getattr(mentor, name) for name in same} == {name: getattr(blank, name) for name in same}


def test_nobody_is_approved_untrained_unless_somebody_says_why() -> None:
    """The refusal names the trainings; no reason helps where certificate or consent is missing."""
    mentor = checked(a_mentor(MentorState.SCREENING))
    with pytest.raises(Refused, match="trainings: basic, advanced") as refusal:
        mentor.approve(DAY, trainings_missing=["basic", "advanced"])
    assert (refusal.value.slug, refusal.value.field, mentor.state) == ("training-missing", "why", MentorState.SCREENING)
    with pytest.raises(Refused, match="certificate"):
        a_mentor(MentorState.SCREENING).approve(DAY, trainings_missing=["basic"], why="Anderswo besucht.")
    mentor.approve(DAY, trainings_missing=["basic"], why="Anderswo besucht.")
    another = checked(a_mentor(MentorState.SCREENING))
    another.approve(DAY, why="Anderswo besucht.")

    assert (mentor.state, another.state) == (MentorState.READY, MentorState.READY)


@pytest.mark.parametrize("given", [{"registered_on": DAY}, {"id": first_id(datetime(2026, 3, 1, 23, 30, tzinfo=UTC))}])
def test_the_day_of_registration_is_kept_or_stands_in_the_id(given: dict[str, Any]) -> None:
    """The day in Germany; versions before kept none."""
    assert a_mentor(**given).registered_day == DAY
