"""Of which gender whoever accompanies a household is to be: said in either way, kept by runs, options and obstacles."""

from typing import Any
from uuid import uuid4

import pytest

from libs.common.callers import Role
from services.matching.links.queries import OWN_DATA
from tests.harness import new_idempotency_key
from tests.matching.field import Field, Json, a_person
from tests.matching.test_options_http import units

WISHES: list[tuple[Json, list[str]]] = [
    ({"contact_genders": ["m"]}, ["m"]), ({"contact_genders": ["f", "d"]}, ["d", "f"]),
    ({"only_female_mentor": True}, ["f"]), ({}, [])]


def said(household: Json) -> tuple[bool, list[str]]:
    """Both ways in which an answer tells the wish."""
    return household["only_female_mentor"], household["contact_genders"]


async def men_and_others(field: Field) -> dict[str, str]:
    """A ready mentor of each gender, by it."""
    return {gender: (await field.ready_mentor(gender=gender))["id"] for gender in ("f", "m", "d", "not_stated")}


async def test_a_wish_is_told_in_both_ways(field: Field) -> None:
    """Whichever was sent, when it was registered, changed and read."""
    household = await field.create("/households", field.household_body())
    address = f"/households/{household['id']}"
    for sent, wished in WISHES:
        created = await field.create("/households", field.household_body(**sent))
        changed = await field.act(address, field.household_fields(**sent), method="PUT")
        expected = (wished == ["f"], wished)
        assert [said(one) for one in (created, changed, await field.get(address))] == [expected] * 3
    both = field.household_fields(contact_genders=["f"], only_female_mentor=True)
    assert said(await field.act(address, both, method="PUT")) == (True, ["f"])


@pytest.mark.parametrize(("wished", "left"), [(["m"], ["m"]), (["f", "d"], ["d", "f"]), (["f"], []), ([], [])])
async def test_who_knows_only_of_women_takes_no_other_wish_away(
    field: Field, wished: list[str], left: list[str],
) -> None:
    """A change that says nothing of it, or only that not women alone are wished; none is wished by an empty list."""
    household = await field.create("/households", field.household_body(contact_genders=wished))
    address = f"/households/{household['id']}"
    for sent in ({"only_female_mentor": False}, {}):
        changed = await field.act(address, field.household_fields(**sent), method="PUT")
        assert changed["contact_genders"] == left
    assert (await field.act(address, field.household_fields(contact_genders=[]), method="PUT"))["contact_genders"] == []
    assert (await field.act(address, field.household_fields(only_female_mentor=True), method="PUT"))[
        "contact_genders"] == ["f"]


async def test_wishes_that_contradict_each_other_are_refused(field: Field) -> None:
    """Nothing is registered, nothing changed; nor is anything that is no gender taken."""
    household = await field.create("/households", field.household_body(contact_genders=["m"]))
    address = f"/households/{household['id']}"
    before = await field.get("/households")
    given: Json
    for given, slug in (({"contact_genders": ["m"], "only_female_mentor": True}, "gender-wishes-differ"),
                        ({"contact_genders": ["d", "f"], "only_female_mentor": True}, "gender-wishes-differ"),
                        ({"contact_genders": ["f"], "only_female_mentor": False}, "gender-wishes-differ"),
                        ({"contact_genders": ["woman"]}, "invalid-request"),
                        ({"contact_genders": "m"}, "invalid-request")):
        made = await field.send("POST", "/households", field.household_body(**given),
                                headers=field.coordinator | new_idempotency_key())
        assert (made.status_code, made.json()["slug"]) == (422, slug), given
        assert await field.refused(address, field.household_fields(**given), method="PUT") == (422, slug), given
    german = await field.send("POST", "/households", field.household_body(
        contact_genders=["m"], only_female_mentor=True), headers=field.coordinator | new_idempotency_key() | {
            "Accept-Language": "de"})

    assert "widersprechen sich" in german.json()["detail"]
    assert said(await field.get(address)) == (False, ["m"])
    assert await field.get("/households") == before


@pytest.mark.slow
@pytest.mark.parametrize(("wish", "fitting"), [
    ({"contact_genders": ["m"]}, {"m"}), ({"contact_genders": ["f", "d"]}, {"f", "d"}),
    ({"only_female_mentor": True}, {"f"}), ({"contact_genders": []}, {"f", "m", "d", "not_stated"})])
async def test_runs_and_options_keep_the_wish(field: Field, wish: Json, fitting: set[str]) -> None:
    """A man is proposed to who wishes one, nobody else; who is left over hears how many the wish took from them."""
    mentors = await men_and_others(field)
    households = [await field.waiting_household(**wish) for _ in range(5)]
    assert set(await units(field, households[0])) == {mentors[gender] for gender in fitting}
    run = await field.run()
    proposed = (await field.get(f"/proposals?run_id={run['id']}"))["items"]
    unserved = (await field.get(f"/runs/{run['id']}/unserved"))["items"]

    assert {one["mentor_id"] for one in proposed} == {mentors[gender] for gender in fitting}
    assert len(unserved) == len(households) - len(fitting)
    assert {one["removed"].get("gender_wish_of_household", 0) for one in unserved} == {len(mentors) - len(fitting)}


@pytest.mark.slow
async def test_of_a_group_all_main_contacts_are_wished(field: Field) -> None:
    """A woman and a diverse person speak for it; with a man among them it is no option for who wishes those two."""
    group = await field.ready_group()
    first, second, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    sponsored = {"programme_id": str(field.sponsorship)}
    household = await field.waiting_household(**sponsored, contact_genders=["f", "d"])
    for gender, expected in (("d", [group["id"]]), ("m", []), ("f", [group["id"]])):
        other = {"contact": a_person("Person1 Gruppe"), "gender": gender, "is_main_contact": True}
        await field.act(f"/members/{second['id']}", other, method="PUT")
        assert await units(field, household) == expected, gender
    assert first["is_main_contact"]


@pytest.mark.slow
@pytest.mark.parametrize(("gender", "other", "wish"), [("f", "m", ["m"]), ("m", "d", ["f", "d"])])
async def test_a_wish_that_is_told_later_is_an_obstacle(
    field: Field, gender: str, other: str, wish: list[str],
) -> None:
    """A pending proposal is dismissed, an invitation noted; gone again once the mentor turns out to be as wished."""
    pairs = [await field.proposed(await field.waiting_household(), mentor=await field.ready_mentor(gender=gender)),
             await field.invited(mentor=await field.ready_mentor(gender=gender))]
    told: list[Any] = []
    for pair in pairs:
        wished = field.household_fields(contact_genders=wish)
        await field.act(f"/households/{pair['household_id']}", wished, method="PUT")
        found = await field.get(f"/proposals/{pair['id']}")
        told.append((found["state"], [one["code"] for one in found["obstacles"]]))
    assert told == [("dismissed", ["gender_wish_of_household"]), ("invited", ["gender_wish_of_household"])]
    await field.act(f"/mentors/{pairs[1]['mentor_id']}", field.mentor_fields(gender=other), method="PUT")
    assert (await field.get(f"/proposals/{pairs[1]['id']}"))["obstacles"] == []


async def test_a_household_reads_its_own_wish(field: Field) -> None:
    """Each gender by its word on the page, and by its code in the file; no other partner's counsellor reads it."""
    household = await field.waiting_household(contact_genders=["f", "d"], contact=a_person("Samira Demo"))
    path = await field.link(OWN_DATA, household["id"], household["person_ref"])
    page = (await field.client.get(path, headers={"Accept": "text/html", "Accept-Language": "de"})).text
    stored = (await field.client.get(path, headers={"Accept": "application/json"})).text
    stranger = await field.network.key(Role.COUNSELLOR, partner_id=uuid4())

    assert "divers, weiblich" in page
    assert '"contact_genders":["d","f"]' in stored.replace(" ", "")
    assert (await field.send("GET", f"/households/{household['id']}", headers=stranger)).status_code == 404
