"""What is stored about somebody who is counselled, in one answer: all of it, nobody else's, and nothing too far."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from services.matching.consents.model import Consent
from services.matching.counselling_cases.model import CounsellingCase, CounsellingSpell
from services.matching.counselling_contacts.model import CounsellingContact
from services.matching.counselling_statuses.model import CounsellingStatus
from services.matching.own_data.model import TOLD
from services.matching.referrals.model import Referral
from tests.matching.field import PARTNER, Field, Json

TABLES: dict[str, Any] = {
    "consents": Consent, "counselling_cases": CounsellingCase, "counselling_spells": CounsellingSpell,
    "counselling_contacts": CounsellingContact, "counselling_statuses": CounsellingStatus, "referrals": Referral}
# Of whom it is stands once, above all rows.
ONCE = {"person_ref"}
# What stands in a row only once it has come to that.
LATER = {"withdrawn_on", "replaced_on"}


async def advised(field: Field, **case: Any) -> Json:
    """A case with everything in it: a contact with a note, a status, and a referral that was sent."""
    contact = await field.counselled(case=field.case_body(**case), note="Fragt nach einem Kurs")
    address = f"/counselling_cases/{contact['counselling_case_id']}"
    await field.create("/counselling_statuses", {
        "counselling_case_id": contact["counselling_case_id"], "value": "asylum", "valid_from": str(field.day)})
    offered_by = uuid4()
    offer = str(await field.offer(partner_id=offered_by))
    referral = await field.create("/referrals", {
        "counselling_case_id": contact["counselling_case_id"], "offer_id": offer})
    consent = {"what": ["name"], "to_whom": str(offered_by), "until": str(field.day)}
    await field.act(f"/referrals/{referral['id']}/consent", consent)
    await field.act(f"/referrals/{referral['id']}/send")
    await field.act(f"{address}/close", {"result": "granted"})
    found: Json = await field.get(address)
    return found


async def test_every_personal_column_of_counselling_is_in_the_answer(field: Field) -> None:
    """Of whoever is also a household's contact: what they consented to, too. Who adds a column adds it here."""
    household = await field.waiting_household(partner_id=str(PARTNER))
    ref = (await field.get(f"/households/{household['id']}"))["person_ref"]
    case = await advised(field, person=None, person_ref=ref)
    data = await field.get(f"/counselling_cases/{case['id']}/own_data")

    assert (data["contact"]["person_ref"], set(data["noted"])) == (ref, set(TABLES))
    for name, kind in TABLES.items():
        columns = {one.name for one in kind.__table__.columns if one.info["privacy"] in {"personal", "special"}}
        assert data["noted"][name], name
        for row in data["noted"][name]:
            assert (columns - ONCE - set(row), set(row)) == (set(), set(TOLD[kind]))
            assert [one for one in columns - ONCE - LATER if row[one] is None] == [], name


async def test_notes_and_origin_are_opened_and_other_cases_of_theirs_are_told(field: Field) -> None:
    """By each of their cases the same; of another client nothing."""
    first = await advised(field)
    again = field.case_body(person=None, person_ref=first["person_ref"])
    second = await field.counselled(case=again, note="Ist wieder da")
    await field.counselled(note="Ganz jemand anderes")
    answers = [await field.get(f"/counselling_cases/{case}/own_data")
               for case in (first["id"], second["counselling_case_id"])]

    assert answers[0] == answers[1]
    noted = answers[0]["noted"]
    assert [one["origin"] for one in noted["counselling_cases"]] == ["SY", "SY"]
    assert [one["note"] for one in noted["counselling_contacts"]] == ["Fragt nach einem Kurs", "Ist wieder da"]
    assert [(one["state"], one["shared"]) for one in noted["referrals"]] == [("sent", ["name"])]
    assert [one["value"] for one in noted["counselling_statuses"]] == ["asylum"]
    assert answers[0]["contact"]["name"] == "Amina Beispiel"


async def test_it_is_read_by_the_team_alone_and_audited_as_reading_of_the_person(field: Field) -> None:
    """Another partner's counsellors and another region's coordinators find no such case; nobody else may ask."""
    case = await advised(field)
    address = f"/counselling_cases/{case['id']}/own_data"
    audit = "SELECT 1 FROM audit WHERE action = 'read' AND about = $1 AND person_ref = $2"
    asked = (f"counselling_case/{case['id']}", UUID(case["person_ref"]))
    before = len(await field.network.rows("matching", audit, *asked))
    for role, scope in ((Role.COUNSELLOR, {"partner_id": uuid4()}), (Role.COORDINATOR, {"region": "15088"})):
        refused = await field.send("GET", address, headers=await field.network.key(role, **scope))
        assert (refused.status_code, refused.json()["slug"]) == (404, "not-found")
    for role in (Role.NEUTRAL_CONTACT, Role.AUDITOR, Role.FUNDER_READER):
        assert (await field.send("GET", address, headers=await field.network.key(role))).status_code == 403
    assert len(await field.network.rows("matching", audit, *asked)) == before
    team = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)

    assert (await field.send("GET", address, headers=team)).status_code == 200
    assert len(await field.network.rows("matching", audit, *asked)) > before


async def test_of_a_person_in_two_regions_a_coordinator_reads_what_lies_in_their_own(field: Field) -> None:
    """The partner's counsellors read both cases, who coordinates one district the case of that one."""
    near = await field.counselled(note="Hier")
    ref = (await field.get(f"/counselling_cases/{near['counselling_case_id']}"))["person_ref"]
    await field.act(f"/counselling_cases/{near['counselling_case_id']}/close", {"result": "granted"})
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)
    far = field.case_body(person=None, person_ref=ref, region="15088")
    await field.counselled(headers=counsellor, case=far, note="Dort")
    address = f"/counselling_cases/{near['counselling_case_id']}/own_data"
    district = await field.network.key(Role.COORDINATOR, region="15087")
    notes = []
    for headers in (counsellor, district):
        answer = (await field.send("GET", address, headers=headers)).json()
        notes.append([one["note"] for one in answer["noted"]["counselling_contacts"]])

    assert notes == [["Hier", "Dort"], ["Hier"]]


@pytest.mark.parametrize("known", [True, False])
async def test_of_who_was_erased_or_never_came_there_is_nothing(field: Field, known: bool) -> None:
    """Refused with the reason that nothing is there any more, or as any case that does not exist."""
    case: Json = await advised(field) if known else {"id": uuid4()}
    if known:
        await field.network.tell("matching", ErasureRequested(
            erasure_id=uuid4(), person_refs=(UUID(case["person_ref"]),)))
    refused = await field.send("GET", f"/counselling_cases/{case['id']}/own_data")

    assert (refused.status_code, refused.json()["slug"]) == (404, "person-erased" if known else "not-found")
