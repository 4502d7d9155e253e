"""Who is of a group, main contact or not, reads and ends what is theirs; from there all reach the neutral contact."""

import re
from urllib.parse import urljoin
from uuid import UUID

import pytest

from libs.common.callers import Role
from services.matching.links.queries import CONCERN, MEETINGS, OWN_DATA
from tests.matching.field import LONG_AGO, REGION, Field, Json
from tests.matching.test_persons_facts import erased, reached
from tests.matching.test_self_service_http import BROWSER, own

pytestmark = pytest.mark.slow


async def ways_to_neutral(field: Field, path: str) -> list[str]:
    """The addresses on a page of own data by which its reader turns to the neutral contact."""
    page = (await field.client.get(path, headers=BROWSER)).text
    return [urljoin(path, one) for one in re.findall(r'href="([^"]*concerns/raised[^"]*)"', page)]


async def sides_of(field: Field, tandem: Json) -> list[tuple[str, str]]:
    """Whose concerns about a tandem the neutral contact reads, and of which side."""
    headers = await field.network.key(Role.NEUTRAL_CONTACT, region=REGION)
    found = [one for one in (await field.get("/concerns?limit=100", headers=headers))["items"]
             if one["tandem_id"] == tandem["id"]]
    return [((await field.get(f"/concerns/{one['id']}", headers=headers))["person_ref"], one["side"]) for one in found]


async def test_each_member_gets_a_link_when_they_join(field: Field) -> None:
    """Once, main contact or not, then and later; and it is one that they can act by."""
    group = await field.create("/mentor_groups", field.group_body(members=2))
    await field.create("/members", {"mentor_group_id": group["id"], "consented_on": LONG_AGO,
                                    "contact": {"name": "Vera Neu", "email": "vera@example.org"}})
    joined = await field.get(f"/members?mentor_group_id={group['id']}")
    assert [one["is_main_contact"] for one in joined] == [True, False, False]
    for one in joined:
        (told,) = await field.told(one["id"], kind="own_data")
        assert told["person_refs"] == [one["person_ref"]]
        links = (await reached(field, one["person_ref"], f"own_data/{one['id']}", "own_data_offered")).links
        assert set(links) == {"own_data"}
        answer = await field.client.get(links["own_data"].removeprefix("http://matching.test"))
        assert (answer.status_code, answer.json()["contact"]["name"]) == (200, one["name"])


async def test_a_member_who_is_no_main_contact_acts_for_themselves_alone(field: Field) -> None:
    """They read and correct what is theirs, take a consent back and leave; the tandem stays the main contact's."""
    group = await field.ready_group(members=6)
    tandem = await field.tandem(group=group)
    *_, plain, last = await field.get(f"/members?mentor_group_id={group['id']}")
    for thing in (plain, last):
        assert (await field.client.get(await own(field, thing))).json()["takes_part"]
    assert (await field.client.get(await field.link(MEETINGS, tandem["id"], plain["person_ref"]))).status_code == 404
    path = await own(field, plain)
    assert (await field.client.post(f"{path}/withdraw_consent?purpose=checkins")).json()["takes_part"]
    assert (await field.client.post(f"{path}/contact", json={"name": "Petra Neu"})).status_code == 200
    assert (await field.client.post(f"{await own(field, last)}/leave")).json() == {"state": "left", "takes_part": False}
    after = await field.get(f"/mentor_groups/{group['id']}")

    assert (after["state"], (await field.get(f"/tandems/{tandem['id']}"))["state"]) == ("accompanying", "trial")


async def test_everybody_reaches_the_neutral_contact_from_their_own_data(field: Field) -> None:
    """A household, a main contact, a member, and one who has left since; each raises a concern of their own."""
    group = await field.ready_group(members=6)
    tandem = await field.tandem(group=group)
    main, *_, plain, left = await field.get(f"/members?mentor_group_id={group['id']}")
    _, household = await field.refs(tandem)
    await field.act(f"/members/{left['id']}/leave")
    for thing in (main, plain, left, {"id": tandem["household_id"], "person_ref": household}):
        path = await own(field, thing)
        (way,) = await ways_to_neutral(field, path)
        assert (await field.client.get(way, headers=BROWSER)).status_code == 200
        assert (await field.client.post(way, json={"text": "Ich brauche Rat"})).status_code == 200

    assert await sides_of(field, tandem) == [
        (main["person_ref"], "mentors"), (plain["person_ref"], "mentors"), (left["person_ref"], "mentors"),
        (household, "household")]


async def test_of_several_tandems_each_has_a_way_and_after_the_last_one_too(field: Field) -> None:
    """Told by whom they are with, and no other way besides."""
    mentor = await field.ready_mentor(capacity=2)
    path = await own(field, mentor)
    first = await field.tandem(mentor=mentor)
    second = await field.tandem(mentor=mentor, contact={"name": "Noura Demo"})
    assert len(await ways_to_neutral(field, path)) == 2
    page = (await field.client.get(path, headers=BROWSER)).text
    assert "neutrale Stelle schreiben · Samira Demo" in page
    assert "neutrale Stelle schreiben · Noura Demo" in page
    for tandem in (first, second):
        await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    (way,) = await ways_to_neutral(field, path)
    assert (await field.client.post(way)).status_code == 200

    assert await sides_of(field, second) == [(mentor["person_ref"], "mentors")]


async def test_who_was_not_there_or_is_erased_raises_nothing(field: Field) -> None:
    """Neither a member of another group, nor who joined after the tandem, nor who was erased."""
    group, other = await field.ready_group(members=6), await field.ready_group()
    tandem = await field.tandem(group=group)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    *_, gone = await field.get(f"/members?mentor_group_id={group['id']}")
    rows = await field.network.rows(
        "matching", "UPDATE mentor_group_member SET joined_on = joined_on + 1 WHERE mentor_group_id = $1"
        " AND NOT is_main_contact AND id <> $2 RETURNING id, person_ref", UUID(group["id"]), UUID(gone["id"]))
    late = {"id": str(rows[0]["id"]), "person_ref": str(rows[0]["person_ref"])}
    _, stranger, *_ = await field.get(f"/members?mentor_group_id={other['id']}")
    await erased(field, gone["person_ref"])
    for one in (late, stranger, gone):
        answer = await field.client.post(await field.link(CONCERN, tandem["id"], one["person_ref"]))
        assert (answer.status_code, answer.json()["slug"]) == (404, "link-not-valid"), one

    path = await field.link(OWN_DATA, late["id"], late["person_ref"])
    assert "Wenn in Ihrer Patenschaft" not in (await field.client.get(path, headers=BROWSER)).text
    (way,) = await ways_to_neutral(field, path)
    assert (await field.client.post(way)).status_code == 200
    assert await sides_of(field, tandem) == []


async def read_of(field: Field, member: Json) -> Json:
    """What a member reads of what became of their group."""
    path = await field.link(OWN_DATA, member["id"], member["person_ref"])
    found = (await field.client.get(path)).json()
    return {"pairs": [one["id"] for one in found["pairs"]],
            **{name: len(found["noted"][name]) for name in ("tandems", "proposals", "closings")}}


async def test_a_member_reads_nothing_of_a_household_that_came_after_they_left_or_went_before_they_came(
    field: Field,
) -> None:
    """Who was there reads all of it, main contact or not; nobody else its goals, ratings or reasons."""
    group = await field.ready_group(members=6)
    _, plain, *_, gone = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/members/{gone['id']}/leave")
    await field.network.move(days=2)
    tandem = await field.tandem(group=group)
    nothing = {"pairs": [], "tandems": 0, "proposals": 0, "closings": 0}
    assert await read_of(field, plain) == {"pairs": [tandem["id"]], "tandems": 1, "proposals": 1, "closings": 0}
    assert await read_of(field, gone) == nothing
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day), "mentors_rating": 2,
                                     "goals_reached": ["school"]})
    await field.network.move(days=2)
    late = await field.create("/members", {"mentor_group_id": group["id"], "consented_on": LONG_AGO,
                                           "contact": {"name": "Vera Neu", "email": "vera@example.org"}})

    assert await read_of(field, plain) == {"pairs": [], "tandems": 1, "proposals": 1, "closings": 1}
    assert [await read_of(field, one) for one in (gone, late)] == [nothing, nothing]
