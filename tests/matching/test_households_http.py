"""Households through the HTTP door: registered by a counsellor, known by a pseudonym, waiting only with consent."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from libs.common.callers import Role
from tests.harness import new_idempotency_key
from tests.matching.field import Field


async def test_a_household_is_registered_by_a_counsellor_and_waits(field: Field) -> None:
    """Registered, interviewed, consented, waiting; then it is told, with codes only."""
    partner = uuid4()
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=partner)
    body = field.household_body(only_female_mentor=True, barrier_free=True, must_haves=["jobcentre"], note="Trauma")
    household = await field.create("/households", body, headers=counsellor)
    address = f"/households/{household['id']}"
    assert (household["partner_id"], household["state"]) == (str(partner), "registered")
    assert (household["must_haves"], household["only_female_mentor"]) == (["jobcentre", "step_free"], True)
    assert (household["persons"], household["children"], household["note"]) == (3, 2, "Trauma")
    steps: list[tuple[str, Any]] = [("interview", None), ("consent", {"given_on": "2024-01-08"}), ("wait", None)]
    states = [(await field.act(f"{address}/{verb}", body, headers=counsellor))["state"] for verb, body in steps]

    assert states == ["interviewed", "interviewed", "waiting"]
    (told,) = await field.told(household["id"], kind="household.waiting")
    assert told == {"subject": "household.waiting", "household_id": household["id"], "region": "15087",
                    "languages": ["ar", "de"]}


async def test_without_consent_nobody_waits_not_even_past_the_code(field: Field) -> None:
    """The door refuses it, and so does the database."""
    household = await field.create("/households", field.household_body())
    address = f"/households/{household['id']}"
    assert await field.refused(f"{address}/wait") == (409, "consent-missing")
    for state in ("waiting", "proposed", "in_tandem"):
        with pytest.raises(asyncpg.CheckViolationError, match="consented"):
            await field.network.rows(
                "matching", "UPDATE household SET state = $1, waiting_since = now() WHERE id = $2", state,
                UUID(household["id"]))
    future = {"given_on": str(field.day + timedelta(days=1))}
    assert await field.refused(f"{address}/consent", future) == (422, "day-in-future")
    await field.act(f"{address}/consent", {"given_on": str(field.day)})

    assert await field.refused(f"{address}/wait") == (409, "household-state")


async def test_names_and_notes_are_sealed(field: Field) -> None:
    """Neither the household's row nor its list holds a name; reading the contact is noted in the audit."""
    household = await field.create("/households", field.household_body(note="Nur vormittags anrufen"))
    address = f"/households/{household['id']}"
    row = (await field.network.rows("matching", "SELECT * FROM household WHERE id = $1", UUID(household["id"])))[0]
    person = (await field.network.rows("matching", "SELECT * FROM person WHERE person_ref = $1", row["person_ref"]))[0]
    stored = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in (*row, *person))
    assert b"Samira" not in stored
    assert b"vormittags" not in stored
    assert (await field.get(address))["note"] == "Nur vormittags anrufen"
    assert (await field.get(f"{address}/contact"))["name"] == "Samira Demo"
    changed = await field.act(f"{address}/contact", {"name": "Samira Neu", "written_in": ["ckb", "ar"]}, method="PUT")
    assert (changed["name"], changed["written_in"]) == ("Samira Neu", ["ckb", "ar"])

    audit = await field.network.rows(
        "matching", "SELECT action FROM audit WHERE about = $1 AND person_ref = $2", f"household/{household['id']}",
        row["person_ref"])
    assert {one["action"] for one in audit} == {"change", "read"}
    listed = (await field.get(f"/households?programme_id={field.programme}"))["items"]
    assert listed[0].keys().isdisjoint({"wishes", "must_haves", "note", "person_ref", "members"})


@pytest.mark.parametrize("noun", ["household", "mentor"])
async def test_nobody_overwrites_a_contact_that_another_has_changed(field: Field, noun: str) -> None:
    """The ETag that reading the contact gives is that of the whole; a second change on it is refused."""
    body = field.household_body() if noun == "household" else field.mentor_body()
    made = await field.create(f"/{noun}s", body)
    address = f"/{noun}s/{made['id']}/contact"
    read = (await field.send("GET", address)).headers["ETag"]
    first = await field.send("PUT", address, {"name": "Samira Neu"}, etag=read)
    second = await field.send("PUT", address, {"name": "Samira Anders"}, etag=read)
    without = await field.send("PUT", address, {"name": "Samira Anders"})

    assert [answer.status_code for answer in (first, second, without)] == [200, 412, 428]
    shown = await field.send("GET", address)
    assert (shown.json()["name"], shown.headers["ETag"]) == ("Samira Neu", first.headers["ETag"])
    assert (await field.send("GET", f"/{noun}s/{made['id']}")).headers["ETag"] == first.headers["ETag"] != read


async def test_a_counsellor_sees_the_own_partners_households_only(field: Field) -> None:
    """The team's too; a foreign one answers as an unknown one does, and cannot be entered for another partner."""
    own, foreign = uuid4(), uuid4()
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=own)
    colleague = await field.network.key(Role.COUNSELLOR, partner_id=own)
    other = await field.network.key(Role.COUNSELLOR, partner_id=foreign)
    household = await field.create("/households", field.household_body(), headers=colleague)
    address = f"/households/{household['id']}"
    assert (await field.get(f"{address}/contact", headers=counsellor))["name"] == "Samira Demo"
    assert [one["id"] for one in (await field.get("/households", headers=counsellor))["items"]] == [household["id"]]
    for path in (address, f"{address}/contact"):
        assert (await field.send("GET", path, headers=other)).status_code == 404
    assert (await field.get("/households", headers=other))["items"] == []
    for given in ({"partner_id": str(own)}, {"partner_id": str(own), "region": "15084"}):
        answer = await field.send("POST", "/households", field.household_body(**given), headers=other)
        assert (answer.status_code, answer.json()["slug"]) == (403, "outside-own-region")
    elsewhere = await field.create("/households", field.household_body(region="15084"), headers=counsellor)

    assert elsewhere["partner_id"] == str(own)
    assert (await field.send("GET", f"/households/{elsewhere['id']}")).status_code == 404


async def test_a_household_is_changed_while_it_is_open(field: Field) -> None:
    """Closed, nothing about it is changed any more; reasons are codes."""
    household = await field.create("/households", field.household_body())
    address = f"/households/{household['id']}"
    body = {"members": [{"age_band": "18-26", "gender": "m"}], "languages": {"uk": "C2"}, "urgency": 2}
    changed = await field.act(address, body, method="PUT")
    assert (changed["persons"], changed["languages"], changed["must_haves"]) == (1, {"uk": "C2"}, [])
    assert (await field.refused(f"{address}/close", {"reason": "because"}))[0] == 422
    closed = await field.act(f"{address}/close", {"reason": "moved"})
    assert (closed["state"], closed["closed_reason"]) == ("closed", "moved")

    assert await field.refused(address, body, method="PUT") == (409, "household-closed")
    assert await field.refused(f"{address}/consent", {"given_on": "2024-01-08"}) == (409, "household-closed")
    assert await field.refused(f"{address}/close", {"reason": "moved"}) == (409, "household-state")
    assert await field.refused(f"{address}/interview") == (409, "household-state")


async def test_closing_lets_go_of_a_proposal_and_waits_for_an_invitation(field: Field) -> None:
    """A counsellor may close an own case, though proposals are not theirs to see."""
    partner = uuid4()
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=partner)
    mentor, household = await field.ready_mentor(), await field.waiting_household(partner_id=str(partner))
    proposal = await field.proposed(household, mentor=mentor)
    address = f"/households/{household['id']}/close"
    assert (await field.act(address, {"reason": "moved"}, headers=counsellor))["state"] == "closed"
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "dismissed"
    invited = await field.invited(mentor=mentor, partner_id=str(partner))

    refused = await field.refused(f"/households/{invited['household_id']}/close", {"reason": "moved"},
                                  headers=counsellor)
    assert refused == (409, "household-busy")


async def test_a_household_is_entered_once_and_for_a_programme_there_is(field: Field) -> None:
    """A repeated Idempotency-Key answers with the same; unknown programmes, regions and codes are refused."""
    headers = field.coordinator | new_idempotency_key()
    first = await field.send("POST", "/households", field.household_body(), headers=headers)
    again = await field.send("POST", "/households", field.household_body(), headers=headers)
    assert first.json()["id"] == again.json()["id"]
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"programme_id": str(uuid4())}, 422), ({"region": "15"}, 422), ({"region": "15999"}, 422),
        ({"members": []}, 422), ({"least_level": "none"}, 422), ({"arrived_on": "9999-12-31"}, 422),
        ({"languages": {"ar": "fluent"}}, 422), ({"slots": ["someday"]}, 422), ({"urgency": 4}, 422),
        ({"members": [{"age_band": "grown-up"}]}, 422), ({"region": "15084"}, 403), ({"name": "Samira"}, 422)]
    for given, status in wrong:
        assert (await field.send("POST", "/households", field.household_body(**given))).status_code == status, given


async def test_only_coordinator_and_counsellor_read_households(field: Field) -> None:
    """Nobody who works with figures, machines or concerns does."""
    household = await field.create("/households", field.household_body())
    for role in (Role.NETWORK_ADMIN, Role.OPS, Role.AUDITOR, Role.NEUTRAL_CONTACT, Role.FUNDER_READER,
                 Role.PARTNER_EDITOR):
        headers = await field.network.key(role)
        for path in ("/households", f"/households/{household['id']}", f"/households/{household['id']}/contact"):
            assert (await field.send("GET", path, headers=headers)).status_code == 403, role
    assert (await field.send("GET", "/households", headers={})).status_code == 401
