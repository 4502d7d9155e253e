"""Figures from counted facts alone: what counts, how it is counted, and that order and repetition change nothing."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.refusals import Invalid
from services.registry.indicators.model import COUNTABLE, Counted, CountedFact, IndicatorState, Metric
from services.registry.indicators.rules import figures, in_force, lies_in, needed_for, next_check, state_of
from tests.registry.counted import (
    PROJECT,
    START,
    a_fact,
    actual,
    an_indicator,
    attended,
    corrected,
    figure_of,
    held,
    tallied,
    thing,
)


def a_project_closed(number: int) -> Any:
    """The project, closed right after its speaker's fact of this number was told."""
    return PROJECT.model_copy(update={"closed_at": START + timedelta(seconds=number)})


def test_attendances_count_everyone_each_time_and_persons_once() -> None:
    """Two evenings of one person are two attendances and one person."""
    facts = [attended("anna", "one"), attended("anna", "two"), attended("omar", "two"), tallied(12)]

    assert actual(an_indicator(Metric.ATTENDANCES), facts) == 15
    assert actual(an_indicator(Metric.DISTINCT_PERSONS), facts) == 2


def test_the_note_says_who_may_be_twice_and_who_cannot_be_told_apart() -> None:
    """A random key counts and is noted; without a key, and in a tally, nobody is known to be distinct."""
    facts = [attended("anna"), attended("drawn", random_key=True), attended(None), tallied(5)]

    figure = figure_of(an_indicator(Metric.DISTINCT_PERSONS), facts)

    assert (figure.actual, figure.random_keys, figure.without_key) == (2, 1, 6)
    assert len(figure.facts) == 2


@pytest.mark.parametrize("fields", [
    {"occurred_on": date(2077, 2, 28)}, {"occurred_on": date(2078, 1, 1)},
    {"region": "15003"}, {"region": "05158"}, {"region": "99999"}, {"region": "15"},
])
def test_what_is_outside_the_term_or_the_target_regions_does_not_count(fields: dict[str, Any]) -> None:
    """One day too early or too late, another district, no district at all; the first and last day count."""
    facts = [attended("anna", **fields)]

    assert actual(an_indicator(), facts) == 0
    for day in (PROJECT.starts, PROJECT.ends):
        assert actual(an_indicator(), [attended("anna", occurred_on=day, region="15087370")]) == 1


def test_what_comes_after_the_deadline_does_not_count() -> None:
    """An indicator for the half-year stays as it was then."""
    indicator = an_indicator(deadline=date(2077, 6, 30))

    assert actual(indicator, [attended("anna", occurred_on=date(2077, 6, 30))]) == 1
    assert actual(indicator, [attended("anna", occurred_on=date(2077, 7, 1))]) == 0


@pytest.mark.parametrize(("filtered", "counts"), [
    ({"event_kinds": ["training"]}, ["anna"]), ({"event_kinds": ["training", "workshop"]}, ["anna", "omar"]),
    ({"training_code": "basic_training"}, ["anna"]), ({"regions": ["15084"]}, ["omar"]),
    ({"regions": ["15"]}, ["anna", "omar"]),
    ({"rural_only": True}, ["anna", "omar"]), ({"event_kinds": ["congress"]}, []),
])
def test_each_part_of_the_filter_narrows(filtered: dict[str, Any], counts: list[str]) -> None:
    """Kind of event, training, region, rural."""
    facts = [attended("anna", training_code="basic_training"),
             attended("omar", "two", event_kind="workshop", region="15084")]

    assert actual(an_indicator(**filtered), facts) == len(counts)


def test_a_city_is_not_rural() -> None:
    """A project for cities and districts counts both, its rural indicator only the districts."""
    project = PROJECT.model_copy(update={"target_regions": ["15"]})
    facts = [attended("anna", region="15002"), attended("omar", "two", region="15088")]

    assert actual(an_indicator(rural_only=True), facts, project) == 1
    assert actual(an_indicator(), facts, project) == 2


def test_a_correction_takes_back_and_gives_back() -> None:
    """The last word on an attendance holds."""
    attendance = attended("anna", number=1)
    facts = [attendance, corrected(attendance, 2)]
    assert actual(an_indicator(), facts) == 0
    assert actual(an_indicator(), [*facts, corrected(attendance, 3, counts=True)]) == 1


def test_the_last_tally_of_an_event_counts() -> None:
    """A tally that is entered again replaces the first."""
    assert actual(an_indicator(), [tallied(12, number=1), tallied(9, number=2), tallied(3, "other", number=3)]) == 12


def test_events_and_tandems_are_counted_as_records() -> None:
    """Each event once, however often it was told; a tandem once even with many meetings."""
    facts = [held("one"), held("one", 2), held("two", 3), held("cafe", 4, event_kind="language_cafe")]
    assert actual(an_indicator(Metric.RECORDS, Counted.EVENT_HELD, event_kinds=["training"]), facts) == 2
    meetings = [a_fact(Counted.MEETING, name, 1, subject_kind="tandem", subject_key="t1") for name in "abc"]
    assert actual(an_indicator(Metric.RECORDS, Counted.MEETING), meetings) == 3
    assert actual(an_indicator(Metric.DISTINCT_SUBJECTS, Counted.MEETING), meetings) == 1


def test_persons_and_groups_are_advised_as_subjects() -> None:
    """A group and a person with one address are two; a group is no person."""
    advised = [a_fact(Counted.CONSULTATION, name, subject_kind=kind, subject_key=key)
               for name, kind, key in (("a", "person", "k"), ("b", "group", "k"), ("c", "person", "k"))]

    assert actual(an_indicator(Metric.DISTINCT_SUBJECTS, Counted.CONSULTATION), advised) == 2
    both = an_indicator(Metric.DISTINCT_PERSONS, Counted.ATTENDANCE, Counted.CONSULTATION)
    assert actual(both, [*advised, attended("k"), attended("other")]) == 2


def test_the_minutes_of_meetings_are_added_up_as_they_were_corrected() -> None:
    """Noted, corrected, and withdrawn: of each meeting what was told of it last; a withdrawn one is no meeting."""
    noted = [a_fact(Counted.MEETING, name, 1, value=60, subject_kind="tandem", subject_key="t1") for name in "abc"]
    longer = a_fact(Counted.MEETING, "a", 2, value=90, subject_kind="tandem", subject_key="t1")
    gone = corrected(noted[1], 3)
    minutes, records = an_indicator(Metric.MEETING_MINUTES, Counted.MEETING), an_indicator(
        Metric.RECORDS, Counted.MEETING)

    assert (actual(minutes, noted), actual(records, noted)) == (180, 3)
    assert (actual(minutes, [gone, longer, *noted]), actual(records, [gone, longer, *noted])) == (150, 2)
    with pytest.raises(Invalid, match="meeting minutes"):
        an_indicator(Metric.MEETING_MINUTES, Counted.MEETING, Counted.TANDEM_STARTED).check(PROJECT)


def meeting(people: dict[str, int], name: str = "meeting") -> list[CountedFact]:
    """A best-practice meeting at which so many people were from each home region."""
    facts = [held(name, event_kind="best_practice_meeting")]
    for home, count in people.items():
        facts += [attended(f"{name}{home}{one}", name, event_kind="best_practice_meeting", home_region=home)
                  for one in range(count)]
    return facts


@pytest.mark.parametrize(("people", "counts"), [
    ({"15087": 10, "15084": 10}, 1), ({"15087": 10, "15084": 9}, 0), ({"15087": 20}, 0),
    ({"15087": 19, "15002": 5}, 0), ({"15087370": 10, "15087": 5, "15088": 5}, 1), ({"15": 20, "15087": 5}, 0),
])
def test_a_meeting_counts_with_enough_people_from_enough_rural_districts(people: dict[str, int], counts: int) -> None:
    """At least 20 from at least two rural districts; a city, a Land, and a municipality of the same do not add one."""
    indicator = an_indicator(Metric.RECORDS, Counted.EVENT_HELD, event_kinds=["best_practice_meeting"],
                             min_per_event=20, min_rural_regions=2)

    assert actual(indicator, [*meeting(people), *meeting({"15087": 3}, "small")]) == counts


def test_a_condition_counts_each_person_at_an_event_once() -> None:
    """Two days of the same ten are ten people; who was tallied is there as well."""
    days = [attended(f"p{one}", "congress", event_kind="congress") for one in range(10)]
    days += [day.model_copy(update={"id": thing(f"{day.id}"), "source_id": thing(f"{day.id}")}) for day in days]
    indicator = an_indicator(min_per_event=11)

    assert actual(indicator, days) == 0
    assert actual(indicator, [*days, tallied(1, "congress")]) == 21


def test_what_is_told_after_the_closing_changes_nothing() -> None:
    """The report's figure stays, also against late corrections."""
    attendance = attended("anna", number=1)
    late = [corrected(attendance, 5), attended("omar", number=6)]

    assert actual(an_indicator(), [attendance, *late], a_project_closed(4)) == 1
    assert actual(an_indicator(), [attendance, *late], a_project_closed(6)) == 1
    assert actual(an_indicator(), [attendance, *late], a_project_closed(5)) == 0


BOTH = (Counted.ATTENDANCE, Counted.CONSULTATION)


@pytest.mark.parametrize(("metric", "counted", "fields", "slug"), [
    (Metric.ATTENDANCES, [Counted.EVENT_HELD], {}, "metric-facts"),
    (Metric.RECORDS, [Counted.ATTENDANCE], {}, "metric-facts"),
    (Metric.DISTINCT_PERSONS, [Counted.ATTENDANCE, Counted.MEETING], {}, "metric-facts"),
    (Metric.ATTENDANCES, [Counted.TALLY], {}, "metric-facts"),
    (Metric.DISTINCT_PERSONS, BOTH, {"event_kinds": ["training"]}, "filter-events-only"),
    (Metric.RECORDS, [Counted.CONSULTATION], {"min_per_event": 2}, "filter-events-only"),
    (Metric.RECORDS, [Counted.EVENT_HELD], {"training_code": "basic"}, "filter-training-only"),
    (Metric.ATTENDANCES, [Counted.ATTENDANCE], {"deadline": date(2078, 1, 1)}, "deadline-outside"),
    (Metric.ATTENDANCES, [Counted.ATTENDANCE], {"deadline": date(2077, 2, 28)}, "deadline-outside"),
])
def test_what_cannot_be_counted_so_is_refused(
    metric: Metric, counted: list[Counted], fields: dict[str, Any], slug: str,
) -> None:
    """A combination that could only ever be 0, or wrong, is no indicator."""
    with pytest.raises(Invalid) as refused:
        an_indicator(metric, *counted, **fields).check(PROJECT)
    assert refused.value.slug == slug


@pytest.mark.parametrize("metric", Metric)
def test_every_combination_that_is_offered_is_taken(metric: Metric) -> None:
    """Each metric with each fact that it can count."""
    for kind in COUNTABLE[metric]:
        an_indicator(metric, kind).check(PROJECT)


@pytest.mark.parametrize(("day", "value", "state"), [
    (date(2077, 3, 1), 0, IndicatorState.ON_TRACK), (date(2077, 2, 1), 0, IndicatorState.ON_TRACK),
    (date(2077, 8, 1), 5, IndicatorState.ON_TRACK), (date(2077, 8, 1), 4, IndicatorState.BEHIND),
    (date(2077, 12, 31), 9, IndicatorState.ON_TRACK), (date(2078, 1, 1), 9, IndicatorState.MISSED),
    (date(2078, 1, 1), 10, IndicatorState.REACHED), (date(2077, 3, 1), 11, IndicatorState.REACHED),
])
def test_the_state_goes_by_the_share_of_time_that_is_over(day: date, value: int, state: IndicatorState) -> None:
    """Half of the time is half of the target; after the deadline it is reached or missed."""
    assert state_of(an_indicator(), PROJECT, value, day) is state


def test_it_is_looked_at_three_times_whether_it_is_at_risk() -> None:
    """At half of the time, three quarters, and nine tenths, and no more."""
    days, day = [], PROJECT.starts
    while (following := next_check(an_indicator(), PROJECT, day)) is not None:
        days.append(following)
        day = following

    assert days == [date(2077, 7, 31), date(2077, 10, 15), date(2077, 11, 30)]


def test_a_merged_district_lies_where_it_went() -> None:
    """Eisenach went to the Wartburgkreis in 2021; what has no region's key lies nowhere."""
    assert lies_in("16056", ["16063"])
    assert not lies_in("99999", ["99999", "15"])


PEOPLE = st.sampled_from(["anna", "omar", "lena", None])
EVENTS = st.sampled_from(["one", "two", "three"])


@st.composite
def histories(draw: st.DrawFn) -> list[CountedFact]:
    """What a speaker may tell in order: attendances, tallies and events, and corrections of what was told."""
    facts: list[CountedFact] = []
    for number in range(1, draw(st.integers(1, 14))):
        attendances = [fact for fact in facts if fact.kind is Counted.ATTENDANCE]
        kind = draw(st.sampled_from(["attended", "tallied", "held", "corrected"]))
        day = {"occurred_on": draw(st.sampled_from([date(2077, 4, 12), date(2077, 2, 1), date(2077, 12, 31)]))}
        region = {"region": draw(st.sampled_from(["15087", "15084", "15003"]))}
        if kind == "corrected" and attendances:
            facts.append(corrected(draw(st.sampled_from(attendances)), number, counts=draw(st.booleans())))
        elif kind == "tallied":
            facts.append(tallied(draw(st.integers(0, 9)), draw(EVENTS), number, **day, **region))
        elif kind == "held":
            facts.append(held(draw(EVENTS), number, **day, **region))
        else:
            home = draw(st.sampled_from(["15087", "15084", None]))
            facts.append(attended(draw(PEOPLE), draw(EVENTS), number, **day, **region, home_region=home))
    return facts


INDICATORS = [
    an_indicator(Metric.ATTENDANCES), an_indicator(Metric.DISTINCT_PERSONS), an_indicator(Metric.DISTINCT_SUBJECTS),
    an_indicator(Metric.RECORDS, Counted.EVENT_HELD), an_indicator(rural_only=True, deadline=date(2077, 6, 30)),
    an_indicator(Metric.RECORDS, Counted.EVENT_HELD, min_per_event=2, min_rural_regions=1),
]


@settings(max_examples=80, deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.none() | st.integers(0, 14))
def test_order_and_repetition_change_no_figure(facts: list[CountedFact], chance: Any, closed: int | None) -> None:
    """Heard late, twice, or all anew in another order: the same figures, of the same facts in the same order."""
    project = PROJECT if closed is None else a_project_closed(closed)
    again = [*facts, *chance.choices(facts, k=len(facts))] if facts else []
    chance.shuffle(again)

    assert figures(INDICATORS, project, again) == figures(INDICATORS, project, facts)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_figures_are_what_a_list_kept_by_hand_says(facts: list[CountedFact]) -> None:
    """Against a plain reckoning: told in order, the last word on each attendance and each tally."""
    attendances: dict[Any, CountedFact] = {}
    struck, tallies = set(), {}
    for fact in facts:
        if fact.kind is Counted.ATTENDANCE:
            attendances[fact.source_id] = fact
            struck.discard(fact.source_id)
        elif fact.kind is Counted.CORRECTION:
            (struck.discard if fact.value else struck.add)(fact.source_id)
        elif fact.kind is Counted.TALLY:
            tallies[fact.source_id] = fact
    there = [fact for source, fact in attendances.items() if source not in struck]
    inside = [fact for fact in [*there, *tallies.values()]
              if fact.region != "15003" and fact.occurred_on != date(2077, 2, 1)]

    assert actual(INDICATORS[0], facts) == sum(fact.value for fact in inside)
    assert actual(INDICATORS[1], facts) == len({fact.subject_key for fact in inside if fact.subject_key})


@settings(max_examples=60, deadline=None)
@given(histories())
def test_what_a_figure_does_not_need_changes_nothing(facts: list[CountedFact]) -> None:
    """Computed from the kinds of facts that it asks for alone, each figure is the same, of the same facts."""
    for indicator in INDICATORS:
        needed = [fact for fact in facts if fact.kind in needed_for([indicator])]
        assert figures([indicator], PROJECT, needed) == figures([indicator], PROJECT, facts)


@settings(max_examples=40, deadline=None)
@given(histories())
def test_a_figure_is_the_sum_of_its_facts(facts: list[CountedFact]) -> None:
    """Drilling down never shows more or less than what was counted, and no fact twice."""
    for indicator, figure in zip(INDICATORS, figures(INDICATORS, PROJECT, facts), strict=True):
        assert len({fact.id for fact in figure.facts}) == len(figure.facts)
        if indicator.metric is Metric.ATTENDANCES:
            assert sum(fact.value for fact in figure.facts) == figure.actual
        elif indicator.metric is Metric.RECORDS:
            assert len(figure.facts) == figure.actual
        else:
            assert len({(fact.subject_kind, fact.subject_key) for fact in figure.facts}) == figure.actual


def test_nothing_holds_of_nothing() -> None:
    """A project without facts has figures of 0, also for newsletters that nobody announces yet."""
    assert in_force([]) == []
    assert actual(an_indicator(Metric.RECORDS, Counted.NEWSLETTER), []) == 0
