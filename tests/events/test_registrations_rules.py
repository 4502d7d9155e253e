"""The rules of the waiting list and of a registration's states; no database, no clock."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.codes.lists import EventKind
from libs.common.refusals import Refused
from services.events.events.model import Event
from services.events.registrations.model import Registration, RegistrationState, needs_of
from services.events.registrations.rules import NO_PLACES, Party, Places, fits_at_once, next_in_line

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
SEATS = st.one_of(st.none(), st.integers(0, 12))
NEEDS = st.builds(Places, st.integers(1, 5), st.integers(0, 3))
LINES = st.lists(NEEDS, max_size=12).map(
    lambda needs: [Party(UUID(int=place), need) for place, need in enumerate(needs)])
TAKEN = st.builds(Places, st.integers(0, 6), st.integers(0, 3))
THERE = st.builds(Places, SEATS, st.integers(0, 6))


def needs_by(line: list[Party]) -> dict[UUID, Places]:
    """What each party of the line needs."""
    return {party.registration_id: party.needs for party in line}


@given(THERE, TAKEN, LINES, st.booleans())
def test_no_place_is_ever_sold_twice(there: Places, taken: Places, line: list[Party], fill_gaps: bool) -> None:
    """All that is taken and offered together is never more than there is, of seats and of childcare places."""
    served = next_in_line(there, taken, line, fill_gaps=fill_gaps)

    for registration_id in served:
        taken += needs_by(line)[registration_id]
    assert not served or taken.within(there)


@given(THERE, TAKEN, LINES, st.booleans())
def test_a_party_is_served_whole_and_once_in_the_order_of_the_line(
    there: Places, taken: Places, line: list[Party], fill_gaps: bool,
) -> None:
    """Who is served stands in the line, once, and nobody overtakes among those served."""
    served = next_in_line(there, taken, line, fill_gaps=fill_gaps)

    assert served == [party.registration_id for party in line if party.registration_id in set(served)]
    assert len(set(served)) == len(served)


@given(THERE, TAKEN, LINES)
def test_nobody_passes_one_who_waits_unless_gaps_are_filled(there: Places, taken: Places, line: list[Party]) -> None:
    """Without fill_gaps the served are the head of the line; only who could never be served is stepped over."""
    served = set(next_in_line(there, taken, line, fill_gaps=False))

    possible = [party.registration_id in served for party in line if party.needs.within(there)]
    assert possible == sorted(possible, reverse=True)


@given(THERE, TAKEN, LINES, st.booleans())
def test_nothing_is_left_that_the_next_in_line_needs(
    there: Places, taken: Places, line: list[Party], fill_gaps: bool,
) -> None:
    """Afterwards the first who waits (with gaps filled: everyone who waits) lacks a seat or a childcare place."""
    served = next_in_line(there, taken, line, fill_gaps=fill_gaps)

    for registration_id in served:
        taken += needs_by(line)[registration_id]
    waits = [party for party in line if party.registration_id not in served and party.needs.within(there)]
    for party in waits if fill_gaps else waits[:1]:
        assert not (taken + party.needs).within(there)
    assert next_in_line(there, taken, waits, fill_gaps=fill_gaps) == []


@given(THERE, TAKEN, LINES, NEEDS, st.booleans())
def test_equal_needs_are_served_in_the_order_of_time(
    there: Places, taken: Places, line: list[Party], same: Places, fill_gaps: bool,
) -> None:
    """Of two parties that need the same, the later one is never served without the earlier, also with gaps filled."""
    early, late = Party(uuid4(), same), Party(uuid4(), same)
    served = next_in_line(there, taken, [early, *line, late], fill_gaps=fill_gaps)

    assert late.registration_id not in served or early.registration_id in served


@given(THERE, TAKEN, LINES, NEEDS, st.booleans())
def test_who_arrives_is_treated_as_the_last_of_the_line(
    there: Places, taken: Places, line: list[Party], needs: Places, fill_gaps: bool,
) -> None:
    """Getting places at once is the same rule as waiting at the end of a line that cannot be served now."""
    waits = [party for party in line if party.needs.within(there) and not (taken + party.needs).within(there)]
    newcomer = Party(uuid4(), needs)

    at_once = fits_at_once(there, taken, needs, someone_waits=bool(waits), fill_gaps=fill_gaps)

    assert at_once == (newcomer.registration_id in next_in_line(there, taken, [*waits, newcomer], fill_gaps=fill_gaps))


def test_a_family_waits_for_childcare_although_seats_are_free() -> None:
    """Childcare is a second resource; who comes later waits behind the family, unless gaps are filled."""
    there, taken = Places(20, 8), Places(10, 8)
    family, single = Party(uuid4(), Places(3, 1)), Party(uuid4(), Places(1, 0))

    assert next_in_line(there, taken, [family, single], fill_gaps=False) == []
    assert next_in_line(there, taken, [family, single], fill_gaps=True) == [single.registration_id]
    assert next_in_line(there, Places(10, 7), [family, single], fill_gaps=False) == [
        family.registration_id, single.registration_id]


def test_a_party_beyond_the_events_size_holds_nobody_up() -> None:
    """The capacity was lowered below what an early party needs: those behind it are served."""
    large, single = Party(uuid4(), Places(5, 0)), Party(uuid4(), Places(1, 0))

    assert next_in_line(Places(4, 0), NO_PLACES, [large, single], fill_gaps=False) == [single.registration_id]


def an_event(**fields: Any) -> Event:
    """An event with 20 seats and childcare for children up to 13."""
    given: dict[str, Any] = {"kind": EventKind.LANGUAGE_CAFE, "capacity": 20, "childcare_places": 8,
                    "childcare_age_bands": ["0-5", "6-13"]} | fields
    return Event(**given)


def test_every_person_needs_a_seat_and_a_child_in_care_a_place_as_well() -> None:
    """A child too old for the childcare only needs a seat."""
    assert needs_of(4, ["0-5", "14-17"], an_event(), childcare=True) == Places(4, 1)
    assert needs_of(4, ["0-5", "14-17"], an_event(), childcare=False) == Places(4, 0)
    assert needs_of(2, ["14-17"], an_event(childcare_age_bands=[]), childcare=True) == Places(2, 1)


@pytest.mark.parametrize(("event", "seats", "children", "slug"), [
    ({"childcare_places": 0}, 2, ["0-5"], "no-childcare"),
    ({}, 2, ["14-17"], "childcare-age"),
    ({}, 21, ["0-5"], "party-too-large"),
    ({"childcare_places": 1}, 3, ["0-5", "6-13"], "childcare-too-small"),
])
def test_a_party_that_could_never_be_served_is_refused(
    event: dict[str, Any], seats: int, children: list[str], slug: str,
) -> None:
    """It would wait in vain."""
    with pytest.raises(Refused) as refused:
        needs_of(seats, children, an_event(**event), childcare=True)

    assert refused.value.slug == slug


def a_registration(state: RegistrationState) -> Registration:
    """A registration in this state."""
    expires = NOW + timedelta(hours=1) if state is RegistrationState.OFFERED else None
    return Registration(state=state, seats=1, adults=1, offer_expires=expires)


STEPS = {
    "admit": {"pending"}, "decline": {"pending"}, "offer": {"waitlisted"}, "accept": {"offered"},
    "cancel": {"pending", "confirmed", "waitlisted", "offered"}, "attend": {"confirmed", "attended"},
    "miss": {"confirmed"}, "correct": {"attended", "no_show"},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "admit": {"fits": True}, "offer": {"now": NOW, "starts": NOW + timedelta(days=9), "hours": 48},
    "accept": {"now": NOW}, "correct": {"attended": True}}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", RegistrationState)
def test_each_step_is_possible_from_its_states_only(step: str, state: RegistrationState) -> None:
    """What is not named is refused and changes nothing."""
    registration = a_registration(state)

    if state in STEPS[step]:
        getattr(registration, step)(**ARGUMENTS.get(step, {}))
        return
    with pytest.raises(Refused, match="registration is"):
        getattr(registration, step)(**ARGUMENTS.get(step, {}))
    assert registration.state is state


def test_an_offered_place_is_kept_for_its_hours_but_never_beyond_the_beginning() -> None:
    """48 hours, or until the event starts if that is sooner."""
    far, near = a_registration(RegistrationState.WAITLISTED), a_registration(RegistrationState.WAITLISTED)

    assert far.offer(NOW, NOW + timedelta(days=5), 48) == NOW + timedelta(hours=48)
    assert near.offer(NOW, NOW + timedelta(hours=5), 48) == NOW + timedelta(hours=5)


def test_an_offer_that_ran_out_cannot_be_accepted_even_if_nobody_noticed_yet() -> None:
    """Due work may be late; the time said is the time."""
    registration = a_registration(RegistrationState.OFFERED)

    with pytest.raises(Refused) as refused:
        registration.accept(NOW + timedelta(hours=1))

    assert refused.value.slug == "offer-expired"
    assert registration.state is RegistrationState.OFFERED


def test_only_an_open_offer_expires() -> None:
    """Who accepted in time keeps the place."""
    assert a_registration(RegistrationState.OFFERED).expire() is True
    assert a_registration(RegistrationState.CONFIRMED).expire() is False


def test_an_erased_persons_registration_says_nothing_but_how_many_places_it_held() -> None:
    """Codes go, numbers of seats stay for the figures of the event."""
    registration = Registration(state=RegistrationState.ATTENDED, seats=3, childcare=1, adults=2, children=["0-5"],
                                language="ar", interpretation="ar", home_region="15087", note=b"sealed")
    registration.blank()

    assert (registration.seats, registration.childcare) == (3, 1)
    assert (registration.adults, registration.children, registration.note) == (0, [], None)
    assert {registration.language, registration.interpretation, registration.home_region, registration.sector} == {None}
