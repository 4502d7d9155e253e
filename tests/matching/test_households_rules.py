"""What a household may do in which state; nobody waits without consent."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.refusals import Refused
from services.matching.households.model import MATCHED_FOR, Household, HouseholdState, shape_of
from services.matching.households.rules import HouseholdFields

NOW, DAY = datetime(2026, 3, 2, 12, tzinfo=UTC), date(2026, 3, 2)
S = HouseholdState
TIMES = st.timedeltas(timedelta(), timedelta(days=2000))


def a_household(state: HouseholdState = S.REGISTERED, **given: Any) -> Household:
    """A household that has consented, in this state."""
    usual: dict[str, Any] = {
        "region": "15087", "programme_id": uuid4(), "person_ref": uuid4(), "registered_by": "counsellor",
        "state": state, "consented_on": DAY, "members": [{"age_band": "27-44", "gender": "f"}]}
    return Household(**usual | given)


STEPS: list[tuple[Callable[[Household], Any], dict[HouseholdState, HouseholdState]]] = [
    (Household.interview, {S.REGISTERED: S.INTERVIEWED}),
    (lambda one: one.wait(NOW), {S.INTERVIEWED: S.WAITING}),
    (Household.accompany, {S.PROPOSED: S.IN_TANDEM}),
    (lambda one: one.wait_again(NOW, NOW), {S.IN_TANDEM: S.WAITING}),
    (lambda one: one.close("moved", NOW, busy=False), {state: S.CLOSED for state in S if state is not S.CLOSED}),
]


@pytest.mark.parametrize("state", HouseholdState)
@pytest.mark.parametrize(("take", "leads"), STEPS)
def test_each_step_leads_from_its_states_only(
    take: Callable[[Household], Any], leads: dict[HouseholdState, HouseholdState], state: HouseholdState,
) -> None:
    """Registered, interviewed, waiting, proposed, in tandem, closed; anything else is refused and changes nothing."""
    household = a_household(state)
    if state in leads:
        take(household)
    else:
        with pytest.raises(Refused, match="does not lead"):
            take(household)

    assert household.state is leads.get(state, state)


def test_nobody_waits_without_consent() -> None:
    """Whatever else is true."""
    with pytest.raises(Refused, match="Consent"):
        a_household(S.INTERVIEWED, consented_on=None).wait(NOW)


def test_waiting_counts_from_the_first_time_on() -> None:
    """A proposal that came to nothing, however late, does not put anybody at the end again."""
    household = a_household(S.INTERVIEWED)
    household.wait(NOW)
    household.propose()
    household.release()

    assert (household.state, household.waiting_since) == (S.WAITING, NOW)


@given(st.lists(st.tuples(TIMES, TIMES, TIMES), max_size=5))
def test_only_the_time_without_anybody_is_waiting(parts: list[tuple[timedelta, timedelta, timedelta]]) -> None:
    """Whatever was waited, and proposed for, before each tandem stays; how long the tandems lasted does not count."""
    household, now, waited = a_household(S.INTERVIEWED), NOW, timedelta()
    household.wait(now)
    for alone, proposed, accompanied in parts:
        household.propose()
        begun = now + alone + proposed
        household.accompany()
        now, waited = begun + accompanied, waited + alone + proposed
        household.wait_again(begun, now)

    assert household.waiting_since == now - waited


def test_a_tandem_that_began_before_they_were_entered_adds_nothing_in_the_future() -> None:
    """Who was accompanied all the time since they were entered waits from its end on."""
    household = a_household(S.IN_TANDEM)
    household.waiting_since = NOW
    household.wait_again(NOW - timedelta(days=200), NOW + timedelta(days=10))

    assert household.waiting_since == NOW + timedelta(days=10)


def test_a_clock_that_was_set_back_makes_nobody_wait_longer() -> None:
    """A tandem that ended before it began lasted no time."""
    household = a_household(S.IN_TANDEM)
    household.waiting_since = NOW
    household.wait_again(NOW + timedelta(days=400), NOW)

    assert household.waiting_since == NOW


def test_a_household_that_is_asked_or_accompanied_is_not_closed() -> None:
    """First the invitation or the tandem ends."""
    with pytest.raises(Refused, match="end it first"):
        a_household(S.PROPOSED).close("moved", NOW, busy=True)


def test_who_takes_the_consent_back_is_closed_and_without_it() -> None:
    """From every state, also a second time."""
    for state in S:
        household = a_household(state)
        household.withdraw_consent(NOW)
        assert (household.state, household.consented_on) == (S.CLOSED, None)


def test_a_closed_household_is_not_changed_any_more() -> None:
    """Not even its consent."""
    with pytest.raises(Refused, match="closed"):
        a_household(S.CLOSED).consent(DAY, 1)


def test_an_erased_household_tells_nothing() -> None:
    """Every readable code is what it is for somebody who said nothing, and the note is gone."""
    household = a_household(S.WAITING, languages={"ckb": "C2"}, slots=5, postcode="06526", lat=51.4, lon=11.2,
                            radius_km=5, must_haves=["step_free"], wishes=["school"], contact_genders=["f"], urgency=3,
                            least_level="B1", interpreter=True, kinds=["group"], arrived_on=DAY, note=b"sealed",
                            vetoed_units=[uuid4()], vetoed_persons=[uuid4()], vetoed_partners=[uuid4()])
    household.erase(NOW + timedelta(days=1))
    blank = a_household(S.CLOSED, members=[], consented_on=None)

    same = set(Household.model_fields) - {"id", "programme_id", "person_ref", "closed_at", "closed_reason"}
    assert {name: getattr(household, name) for name in same} == {name: getattr(blank, name) for name in same}


@pytest.mark.parametrize(("sent", "wished"), [
    ({}, []), ({"only_female_mentor": True}, ["f"]), ({"only_female_mentor": False}, []), ({"contact_genders": []}, []),
    ({"contact_genders": ["m"]}, ["m"]), ({"contact_genders": ["f", "d", "f"]}, ["d", "f"]),
    ({"contact_genders": ["f"], "only_female_mentor": True}, ["f"]),
    ({"contact_genders": ["m"], "only_female_mentor": False}, ["m"]),
    ({"contact_genders": [], "only_female_mentor": False}, []),
])
def test_a_wish_for_a_gender_is_said_in_either_way(sent: dict[str, Any], wished: list[str]) -> None:
    """For a woman alone by its own field as before; in both as long as they say the same."""
    body = HouseholdFields.model_validate({"members": [{"age_band": "27-44"}]} | sent)

    assert (body.wished_genders, body.genders_agree) == (wished, True)


@pytest.mark.parametrize("sent", [
    {"only_female_mentor": women, "contact_genders": genders}
    for women, genders in ((True, ["m"]), (True, ["d", "f"]), (True, []), (False, ["f"]), (False, ["f", "f"]))])
def test_two_wishes_that_differ_contradict_each_other(sent: dict[str, Any]) -> None:
    """Neither is the one that counts: who takes one of the two away is not told that both are gone."""
    assert not HouseholdFields.model_validate({"members": [{"age_band": "27-44"}]} | sent).genders_agree


def test_the_other_side_learns_the_number_of_persons_and_children() -> None:
    """And nothing more before both have accepted."""
    members = [{"age_band": band, "gender": "f"} for band in ("27-44", "14-17", "0-5", "65+")]

    assert shape_of(members) == {"persons": 4, "children": 2}


WOMAN, GIRL = {"age_band": "27-44", "gender": "f"}, {"age_band": "0-5", "gender": "f"}


def test_a_household_grows_and_shrinks_by_one() -> None:
    """Of two who look alike one leaves; the last one does not, nor anybody who is not there."""
    household = a_household()
    household.take_in(GIRL)
    household.take_in(GIRL)
    household.lose(GIRL)
    assert household.members == [WOMAN, GIRL]
    with pytest.raises(Refused, match="Nobody of this age band"):
        household.lose(GIRL | {"gender": "m"})
    household.lose(WOMAN)
    with pytest.raises(Refused, match="Nobody would be left"):
        household.lose(GIRL)

    assert household.members == [GIRL]


@given(steps=st.lists(st.tuples(st.booleans(), st.sampled_from([WOMAN, GIRL])), max_size=20))
def test_whoever_comes_and_goes_the_household_adds_up(steps: list[tuple[bool, dict[str, str]]]) -> None:
    """How many there are is how many there were, and who came, without who left; and there is always somebody."""
    household, expected = a_household(), Counter({"27-44": 1})
    for joins, member in steps:
        try:
            (household.take_in if joins else household.lose)(member)
        except Refused:
            assert not joins
            continue
        expected[member["age_band"]] += 1 if joins else -1
    found = Counter(one["age_band"] for one in household.members)

    assert found == +expected
    assert sum(found.values()) >= 1


@pytest.mark.parametrize("consented", [True, False])
@pytest.mark.parametrize("state", HouseholdState)
def test_another_contact_brings_a_consent_of_their_own(state: HouseholdState, *, consented: bool) -> None:
    """Without it nobody is looked for; the note is of the former contact and goes. What is closed stays as it is."""
    household, ref, day = a_household(state, note=b"sealed", consent_version=1), uuid4(), DAY - timedelta(days=1)
    before = (household.person_ref, DAY, 1, b"sealed")
    given: tuple[Any, ...] = (day, 2) if consented else ()
    slug = ("household-closed" if state is S.CLOSED
            else "contact-without-consent" if state in MATCHED_FOR and not consented else None)
    if slug:
        with pytest.raises(Refused) as refused:
            household.replace_contact(ref, *given)
        assert refused.value.slug == slug
    else:
        household.replace_contact(ref, *given)

    expected = before if slug else (ref, *(given or (None, None)), None)
    assert (household.person_ref, household.consented_on, household.consent_version, household.note) == expected
