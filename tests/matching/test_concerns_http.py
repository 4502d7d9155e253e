"""Concerns that the neutral contact notes for who called them instead of writing by link."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from services.matching.links.queries import CONCERN, OWN_DATA
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Headers, Json

pytestmark = pytest.mark.slow

WORDS = "Sie fühlt sich bedrängt"


async def neutral(field: Field, region: str = REGION) -> Headers:
    """Who hears concerns in the region."""
    return await field.network.key(Role.NEUTRAL_CONTACT, region=region)


def a_call(tandem: Json, **given: object) -> Json:
    """What a household told by telephone."""
    return {"tandem_id": tandem["id"], "side": "household", "text": WORDS} | given


async def refusal(field: Field, body: Json) -> tuple[int, str]:
    """How a call is refused; not even then a word of it is repeated."""
    answer = await field.send("POST", "/concerns", body, headers=await neutral(field))
    assert "bedrängt" not in answer.text
    return answer.status_code, answer.json().get("slug", "")


async def test_a_call_is_noted_as_a_concern_raised_by_link(field: Field) -> None:
    """Sealed for who speaks for the side, told as a fact without words, taken up and settled, read in the own data."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    headers = await neutral(field)
    noted = await field.create("/concerns", a_call(tandem), headers=headers)
    assert (noted["state"], noted["side"], noted["person_ref"], noted["text"], noted["name"]) == (
        "raised", "household", household, WORDS, "Samira Demo")
    (told,) = await field.told(noted["id"], kind="concern")
    assert told == {"subject": "concern.raised", "concern_id": noted["id"], "tandem_id": tandem["id"],
                    "region": REGION}
    (row,) = await field.network.rows("matching", "SELECT * FROM concern WHERE id = $1", UUID(noted["id"]))
    assert "bedrängt".encode() not in row["text"]
    audited = await field.network.rows("matching", "SELECT * FROM audit WHERE about = $1", f"concern/{noted['id']}")
    assert "change" in {one["action"] for one in audited}
    await field.act(f"/concerns/{noted['id']}/take_up", headers=headers)
    await field.act(f"/concerns/{noted['id']}/resolve", {"outcome": "Ein Gespräch"}, headers=headers)
    own = await field.link(OWN_DATA, tandem["household_id"], household)
    (read,) = (await field.client.get(f"{own}/data.json")).json()["noted"]["concerns"]
    assert (read["text"], read["outcome"], read["state"]) == (WORDS, "Ein Gespräch", "resolved")
    await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(household),)))
    after = await field.get(f"/concerns/{noted['id']}", headers=headers)

    assert (after["text"], after["outcome"], after["name"]) == (None, None, None)
    assert await refusal(field, a_call(tandem)) == (404, "person-erased")


async def test_a_call_is_noted_once_and_every_call_is(field: Field) -> None:
    """A repeated request notes nothing twice; another call is noted though the first waits, and holds back the link."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    headers = await neutral(field) | new_idempotency_key()
    body = a_call(tandem, side="mentors")
    answers = await asyncio.gather(*(field.send("POST", "/concerns", body, headers=headers) for _ in range(3)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert len(await field.told(tandem["id"], kind="concern")) == 1
    other = await field.send("POST", "/concerns", body | {"text": "Etwas anderes"}, headers=headers)
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")
    again = await field.create("/concerns", body | {"text": "Noch ein Anruf"}, headers=await neutral(field))
    assert again["id"] != answers[0].json()["id"]

    by_link = await field.client.post(await field.link(CONCERN, tandem["id"], mentor))
    assert (by_link.status_code, by_link.json()["slug"]) == (409, "concern-waiting")


async def test_only_the_neutral_contact_of_the_region_notes_a_call(field: Field) -> None:
    """No coordinator, and nobody from elsewhere; what cannot be read is refused without repeating it."""
    tandem = await field.tandem()
    for role in (Role.COORDINATOR, Role.COUNSELLOR, Role.NETWORK_ADMIN, Role.OPS, Role.AUDITOR):
        headers = await field.network.key(role, region=REGION if role is Role.COORDINATOR else None)
        assert (await field.send("POST", "/concerns", a_call(tandem), headers=headers)).status_code == 403, role
    elsewhere = await field.send("POST", "/concerns", a_call(tandem), headers=await neutral(field, "15084"))
    assert (elsewhere.status_code, elsewhere.json()["slug"]) == (404, "not-found")
    assert await refusal(field, a_call({"id": str(uuid4())})) == (404, "not-found")
    for wrong in ({"text": ""}, {"text": None}, {"side": "both"}, {"member_id": "x"}, {"name": "Samira"}):
        assert (await refusal(field, a_call(tandem, **wrong)))[0] == 422

    assert await field.told(tandem["id"], kind="concern") == []


async def test_a_member_who_called_may_be_named(field: Field) -> None:
    """Also one who is no main contact, or has left since; else it is the main contact's concern."""
    group = await field.ready_group(members=5)
    tandem = await field.tandem(group=group)
    first, *_, second, third = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/members/{third['id']}/leave")
    headers = await neutral(field)
    for member_id, whose in ((None, first), (second["id"], second), (third["id"], third)):
        body = a_call(tandem, side="mentors", member_id=member_id)
        noted = await field.create("/concerns", body, headers=headers)
        assert (noted["person_ref"], noted["name"], noted["text"]) == (whose["person_ref"], whose["name"], WORDS)
        (row,) = await field.network.rows("matching", "SELECT * FROM concern WHERE id = $1", UUID(noted["id"]))
        assert row["person_ref"] == UUID(whose["person_ref"])


@pytest.mark.parametrize("by_link", [True, False])
async def test_who_lives_in_the_next_district_is_reached_too(field: Field, by_link: bool) -> None:
    """A mentor of elsewhere who accompanies here: the concern lies here, and so does whom to call about it."""
    beyond = replace(field, coordinator=await field.network.key(Role.COORDINATOR, region="15084"))
    mentor = await beyond.ready_mentor(region="15084")
    tandem = await field.tandem(mentor=mentor)
    headers = await neutral(field)
    if by_link:
        path = await field.link(CONCERN, tandem["id"], mentor["person_ref"])
        concern = (await field.client.post(path, json={"text": WORDS})).json()["concern_id"]
    else:
        concern = (await field.create("/concerns", a_call(tandem, side="mentors"), headers=headers))["id"]
    read = await field.get(f"/concerns/{concern}", headers=headers)
    assert (read["text"], read["name"], read["email"], read["languages"]) == (
        WORDS, "Mira Beispiel", "mira@example.org", ["de"])
    taken_up = await field.act(f"/concerns/{concern}/take_up", headers=headers)

    assert (taken_up["state"], taken_up["name"]) == ("taken_up", "Mira Beispiel")


@pytest.mark.parametrize(
    "whose", ["unknown", "another group's", "the household's side", "a mentor's tandem", "who came later"])
async def test_who_is_no_member_of_the_tandems_group_is_refused(field: Field, whose: str) -> None:
    """One and the same refusal, which does not tell whether there is such a member at all."""
    group = await field.ready_group()
    tandem = await (field.tandem() if whose == "a mentor's tandem" else field.tandem(group=group))
    others = await field.create("/mentor_groups", field.group_body(1)) if whose == "another group's" else group
    (member, *_) = await field.get(f"/members?mentor_group_id={others['id']}")
    if whose == "who came later":
        await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
        await field.network.rows("matching", "UPDATE mentor_group_member SET joined_on = joined_on + 1"
                                 " WHERE id = $1", UUID(member["id"]))
    body = a_call(tandem, side="household" if whose == "the household's side" else "mentors",
                  member_id=str(uuid4()) if whose == "unknown" else member["id"])

    assert await refusal(field, body) == (422, "member-not-of-tandem")


async def test_when_all_have_left_it_must_be_said_who_called(field: Field) -> None:
    """Nobody speaks for the group any more."""
    group = await field.ready_group()
    tandem = await field.tandem(group=group)
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved", "rematch": False})
    for member in members:
        await field.act(f"/members/{member['id']}/leave")
    body = a_call(tandem, side="mentors")
    assert await refusal(field, body) == (422, "caller-unknown")
    noted = await field.create("/concerns", body | {"member_id": members[0]["id"]}, headers=await neutral(field))

    assert noted["person_ref"] == members[0]["person_ref"]
