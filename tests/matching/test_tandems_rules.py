"""A tandem's states, its check-ins and its meetings, without anything around them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.clock import day_of, start_of
from libs.common.codes.lists import TandemKind
from libs.common.facts.matching import Side
from libs.common.refusals import Refused
from services.matching.checkins.model import ANSWER_WITHIN, Checkin, CheckinState
from services.matching.concerns.model import Concern, ConcernState
from services.matching.meetings.model import Meeting, refuse_late, refuse_meeting
from services.matching.profiles.rules import days_later, today
from services.matching.projects.model import KnownProject, counts_for
from services.matching.tandems.model import RUNNING, EndReason, Tandem, TandemState
from services.matching.tandems.rules import DAYS_AFTER_TRIAL, began_at, planned_end, talk_days, trial_end

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
S, C = TandemState, CheckinState


def a_tandem(state: TandemState = S.TRIAL) -> Tandem:
    """A tandem in this state, whose trial has just ended."""
    return Tandem(proposal_id=uuid4(), region="15087", programme_id=uuid4(), household_id=uuid4(), mentor_id=uuid4(),
                  kind=TandemKind.EVERYDAY, state=state, started_at=NOW - timedelta(days=28), trial_until=NOW,
                  planned_until=date(2027, 3, 2))


def a_checkin(state: CheckinState = C.PLANNED) -> Checkin:
    """A check-in in this state."""
    return Checkin(tandem_id=uuid4(), region="15087", side=Side.HOUSEHOLD, day=28, due_at=NOW, state=state)


STEPS: list[tuple[Callable[[Tandem], Any], dict[TandemState, TandemState]]] = [
    (Tandem.pause, {S.ACTIVE: S.PAUSED}),
    (Tandem.resume, {S.PAUSED: S.ACTIVE}),
    (lambda one: one.complete(EndReason.GOAL_REACHED, NOW), {S.ACTIVE: S.COMPLETED, S.PAUSED: S.COMPLETED}),
    (lambda one: one.end_early(EndReason.MOVED, NOW), dict.fromkeys(RUNNING, S.ENDED_EARLY)),
    (lambda one: one.sign(NOW.date()), {state: state for state in RUNNING}),
    (lambda one: one.plan(NOW.date(), [], None), {state: state for state in RUNNING}),
    (Tandem.refuse_unless_trial, {S.TRIAL: S.TRIAL}),
]


@pytest.mark.parametrize("state", TandemState)
@pytest.mark.parametrize(("take", "leads"), STEPS)
def test_each_verb_leads_from_its_states_only(
    take: Callable[[Tandem], Any], leads: dict[TandemState, TandemState], state: TandemState,
) -> None:
    """Everything else is refused and changes nothing."""
    tandem = a_tandem(state)
    if state in leads:
        take(tandem)
    else:
        with pytest.raises(Refused, match="tandem is"):
            take(tandem)

    assert tandem.state is leads.get(state, state)


@pytest.mark.parametrize("first", Side)
def test_a_trial_ends_only_with_both_consents(first: Side) -> None:
    """One is not enough, and the same one twice is refused."""
    tandem, other = a_tandem(), next(side for side in Side if side is not first)
    assert tandem.consent(first, NOW) is False
    with pytest.raises(Refused, match="already"):
        tandem.consent(first, NOW)
    assert tandem.state is S.TRIAL
    assert tandem.consent(other, NOW) is True

    assert (tandem.state, tandem.confirmed_at) == (S.ACTIVE, NOW)


def test_nobody_consents_before_the_trial_is_over() -> None:
    """Not a second before."""
    with pytest.raises(Refused, match="not over"):
        a_tandem().consent(Side.MENTORS, NOW - timedelta(seconds=1))


@pytest.mark.parametrize(("given", "trial_days", "days"), [
    ([28, 182, 364], 28, [28, 182, 364]), ([90, 180, 270], 28, [28, 90, 180, 270]), ([], 28, [28, 182, 364]),
    ([30], 28, [30]), ([182], 0, [1, 182]), ([0, -5, 28], 28, [28])])
def test_both_sides_are_asked_on_the_programmes_days(given: list[int], trial_days: int, days: list[int]) -> None:
    """And always when the trial is over, so that they can say whether to go on."""
    assert talk_days(given, trial_days) == days


@given(st.dates(date(2022, 1, 1), date(2027, 1, 1)), st.integers(-99, 99), st.integers(0, 400),
       st.integers(0, DAYS_AFTER_TRIAL))
def test_what_follows_falls_on_the_day_that_is_meant(day: date, minutes: int, trial_days: int, more: int) -> None:
    """Begun at any minute around midnight, whenever clocks are changed; the talk that is to ask besides still does."""
    began = start_of(day) + timedelta(minutes=minutes)
    ends, due = trial_end(began, trial_days), days_later(began, trial_days + more)
    checkin = a_checkin()
    checkin.due_at = due

    assert (today(ends) - today(began), today(due) - today(began)) == (
        timedelta(days=trial_days), timedelta(days=trial_days + more))
    assert checkin.comes_after(ends)


@pytest.mark.parametrize(("began", "ends"), [
    ("2026-10-04T00:00+02:00", "2026-11-01T00:00+01:00"), ("2026-10-04T00:30+02:00", "2026-11-01T00:30+01:00"),
    ("2027-03-20T23:30+01:00", "2027-04-17T23:30+02:00"), ("2027-02-28T02:30+01:00", "2027-03-28T03:30+02:00"),
    ("2026-09-27T02:30+02:00", "2026-10-25T02:30+02:00"), ("2026-10-04T12:00+02:00", "2026-11-01T11:00+01:00"),
])
def test_a_trial_ends_on_its_day_also_where_the_clocks_are_changed(began: str, ends: str) -> None:
    """After 28 times 24 hours, also into an hour that is not there or is there twice; at midnight at the same hour."""
    assert trial_end(datetime.fromisoformat(began), 28) == datetime.fromisoformat(ends)


def test_a_tandem_is_planned_for_as_long_as_the_programme_asks() -> None:
    """In months; a year where nothing is said."""
    assert planned_end(NOW, 6) == date(2026, 9, 2)
    assert planned_end(NOW, 0) == date(2027, 3, 2)


@pytest.mark.parametrize("state", CheckinState)
def test_a_checkin_falls_due_is_missed_answered_and_looked_after_in_order(state: CheckinState) -> None:
    """Late due work finds an answered one as it is; a missed one is looked after, and answered before that or since."""
    due, missed, dropped = a_checkin(state), a_checkin(state), a_checkin(state)
    assert due.fall_due(NOW) is (state is C.PLANNED)
    assert missed.miss(NOW) is (state is C.DUE)
    steps: list[tuple[Callable[[Checkin], None], set[CheckinState]]] = [
        (lambda one: one.answer(mood=4, meetings_since=2, now=NOW), {C.DUE, C.ESCALATED, C.HANDLED}),
        (lambda one: one.handle("coordinator", NOW), {C.ESCALATED})]
    for take, allowed in steps:
        if state in allowed:
            take(a_checkin(state))
        else:
            with pytest.raises(Refused):
                take(a_checkin(state))
    dropped.drop(NOW)

    assert dropped.state is (C.DROPPED if state in {C.PLANNED, C.DUE, C.ESCALATED} else state)
    assert (missed.escalated_at == NOW) is (state is C.DUE)


@given(asked=st.booleans(), dropped=st.integers(-400, 400), again=st.integers(-400, 400))
def test_who_was_asked_once_is_not_planned_again(*, asked: bool, dropped: int, again: int) -> None:
    """Whatever the clock shows when a consent is taken back and given anew; others are, as long as there is time."""
    checkin = a_checkin(C.DUE if asked else C.PLANNED)
    checkin.drop(NOW + timedelta(days=dropped))
    planned = checkin.plan_again(NOW + timedelta(days=again))

    assert planned is (not asked and max(dropped, again) < 0)


@given(state=st.sampled_from(CheckinState), days=st.integers(-400, 400))
def test_after_a_pause_everybody_has_their_time_to_answer(state: CheckinState, days: int) -> None:
    """What nobody answered is asked on a day that has not passed, or can be answered since less than 14 days."""
    checkin, now = a_checkin(state), NOW + timedelta(days=days)
    checkin.go_on(now)

    if checkin.state is C.PLANNED:
        assert checkin.due_at == max(NOW, now)
    elif checkin.state is C.DUE:
        assert now < checkin.due_at + ANSWER_WITHIN
    if state not in {C.PLANNED, C.DUE}:
        assert (checkin.state, checkin.due_at) == (state, NOW)
    assert checkin.changed_at == now


def test_a_concern_is_taken_up_and_then_resolved() -> None:
    """In this order, each once."""
    concern = Concern(tandem_id=uuid4(), region="15087", person_ref=uuid4(), side=Side.MENTORS, raised_at=NOW)
    with pytest.raises(Refused, match="taken up"):
        concern.resolve(NOW)
    concern.take_up("neutral")
    with pytest.raises(Refused, match="raised"):
        concern.take_up("another")
    concern.resolve(NOW)

    assert (concern.state, concern.taken_up_by, concern.resolved_at) == (ConcernState.RESOLVED, "neutral", NOW)


@given(st.integers(-100, 100), st.integers(0, 60), st.none() | st.integers(0, 60))
def test_a_meeting_lies_between_the_beginning_and_the_end_or_today(met: int, day: int, ended: int | None) -> None:
    """Both days included; of a tandem that ended nothing lies behind its end."""
    ended = None if ended is None or ended > day else ended
    started_on, met_on, today = (date(2026, 3, 2) + timedelta(days=days) for days in (0, met, day))
    ended_on = None if ended is None else started_on + timedelta(days=ended)
    if 0 <= met <= (day if ended is None else ended):
        refuse_meeting(met_on, started_on=started_on, ended_on=ended_on, day=today)
    else:
        with pytest.raises(Refused, match="between"):
            refuse_meeting(met_on, started_on=started_on, ended_on=ended_on, day=today)


@pytest.mark.parametrize(("back", "ended", "slug"), [
    (60, None, None), (61, None, "meeting-too-old"), (0, 0, None), (60, 30, None), (31, 31, "meetings-closed"),
    (90, 31, "meetings-closed")])
def test_a_link_notes_for_60_days_and_30_after_the_end(back: int, ended: int | None, slug: str | None) -> None:
    """Days back that it was, and that the tandem ended."""
    day = date(2026, 6, 1)
    ended_on = None if ended is None else day - timedelta(days=ended)
    if slug is None:
        refuse_late(day - timedelta(days=back), ended_on=ended_on, day=day)
        return
    with pytest.raises(Refused) as refused:
        refuse_late(day - timedelta(days=back), ended_on=ended_on, day=day)
    assert refused.value.slug == slug


@pytest.mark.parametrize(("region", "day", "regions", "is_open"), [
    ("15087", date(2026, 3, 1), ["15087"], True), ("15087370", date(2026, 12, 31), ["15"], True),
    ("15087", date(2026, 5, 1), [], True), ("15084", date(2026, 5, 1), ["15087"], False),
    ("15087", date(2026, 2, 28), ["15087"], False), ("15087", date(2027, 1, 1), ["15087"], False)])
def test_a_project_is_open_in_its_term_and_regions(
    region: str, day: date, regions: list[str], is_open: bool,
) -> None:
    """Without regions everywhere; closed nowhere."""
    known = KnownProject(starts=date(2026, 3, 1), ends=date(2026, 12, 31), regions=regions)
    assert known.is_open(region, day, day) is is_open
    known.closed = True

    assert known.is_open(region, day, day) is False


@pytest.mark.parametrize(("since", "until", "is_open"), [
    (date(2026, 2, 1), date(2026, 3, 1), True), (date(2026, 12, 31), date(2027, 2, 1), True),
    (date(2026, 1, 1), date(2027, 2, 1), True), (date(2026, 2, 1), date(2026, 2, 28), False),
    (date(2027, 1, 1), date(2027, 2, 1), False)])
def test_a_project_is_open_for_what_lasts_into_its_term(since: date, until: date, is_open: bool) -> None:
    """Also when it began before it, or is entered after it: not when nothing of it lies inside."""
    assert KnownProject(starts=date(2026, 3, 1), ends=date(2026, 12, 31)).is_open("15087", since, until) is is_open


FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(("day", "closed", "until_now", "counts"), [
    (date(2026, 6, 1), None, None, SECOND), (date(2025, 6, 1), None, None, FIRST), (date(2024, 6, 1), None, None, None),
    (date(2026, 6, 1), None, FIRST, SECOND), (date(2024, 6, 1), None, FIRST, None),
    (date(2026, 6, 1), FIRST, FIRST, FIRST),
    (date(2026, 6, 1), FIRST, None, SECOND), (date(2026, 6, 1), SECOND, None, None),
    (date(2025, 6, 1), FIRST, None, None), (date(2025, 6, 1), SECOND, UUID(int=9), FIRST)])
def test_what_happened_counts_for_the_last_project_in_whose_term_it_lies(
    day: date, closed: UUID | None, until_now: UUID | None, counts: UUID | None,
) -> None:
    """Until its report is made: what was in it stays in it, and nothing else comes to it, or back to another."""
    terms = {FIRST: (date(2025, 1, 1), date(2026, 12, 31)), SECOND: (date(2026, 1, 1), date(2026, 6, 1))}
    known = {one: KnownProject(id=one, starts=first, ends=last, closed=one == closed)
             for one, (first, last) in terms.items()}

    assert counts_for(day, [UUID(int=8), FIRST, SECOND], known, until_now) == counts


def test_a_tandem_remembers_for_which_projects_it_counted() -> None:
    """In the order in which they were named last, until it counts for none; the same once more changes nothing."""
    tandem, until, seen = a_tandem(), date(2027, 3, 2), []
    for named in (FIRST, FIRST, SECOND, FIRST, None, None, SECOND):
        tandem.plan(until, [], named)
        seen.append(tandem.project_ids)

    assert seen == [[FIRST], [FIRST], [FIRST, SECOND], [SECOND, FIRST], [], [], [SECOND]]


@pytest.mark.parametrize(("ends", "met", "noted", "counts"), [
    (date(2026, 6, 15), date(2026, 6, 10), date(2026, 6, 20), date(2026, 6, 15)),
    (date(2026, 6, 15), date(2026, 6, 10), date(2026, 7, 2), date(2026, 6, 15)),
    (date(2026, 6, 15), date(2026, 6, 10), None, date(2026, 6, 15)),
    (date(2026, 6, 15), date(2026, 6, 10), date(2026, 6, 12), date(2026, 6, 12)),
    (date(2026, 6, 15), date(2026, 5, 20), date(2026, 6, 3), date(2026, 5, 31)),
    (date(2026, 6, 15), date(2026, 6, 16), date(2026, 6, 16), None),
    (date(2026, 6, 15), date(2026, 3, 8), date(2026, 3, 8), None),
    (date(2026, 6, 15), date(2026, 3, 9), date(2026, 3, 9), date(2026, 3, 9))])
def test_a_meeting_counts_as_of_a_day_of_its_month_inside_the_term(
    ends: date, met: date, noted: date | None, counts: date | None,
) -> None:
    """Held in a term that ends in the middle of a month it counts there, whenever it was noted; outside it does not."""
    known = {FIRST: KnownProject(id=FIRST, starts=date(2026, 3, 9), ends=ends)}
    noted_at = datetime(noted.year, noted.month, noted.day, 12, tzinfo=UTC) if noted else None
    meeting = Meeting(tandem_id=uuid4(), region="15087", project_id=FIRST, side=Side.MENTORS, person_ref=uuid4(),
                      met_on=met, minutes=60, noted_at=noted_at)
    assert meeting.counts_on(known) == counts
    meeting.project_id = None

    assert meeting.counts_on(known) is None


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(0, 70), st.integers(0, 60))
def test_meetings_of_a_month_that_are_noted_later_count_as_of_the_same_day(met: date, other: int, late: int) -> None:
    """So nobody learns from the day when they met."""
    ends, days = date(2026, 10, 20), sorted({met, met.replace(day=1 + other % 28)})
    noted_at = datetime.combine(met.replace(day=28) + timedelta(days=4 + late), time(12), UTC)
    project = KnownProject(id=FIRST, starts=date(2026, 1, 1), ends=ends)
    counted = {Meeting(tandem_id=uuid4(), region="15087", project_id=FIRST, side=Side.MENTORS, person_ref=uuid4(),
                       met_on=one, minutes=60, noted_at=noted_at).counts_on({FIRST: project})
               for one in days if one <= ends}

    assert len(counted) <= 1


@pytest.mark.parametrize(("on", "slug"), [
    (date(2026, 3, 3), "day-in-future"), (date(2021, 3, 1), "began-long-ago"), (date(2021, 3, 2), None),
    (None, None), (date(2026, 3, 2), None)])
def test_a_tandem_began_by_today_and_not_in_a_year_that_is_mistyped(on: date | None, slug: str | None) -> None:
    """At the beginning of the day in Germany, or now."""
    if slug:
        with pytest.raises(Refused) as refused:
            began_at(on, NOW)
        assert refused.value.slug == slug
        return
    began = began_at(on, NOW)

    assert (day_of(began), began == NOW) == (on or NOW.date(), on in {None, NOW.date()})


def test_a_beginning_is_not_corrected_to_after_they_met() -> None:
    """Nor of a tandem that has ended."""
    tandem, first = a_tandem(), date(2026, 2, 10)
    tandem.begin_otherwise(datetime(2026, 2, 10, tzinfo=UTC), first)
    with pytest.raises(Refused, match="2026-02-10"):
        tandem.begin_otherwise(datetime(2026, 2, 11, tzinfo=UTC), first)
    assert tandem.started_on == first
    tandem.begin_otherwise(NOW, None)
    tandem.end_early(EndReason.MOVED, NOW)
    with pytest.raises(Refused, match="ended early"):
        tandem.begin_otherwise(NOW, None)


@pytest.mark.parametrize("state", CheckinState)
def test_who_speaks_for_a_side_now_is_asked_how_it_goes_if_somebody_was(state: CheckinState) -> None:
    """Once more from the beginning; what is answered, escalated or dropped stays as it is."""
    checkin = a_checkin(state)
    assert checkin.ask_anew(NOW) is (state is C.DUE)

    assert checkin.state is (C.PLANNED if state is C.DUE else state)
