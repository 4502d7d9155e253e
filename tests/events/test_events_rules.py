"""The states of an event and what is fixed when; no database, the time is an argument."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from libs.common.codes.lists import EventKind
from libs.common.facts.events import EventPublished
from libs.common.refusals import Refused
from services.events.events.model import Event, EventState, RegistrationMode, Visibility
from services.events.events.rules import day_of, event_fact, text_of
from services.events.partners.model import KnownPartner, Standing, refuse_unless_verified
from services.events.projects.model import KnownProject, refuse_unless_open

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
STARTS, ENDS = NOW + timedelta(days=7), NOW + timedelta(days=7, hours=2)
FIELDS: dict[str, Any] = {
    "kind": EventKind.TRAINING, "project_id": None, "registration_mode": RegistrationMode.OPEN, "starts": STARTS,
    "ends": ENDS, "capacity": 10, "childcare_places": 2}


def an_event(state: EventState = EventState.DRAFT, **fields: Any) -> Event:
    """An event a week from now, in this state."""
    published = None if state is EventState.DRAFT else NOW - timedelta(days=1)
    return Event(**{"partner_id": uuid4(), "region": "15087", "state": state, "published_at": published,
                    "changed_at": NOW, "translations": {"de": {"title": "Schulung", "description": "Grundlagen"}},
                    **FIELDS, **fields})


STEPS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "publish": ({"now": NOW}, {"draft"}),
    "open": ({}, {"published"}),
    "close": ({}, {"published", "open"}),
    "hold": ({"now": STARTS}, {"published", "open", "closed", "running"}),
    "report": ({}, {"held"}),
    "cancel": ({"reason": "krank", "now": NOW}, {"draft", "published", "open", "closed"}),
    "change": ({"fields": FIELDS, "now": NOW}, {"draft", "published", "open", "closed"}),
    "refuse_unless_begun": ({"now": STARTS}, {"published", "open", "closed", "running", "held"}),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", EventState)
def test_each_step_is_possible_from_its_states_only(step: str, state: EventState) -> None:
    """What is not named is refused."""
    arguments, states = STEPS[step]
    event = an_event(state)

    if state in states:
        getattr(event, step)(**arguments)
    else:
        with pytest.raises(Refused):
            getattr(event, step)(**arguments)
        assert event.state is state


def test_registration_opens_with_the_event_or_at_its_own_time() -> None:
    """Without a time of its own the window opens at once; a drop-in event has none."""
    soon, later = an_event(), an_event(registration_opens=NOW + timedelta(days=1))
    drop_in = an_event(registration_mode=RegistrationMode.NONE)
    for event in (soon, later, drop_in):
        event.publish(NOW)

    assert [event.state for event in (soon, later, drop_in)] == [
        EventState.OPEN, EventState.PUBLISHED, EventState.PUBLISHED]
    assert later.open_when_due(NOW + timedelta(hours=23)) is False
    assert later.open_when_due(NOW + timedelta(hours=24)) is True
    assert drop_in.open_when_due(STARTS) is False


@pytest.mark.parametrize(("fields", "hours", "takes"), [
    ({}, 0, True), ({}, 7 * 24, False),
    ({"registration_closes": NOW + timedelta(hours=5)}, 4, True),
    ({"registration_closes": NOW + timedelta(hours=5)}, 5, False),
    ({"registration_mode": RegistrationMode.NONE}, 0, False),
])
def test_registration_goes_by_the_clock_also_when_due_work_is_late(
    fields: dict[str, Any], hours: int, takes: bool,
) -> None:
    """The state may lag behind; the time that was told is the time."""
    event = an_event(**fields)
    event.publish(NOW)

    assert event.takes_registrations(NOW + timedelta(hours=hours)) is takes


def test_the_time_of_opening_counts_before_its_due_work_is_done() -> None:
    """A published event whose window has begun takes registrations."""
    event = an_event(EventState.PUBLISHED, registration_opens=NOW)

    assert event.takes_registrations(NOW) is True
    assert event.takes_registrations(NOW - timedelta(seconds=1)) is False


def test_a_drop_in_event_says_that_nobody_needs_to_register() -> None:
    """Opening, closing and registering are refused with that reason."""
    event = an_event(EventState.PUBLISHED, registration_mode=RegistrationMode.NONE)

    for refused in (event.open, event.close, lambda: event.refuse_unless_open(NOW)):
        with pytest.raises(Refused, match="needs no registration"):
            refused()


def test_an_event_begins_and_ends_by_the_clock() -> None:
    """From any announced state; not before, and not twice."""
    event = an_event(EventState.OPEN)

    assert event.begin(STARTS - timedelta(seconds=1)) is False
    assert event.begin(STARTS) is True
    assert event.begin(STARTS) is False
    assert event.hold_when_due(ENDS) is True
    assert event.hold_when_due(ENDS) is False


def test_an_event_is_not_held_before_it_began() -> None:
    """The organiser may end it early, but not before the start."""
    event = an_event(EventState.CLOSED)

    with pytest.raises(Refused, match="not begun"):
        event.hold(STARTS - timedelta(minutes=1))
    event.hold(STARTS + timedelta(minutes=1))

    assert event.state is EventState.HELD


def test_an_event_that_began_cannot_be_cancelled_even_if_nobody_noticed_yet() -> None:
    """Its state may lag behind the clock."""
    event = an_event(EventState.OPEN)

    with pytest.raises(Refused, match="running"):
        event.cancel("zu spät", STARTS)


@pytest.mark.parametrize("name", ["kind", "project_id", "registration_mode"])
def test_what_others_count_on_is_fixed_once_published(name: str) -> None:
    """A draft may still change it."""
    other = {"kind": EventKind.CONGRESS, "project_id": uuid4(), "registration_mode": RegistrationMode.APPROVAL}
    changed = FIELDS | {name: other[name]}

    assert an_event().change(changed, NOW) is False
    with pytest.raises(Refused) as refused:
        an_event(EventState.OPEN).change(changed, NOW)
    assert (refused.value.slug, refused.value.field) == ("event-field-fixed", name)


def test_another_time_is_told_only_of_a_published_event() -> None:
    """change says whether people must hear of it; each change raises the calendar's sequence."""
    moved = FIELDS | {"starts": STARTS + timedelta(hours=1), "ends": ENDS + timedelta(hours=1)}
    draft, published = an_event(), an_event(EventState.OPEN)

    assert (draft.change(moved, NOW), draft.sequence) == (False, 0)
    assert (published.change(FIELDS, NOW), published.sequence) == (False, 1)
    assert (published.change(moved, NOW), published.sequence) == (True, 2)


def test_a_published_event_cannot_be_moved_into_the_past() -> None:
    """Nobody could come."""
    with pytest.raises(Refused, match="in the past"):
        an_event(EventState.OPEN).change(FIELDS | {"starts": NOW, "ends": ENDS}, NOW)
    with pytest.raises(Refused, match="in the past"):
        an_event(starts=NOW).publish(NOW)


@pytest.mark.parametrize("fewer", [{"capacity": 4}, {"childcare_places": 0}])
def test_places_that_are_taken_stay(fewer: dict[str, int]) -> None:
    """Capacity and childcare cannot go below what is confirmed or offered; more, or without limit, is fine."""
    event = an_event(EventState.OPEN, seats_taken=5, childcare_taken=1)

    with pytest.raises(Refused) as refused:
        event.change(FIELDS | fewer, NOW)
    assert refused.value.slug == "places-taken"
    event.change(FIELDS | {"capacity": None}, NOW)


def test_full_is_computed() -> None:
    """An event without capacity is never full."""
    assert an_event(seats_taken=10).full is True
    assert an_event(seats_taken=9).full is False
    assert an_event(capacity=None, seats_taken=10_000).full is False


def test_only_a_verified_partner_organises() -> None:
    """Unknown, suspended and left partners do not."""
    for partner in (None, KnownPartner(standing=Standing.SUSPENDED), KnownPartner(standing=Standing.LEFT)):
        with pytest.raises(Refused, match="verified"):
            refuse_unless_verified(partner)
    refuse_unless_verified(KnownPartner(standing=Standing.VERIFIED))


def test_an_event_counts_for_a_known_and_open_project_only() -> None:
    """Each has its own reason."""
    closed = KnownProject(starts=NOW.date(), ends=NOW.date(), open=False)
    for project, slug in ((None, "project-unknown"), (closed, "project-closed")):
        with pytest.raises(Refused) as refused:
            refuse_unless_open(project)
        assert refused.value.slug == slug


def test_the_fact_carries_codes_and_says_who_may_hear_of_it() -> None:
    """open_to_all is the public visibility, so that subscribers are not told of what they cannot see."""
    told = event_fact(EventPublished, an_event(visibility=Visibility.NETWORK, languages=["ar"]))

    assert (told.kind, told.region, told.languages, told.open_to_all) == (
        EventKind.TRAINING, "15087", ("ar",), False)


def test_an_events_day_is_the_day_in_germany() -> None:
    """Half past eleven at night UTC is already tomorrow in Berlin."""
    assert day_of(an_event(starts=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))).isoformat() == "2026-07-02"


def test_a_text_falls_back_along_the_readers_languages() -> None:
    """What is not translated is read in German, and at last in whatever there is."""
    event = an_event(translations={"uk": {"title": "Тренінг", "description": "Основи"}})

    assert text_of(event, "title", ["fa"]) == "Тренінг"
    assert text_of(an_event(), "title", ["uk", "en"]) == "Schulung"
