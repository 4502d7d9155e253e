"""Who is in no tandem turns to the neutral contact too, by link or by telephone, and of themselves alone."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from libs.common.callers import Role
from services.matching.links.queries import CONCERN, OWN_DATA
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Json
from tests.matching.test_concerns_found_http import found, replaced, someone
from tests.matching.test_concerns_http import WORDS, neutral, refusal
from tests.matching.test_household_contacts_http import YUSUF
from tests.matching.test_own_data_of_members_http import ways_to_neutral
from tests.matching.test_persons_facts import erased
from tests.matching.test_self_service_http import BROWSER

pytestmark = pytest.mark.slow

KINDS = ("mentor", "member", "household")


async def alone(field: Field, kind: str) -> Json:
    """A mentor who is being screened, a member of a group that prepares, or a household that waits."""
    if kind == "mentor":
        mentor = await field.create("/mentors", field.mentor_body(contact=someone()))
        return await field.act(f"/mentors/{mentor['id']}/screen")
    if kind == "household":
        return await field.waiting_household(contact=someone())
    group = await field.create("/mentor_groups", field.group_body())
    *_, member = await field.get(f"/members?mentor_group_id={group['id']}")
    found: Json = member
    return found


def told_by(one: Json, **given: object) -> Json:
    """What somebody who is in no tandem told by telephone."""
    return {"own_id": one["id"], "text": WORDS} | given


async def noted_of(field: Field, one: Json, person_ref: str) -> list[str]:
    """The concerns that somebody reads in their own data."""
    read = (await field.client.get(await field.link(OWN_DATA, one["id"], person_ref))).json()
    return [each["text"] for each in read["noted"]["concerns"]]


@pytest.mark.parametrize("kind", KINDS)
async def test_who_is_in_no_tandem_writes_to_the_neutral_contact(field: Field, kind: str) -> None:
    """From the page of their own data; the fact says that there is one, and not of whom. Settled and erased as any."""
    one = await alone(field, kind)
    (way,) = await ways_to_neutral(field, await field.link(OWN_DATA, one["id"], one["person_ref"]))
    page = await field.client.get(way, headers=BROWSER)
    assert (page.status_code, "Patenschaft" in page.text) == (200, False)
    concern = (await field.client.post(way, json={"text": WORDS})).json()["concern_id"]
    headers = await neutral(field)
    read = await field.get(f"/concerns/{concern}", headers=headers)
    assert {name: read[name] for name in ("about", "own_id", "tandem_id", "side", "region", "text", "person_ref")} == {
        "about": kind, "own_id": one["id"], "tandem_id": None, "region": REGION, "text": WORDS,
        "side": "household" if kind == "household" else "mentors", "person_ref": one["person_ref"]}
    assert await field.told(concern, kind="concern") == [
        {"subject": "concern.raised_alone", "concern_id": concern, "region": REGION}]
    again = await field.client.post(way, json={"text": WORDS})
    assert (again.status_code, again.json()["slug"]) == (409, "concern-waiting")
    await field.act(f"/concerns/{concern}/take_up", headers=headers)
    await field.act(f"/concerns/{concern}/resolve", {"outcome": "Ein Gespräch"}, headers=headers)
    assert await noted_of(field, one, one["person_ref"]) == [WORDS]
    await erased(field, one["person_ref"])
    after = await field.get(f"/concerns/{concern}", headers=headers)

    assert (after["text"], after["outcome"], after["name"], after["own_id"]) == (None, None, None, one["id"])


@pytest.mark.parametrize("kind", KINDS)
async def test_who_calls_and_is_in_no_tandem_is_found_and_noted(field: Field, kind: str) -> None:
    """As what they are, by what they are known by; with no more than it takes to note the call, and in the audit."""
    one = await alone(field, kind)
    side = "household" if kind == "household" else "mentors"
    for caller in (one["id"], one["person_ref"]):
        assert await found(field, caller) == [
            {"about": kind, "tandem_id": None, "own_id": one["id"], "kind": None, "state": None, "region": REGION,
             "side": side, "member_id": None, "former_contact": None}]
    row, *_ = await field.network.rows(
        "matching", "SELECT about, person_ref FROM audit WHERE action = 'find' ORDER BY id DESC")
    assert (row["about"], str(row["person_ref"])) == (f"{kind}/{one['id']}", one["person_ref"])
    headers = await neutral(field) | new_idempotency_key()
    answers = [await field.send("POST", "/concerns", told_by(one), headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    noted, repeated = (each.json() for each in answers)
    assert noted["id"] == repeated["id"]
    assert (noted["about"], noted["own_id"], noted["person_ref"], noted["side"], noted["text"]) == (
        kind, one["id"], one["person_ref"], side, WORDS)
    assert await noted_of(field, one, one["person_ref"]) == [WORDS]
    await erased(field, one["person_ref"])

    assert await found(field, one["person_ref"]) == []
    assert await refusal(field, told_by(one)) == (404, "not-found")


async def test_who_is_in_a_tandem_speaks_of_it(field: Field) -> None:
    """Only that is found, and what they tell is noted of it; a link from before still leads to who hears them."""
    mentor = await field.ready_mentor()
    way = await field.link(CONCERN, mentor["id"], mentor["person_ref"])
    tandem = await field.tandem(mentor=mentor)
    household = {"id": tandem["household_id"]}
    assert [one["about"] for one in await found(field, mentor["person_ref"])] == ["tandem"]
    for one in (mentor, household):
        assert await refusal(field, told_by(one)) == (422, "concern-of-tandem")
    former = (await field.get(f"/households/{household['id']}"))["person_ref"]
    await field.act(f"/households/{household['id']}/contact/replace", YUSUF)
    assert await refusal(field, told_by(household, former_contact=former)) == (422, "concern-of-tandem")
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    assert await refusal(field, told_by(mentor)) == (422, "concern-of-tandem")

    assert (await field.client.post(way, json={"text": WORDS})).status_code == 200


async def test_a_former_contact_of_who_is_in_no_tandem_is_heard_as_themselves(field: Field) -> None:
    """By link and by telephone; who speaks for the household now reads none of it, nor is told that it waits."""
    one = await alone(field, "household")
    former = one["person_ref"]
    now = (await field.act(f"/households/{one['id']}/contact/replace", YUSUF))["person_ref"]
    for ref, before in ((former, former), (now, None)):
        (known,) = await found(field, ref)
        assert (known["own_id"], known["former_contact"]) == (one["id"], before)
    noted = await field.create("/concerns", told_by(one, former_contact=former), headers=await neutral(field))
    assert noted["person_ref"] == former
    (way,) = await ways_to_neutral(field, await field.link(OWN_DATA, one["id"], former))
    assert (await field.client.post(way)).json()["slug"] == "concern-waiting"
    (way,) = await ways_to_neutral(field, await field.link(OWN_DATA, one["id"], now))
    assert (await field.client.post(way, json={"text": "Eine Frage"})).status_code == 200
    assert (await noted_of(field, one, former), await noted_of(field, one, now)) == ([WORDS], ["Eine Frage"])
    for ref in (now, str(uuid4())):
        assert await refusal(field, told_by(one, former_contact=ref)) == (404, "not-found"), ref

    mentor = await alone(field, "mentor")
    assert await refusal(field, told_by(mentor, former_contact=mentor["person_ref"])) == (404, "not-found")


async def test_nobody_raises_or_notes_one_of_another(field: Field) -> None:
    """Not by a link to another's record, nor once erased; noted only by the neutral contact of where they live."""
    one, other = await alone(field, "mentor"), await alone(field, "household")
    for about, ref in ((one["id"], other["person_ref"]), (other["id"], one["person_ref"]), (one["id"], str(uuid4())),
                       (str(uuid4()), one["person_ref"])):
        path = await field.link(CONCERN, about, ref)
        for answer in (await field.client.get(path), await field.client.post(path, json={"text": WORDS})):
            assert (answer.status_code, answer.json()["slug"]) == (404, "link-not-valid")
    path = await field.link(CONCERN, one["id"], one["person_ref"])
    await erased(field, one["person_ref"])
    assert (await field.client.post(path, json={"text": WORDS})).json()["slug"] == "link-not-valid"
    elsewhere = await neutral(field, "15084")
    assert await found(field, other["person_ref"], headers=elsewhere) == []
    answer = await field.send("POST", "/concerns", told_by(other), headers=elsewhere)
    assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
    assert (await field.send("POST", "/concerns", told_by(other))).status_code == 403
    assert await refusal(field, told_by({"id": str(uuid4())})) == (404, "not-found")
    for wrong in ({"tandem_id": str(uuid4()), "side": "household"}, {"side": "household"}, {"own_id": None},
                  {"member_id": str(uuid4())}, {"tandem_id": str(uuid4())}):
        assert (await refusal(field, told_by(other, **wrong)))[0] == 422, wrong

    refs = [UUID(each["person_ref"]) for each in (one, other)]
    assert await field.network.rows("matching", "SELECT id FROM concern WHERE person_ref = ANY($1)", refs) == []


async def test_it_is_for_the_neutral_contact_of_where_they_live(field: Field) -> None:
    """A tandem elsewhere is a tandem: then it is that region's. Of several tries at once one is taken."""
    beyond = replace(field, coordinator=await field.network.key(Role.COORDINATOR, region="15084"))
    mentor = await beyond.ready_mentor(region="15084")
    path = await field.link(CONCERN, mentor["id"], mentor["person_ref"])
    answers = await asyncio.gather(*(field.client.post(path, json={"text": WORDS}) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409]
    there, here = await neutral(field, "15084"), await neutral(field)
    listed = [[one["own_id"] for one in (await field.get("/concerns?limit=100", headers=headers))["items"]]
              for headers in (there, here)]
    assert [each.count(mentor["id"]) for each in listed] == [1, 0]
    assert (await field.send("GET", "/concerns", headers=beyond.coordinator)).status_code == 403
    assert len(await found(field, mentor["person_ref"], headers=there)) == 1
    await field.tandem(mentor=mentor)

    assert await found(field, mentor["person_ref"], headers=there) == []
    assert [one["about"] for one in await found(field, mentor["person_ref"], headers=here)] == ["tandem"]


async def test_a_concern_is_about_one_thing(field: Field) -> None:
    """A tandem or what somebody is, never both or neither: the database holds it."""
    tandem, former, _ = await replaced(field)
    raised = await field.client.post(await field.link(CONCERN, tandem["id"], former))
    for change in ("own_id = tandem_id", "tandem_id = NULL", "about = 'mentor'"):
        with pytest.raises(asyncpg.CheckViolationError):
            await field.network.rows(
                "matching", f"UPDATE concern SET {change} WHERE id = $1", UUID(raised.json()["concern_id"]))
