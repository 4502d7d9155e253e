"""The rule of a series: weekly by the clock in Berlin, across both changes of the clock, bounded and extendable."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.refusals import Refused
from services.events.events.rules import BERLIN
from services.events.series.model import Series
from services.events.series.rules import (
    MOST_AT_ONCE,
    at_wall_clock,
    first_times,
    parsed_rule,
    wall_clock,
    without,
)


def local(text: str) -> datetime:
    """What a clock on the wall shows."""
    return datetime.fromisoformat(text)


def moments(rule: str, first: datetime) -> list[datetime]:
    """When the events of a series begin, in UTC."""
    return [at_wall_clock(at) for at in first_times(parsed_rule(rule), first)]


def test_the_clock_time_stays_when_summer_time_ends() -> None:
    """Across 2026-10-25 the café stays at six in the evening: five o'clock UTC instead of four."""
    begins = moments("FREQ=WEEKLY;BYDAY=TU;COUNT=3", local("2026-10-20T18:00"))

    assert begins == [datetime(2026, 10, 20, 16, tzinfo=UTC), datetime(2026, 10, 27, 17, tzinfo=UTC),
                      datetime(2026, 11, 3, 17, tzinfo=UTC)]


def test_the_clock_time_stays_when_summer_time_begins() -> None:
    """Across 2027-03-28, the other way round."""
    begins = moments("FREQ=WEEKLY;UNTIL=20270406", local("2027-03-23T18:00"))

    assert begins == [datetime(2027, 3, 23, 17, tzinfo=UTC), datetime(2027, 3, 30, 16, tzinfo=UTC),
                      datetime(2027, 4, 6, 16, tzinfo=UTC)]


def test_an_hour_that_is_skipped_or_comes_twice_has_one_meaning() -> None:
    """Half past two on a Sunday: skipped in March, so an hour later; twice in October, so the first time."""
    assert at_wall_clock(local("2027-03-28T02:30")) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert at_wall_clock(local("2026-10-25T02:30")) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(st.datetimes(local("2024-01-01T00:00"), local("2030-01-01T00:00")), st.integers(1, 52), st.integers(1, 40))
def test_every_event_shows_the_same_time_on_the_clock(first: datetime, interval: int, count: int) -> None:
    """Whatever the weeks, also over changes of the clock; only in the skipped hour it is an hour later."""
    first = first.replace(microsecond=0)
    begins = moments(f"FREQ=WEEKLY;INTERVAL={interval};COUNT={count}", first)

    assert len(begins) == count
    for number, moment in enumerate(begins):
        local, planned = moment.astimezone(BERLIN).replace(tzinfo=None), first + timedelta(weeks=number * interval)
        assert local == planned or (local - planned == timedelta(hours=1) and planned.hour == 2)


def test_several_days_a_week_and_a_pause_between_weeks() -> None:
    """Tuesdays and Fridays of every second week."""
    times = first_times(parsed_rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,FR;COUNT=4"), local("2026-10-20T18:00"))

    assert [at.date().isoformat() for at in times] == ["2026-10-20", "2026-10-23", "2026-11-03", "2026-11-06"]


def test_the_last_day_is_included_by_date_and_by_moment() -> None:
    """UNTIL as a day lasts until its end; as a moment in UTC to the second."""
    first = local("2026-10-20T18:00")

    assert len(moments("FREQ=WEEKLY;UNTIL=20261027", first)) == 2
    assert len(moments("FREQ=WEEKLY;UNTIL=20261027T170000Z", first)) == 2
    assert len(moments("FREQ=WEEKLY;UNTIL=20261027T165959Z", first)) == 1


@pytest.mark.parametrize(("rule", "slug"), [
    ("FREQ=DAILY;COUNT=3", "series-rule"), ("FREQ=WEEKLY;BYHOUR=5;COUNT=3", "series-rule"),
    ("FREQ=WEEKLY;INTERVAL=0;COUNT=3", "series-rule"), ("FREQ=WEEKLY;COUNT=0", "series-rule"),
    ("FREQ=WEEKLY;COUNT=3;COUNT=3", "series-rule"), ("COUNT=3", "series-rule"), ("", "series-rule"),
    ("RRULE:FREQ=WEEKLY;COUNT=3", "series-rule"), ("FREQ=WEEKLY;BYDAY=XX;COUNT=3", "series-rule"),
    ("FREQ=WEEKLY;UNTIL=20261399", "series-rule"), ("FREQ=WEEKLY;UNTIL=20261027T999999Z", "series-rule"),
    ("FREQ=WEEKLY;UNTIL=20250101", "series-rule"), ("FREQ=WEEKLY;COUNT=٣", "series-rule"),
    ("FREQ=WEEKLY", "series-unbounded"), ("FREQ=WEEKLY;COUNT=3;UNTIL=20270101", "series-unbounded"),
    ("FREQ=WEEKLY;BYDAY=FR;COUNT=3", "series-first-day"),
    ("FREQ=WEEKLY;COUNT=61", "series-too-long"), ("FREQ=WEEKLY;COUNT=9999", "series-too-long"),
    ("FREQ=WEEKLY;UNTIL=20990101", "series-too-long"),
])
def test_a_rule_that_is_none_or_too_much_is_refused(rule: str, slug: str) -> None:
    """The first event is on Tuesday, 20 October 2026."""
    with pytest.raises(Refused) as refused:
        first_times(parsed_rule(rule), local("2026-10-20T18:00"))

    assert refused.value.slug == slug


def test_the_refusal_names_how_many_events_are_possible_at_once() -> None:
    """And exactly that many are."""
    with pytest.raises(Refused) as refused:
        first_times(parsed_rule("FREQ=WEEKLY;COUNT=61"), local("2026-10-20T18:00"))

    assert refused.value.sentence({}, "en") == f"A series makes at most {MOST_AT_ONCE} events at once; extend it later."
    assert len(first_times(parsed_rule("FREQ=WEEKLY;COUNT=60"), local("2026-10-20T18:00"))) == 60


def a_series() -> Series:
    """Three Tuesdays from 20 October 2026 on, six to eight; registration opens two days before, at six."""
    return Series(pattern="FREQ=WEEKLY;BYDAY=TU", first=local("2026-10-20T18:00"), last=local("2026-11-03T18:00"),
                  minutes=120, opens_before=2 * 24 * 60, closes_before=None)


def test_a_series_goes_on_where_it_ended() -> None:
    """No event twice, none left out; a day before the next event is refused."""
    series = a_series()

    assert [at.day for at in series.extend(date(2026, 11, 17))] == [10, 17]
    assert series.last == local("2026-11-17T18:00")
    with pytest.raises(Refused, match="No further event"):
        series.extend(date(2026, 11, 23))


def test_all_times_of_an_event_go_by_its_own_clock() -> None:
    """Registration opens two days before by the clock, though one of them had 25 hours."""
    times = a_series().times_of(local("2026-10-27T01:00"))

    assert times["registration_opens"] == datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert times["starts"] == datetime(2026, 10, 27, 0, tzinfo=UTC)
    assert times["ends"] == datetime(2026, 10, 27, 2, tzinfo=UTC)
    assert times["registration_closes"] is None


def test_an_event_ends_by_the_clock_although_an_hour_comes_twice() -> None:
    """From one to three at night when summer time ends are three hours, and it ends at three."""
    times = a_series().times_of(local("2026-10-25T01:00"))

    assert times["starts"] == datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert times["ends"] == datetime(2026, 10, 25, 2, tzinfo=UTC)


def test_a_day_is_left_out_once() -> None:
    """An exception is a day in Germany."""
    series = a_series()
    series.leave_out(date(2026, 10, 27))

    assert without([local("2026-10-20T18:00"), local("2026-10-27T18:00")], series.exceptions) == [
        local("2026-10-20T18:00")]
    with pytest.raises(Refused, match="already"):
        series.leave_out(date(2026, 10, 27))


def test_the_wall_clock_shows_what_people_read() -> None:
    """The same moment, whatever its offset."""
    assert wall_clock(datetime(2026, 7, 1, 16, tzinfo=UTC)) == local("2026-07-01T18:00")
