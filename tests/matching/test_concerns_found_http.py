"""Who called the neutral contact is found without a name: their tandems, and as whom to note what they told."""

from dataclasses import replace
from uuid import uuid4

from libs.common.callers import Role
from services.matching.links.queries import OWN_DATA
from tests.matching.field import LONG_AGO, REGION, Field, Headers, Json, a_person
from tests.matching.test_concerns_http import a_call, neutral, refusal
from tests.matching.test_persons_facts import erased


async def found(field: Field, caller: str, *, headers: Headers | None = None) -> list[Json]:
    """What the neutral contact finds of who called."""
    headers = headers or await neutral(field)
    answer = await field.send("POST", "/concerns/find_tandems", {"caller": caller}, headers=headers)
    assert answer.status_code == 200, answer.text
    listed: list[Json] = answer.json()
    return listed


def someone(**given: object) -> Json:
    """Somebody whose address nobody else has."""
    return a_person("Nadia Demo", email=f"nadia.{uuid4().hex}@example.org", **given)


async def test_who_called_is_found_by_their_address_and_noted(field: Field) -> None:
    """Of mentor and household alike; with what it takes to note the call, and not one word more."""
    contact, phone = someone(), f"+49 151 {uuid4().int % 10**8:08d}"
    mentor = await field.ready_mentor(contact=a_person("Mira Beispiel", phone=phone))
    tandem = await field.tandem(mentor=mentor, contact=contact)
    (one,) = await found(field, contact["email"].upper())
    assert one == {"about": "tandem", "tandem_id": tandem["id"], "own_id": None, "kind": "everyday", "state": "trial",
                   "region": REGION, "side": "household", "member_id": None, "former_contact": None}
    (other,) = await found(field, phone)
    assert other == one | {"side": "mentors"}
    body = a_call(tandem, **{name: one[name] for name in ("tandem_id", "side", "member_id")})
    noted = await field.create("/concerns", body, headers=await neutral(field))

    assert noted["name"] == "Nadia Demo"


async def test_who_called_is_found_by_what_they_read_of_themselves(field: Field) -> None:
    """The id of their own data, or their pseudonym; of the pair's two each finds their own side."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    for caller, side in ((mentor, "mentors"), (tandem["mentor_id"], "mentors"), (household, "household"),
                         (tandem["household_id"], "household")):
        assert [(one["tandem_id"], one["side"]) for one in await found(field, caller)] == [(tandem["id"], side)]

    assert await found(field, tandem["id"]) == []


async def test_a_member_is_found_as_a_member(field: Field) -> None:
    """Main contact or not, also who has left since; the call is theirs, not the main contact's."""
    group = await field.ready_group(members=6)
    tandem = await field.tandem(group=group)
    main, *_, plain, left = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/members/{left['id']}/leave")
    for member in (main, plain, left):
        (one,) = await found(field, member["person_ref"])
        assert (one["tandem_id"], one["side"], one["member_id"]) == (tandem["id"], "mentors", member["id"])
        body = a_call(tandem, side=one["side"], member_id=one["member_id"])
        noted = await field.create("/concerns", body, headers=await neutral(field))
        assert noted["person_ref"] == member["person_ref"]


async def test_running_tandems_are_found_else_the_last_one(field: Field) -> None:
    """A mentor of two finds both; once all have ended the last one."""
    mentor = await field.ready_mentor(capacity=2)
    first, second = await field.tandem(mentor=mentor), await field.tandem(mentor=mentor)
    assert {one["tandem_id"] for one in await found(field, mentor["person_ref"])} == {first["id"], second["id"]}
    await field.act(f"/tandems/{first['id']}/end_early", {"reason": "moved"})
    assert [one["tandem_id"] for one in await found(field, mentor["person_ref"])] == [second["id"]]
    await field.act(f"/tandems/{second['id']}/end_early", {"reason": "moved"})

    assert [(one["tandem_id"], one["state"]) for one in await found(field, mentor["person_ref"])] == [
        (second["id"], "ended_early")]


async def test_nothing_is_found_of_elsewhere_or_erased(field: Field) -> None:
    """A tandem is its region's, wherever its two live: who lives in the next district is found for one here."""
    beyond = replace(field, coordinator=await field.network.key(Role.COORDINATOR, region="15084"))
    mentor = await beyond.ready_mentor(region="15084")
    tandem = await field.tandem(mentor=mentor)
    household = (await field.get(f"/households/{tandem['household_id']}"))["person_ref"]
    assert [one["tandem_id"] for one in await found(field, mentor["person_ref"])] == [tandem["id"]]
    elsewhere = await neutral(field, "15084")
    assert await found(field, mentor["person_ref"], headers=elsewhere) == []
    assert await found(field, household, headers=elsewhere) == []
    await erased(field, household)
    assert await found(field, household) == []

    assert await found(field, f"niemand.{uuid4().hex}@example.org") == []


async def test_a_search_is_noted_in_the_audit_and_is_for_the_neutral_contact_alone(field: Field) -> None:
    """Also one in vain, without what was sought; no other role finds by it, nor does it repeat what it cannot read."""
    contact = someone()
    tandem = await field.tandem(contact=contact)
    query = "SELECT about, person_ref FROM audit WHERE action = 'find' AND role = 'neutral_contact' ORDER BY id DESC"
    await found(field, contact["email"])
    row, *_ = await field.network.rows("matching", query)
    _, household = await field.refs(tandem)
    assert (row["about"], str(row["person_ref"])) == (f"tandem/{tandem['id']}", household)
    await found(field, "niemand@example.org")
    row, *_ = await field.network.rows("matching", query)
    assert (row["about"], row["person_ref"]) == ("tandem/none", None)
    for role in (Role.COORDINATOR, Role.COUNSELLOR, Role.NETWORK_ADMIN, Role.OPS, Role.AUDITOR):
        headers = await field.network.key(role, region=REGION if role is Role.COORDINATOR else None)
        answer = await field.send("POST", "/concerns/find_tandems", {"caller": contact["email"]}, headers=headers)
        assert answer.status_code == 403, role
    for wrong in ({}, {"caller": ""}, {"caller": None}, {"caller": contact["email"], "name": "Nadia"}):
        answer = await field.send("POST", "/concerns/find_tandems", wrong, headers=await neutral(field))
        assert (answer.status_code, contact["email"] in answer.text) == (422, False)


async def replaced(field: Field) -> tuple[Json, str, str]:
    """A tandem, who spoke for its household before, and who does now."""
    tandem = await field.tandem()
    _, former = await field.refs(tandem)
    now = await field.act(f"/households/{tandem['household_id']}/contact/replace", {
        "contact": a_person("Noura Demo"), "consent": {"given_on": LONG_AGO}})
    return tandem, former, now["person_ref"]


async def another(field: Field, tandem: Json) -> Json:
    """A tandem ends, and its household begins another one."""
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    household = await field.get(f"/households/{tandem['household_id']}")
    proposal = await field.proposed(household, mentor=await field.ready_mentor())
    address = f"/proposals/{proposal['id']}"
    for step in ("approve", "invite"):
        await field.act(f"{address}/{step}", {} if step == "approve" else None)
    for side in ("mentors", "household"):
        await field.act(f"{address}/answers", {"side": side, "accepted": True})
    await field.act(f"{address}/first_meeting", {"on": str(field.day)})
    return await field.create("/tandems", {"proposal_id": proposal["id"], "kind": "everyday"})


async def test_what_a_former_contact_tells_is_theirs_and_not_the_new_ones(field: Field) -> None:
    """They alone read it in their own data; who never spoke for the household, or does now, is no former contact."""
    tandem, former, now = await replaced(field)
    noted = await field.create("/concerns", a_call(tandem, former_contact=former), headers=await neutral(field))
    assert noted["person_ref"] == former
    for ref, concerns in ((former, 1), (now, 0)):
        read = (await field.client.get(await field.link(OWN_DATA, tandem["household_id"], ref))).json()
        assert len(read["noted"]["concerns"]) == concerns
    mentor, _ = await field.refs(tandem)
    for given, status in (({"former_contact": mentor}, 404), ({"former_contact": now}, 404),
                          ({"former_contact": former, "side": "mentors"}, 422),
                          ({"former_contact": former, "member_id": mentor}, 422)):
        assert (await refusal(field, a_call(tandem, **given)))[0] == status, given


async def test_a_former_contact_is_found_for_what_began_in_their_time(field: Field) -> None:
    """As such, by what they are known by; not for a later tandem of the household, nor once they are erased.

    What is found is what a call may be noted of, and nothing else.
    """
    tandem, former, now = await replaced(field)
    (one,) = await found(field, former)
    assert (one["tandem_id"], one["side"], one["former_contact"]) == (tandem["id"], "household", former)
    assert [one["former_contact"] for one in await found(field, now)] == [None]
    later = await another(field, tandem)
    assert [[one["tandem_id"] for one in await found(field, ref)] for ref in (former, now)] == [
        [tandem["id"]], [later["id"]]]
    headers = await neutral(field)
    assert await refusal(field, a_call(later, former_contact=former)) == (422, "former-contact-too-early")
    assert await field.told(later["id"], kind="concern") == []
    noted = await field.create("/concerns", a_call(tandem, former_contact=former), headers=headers)
    assert (noted["person_ref"], noted["tandem_id"]) == (former, tandem["id"])
    await erased(field, former)

    assert await found(field, former) == []
