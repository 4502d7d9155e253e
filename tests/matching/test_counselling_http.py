"""Counselling through the HTTP door: one request for a contact, a team's cases, sealed notes, codes on the bus."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from dateutil.relativedelta import relativedelta

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from tests.harness import new_idempotency_key
from tests.matching.field import PARTNER, Field, Headers, Json

COUNTED = "SELECT minutes, topics, results, mode FROM counselling_contact ORDER BY id"


@pytest_asyncio.fixture
async def counsellor(field: Field) -> Headers:
    """Somebody who counsels at the partner."""
    return await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)


async def case_of(field: Field, contact: Json) -> Json:
    """The case of a contact, as the coordinator reads it."""
    found: Json = await field.get(f"/counselling_cases/{contact['counselling_case_id']}")
    return found


async def test_a_contact_and_its_new_case_take_one_request(field: Field, counsellor: Headers) -> None:
    """Whoever counselled sends who came and what it was about; the case is theirs, and open since that day."""
    day = str(field.day - timedelta(days=2))
    contact = await field.counselled(
        headers=counsellor, case=field.case_body(partner_id=None), held_on=day, topics=["housing", "health"],
        results=["form_completed"], mode="phone", note="Ruft wegen der Wohnung an")
    case = await case_of(field, contact)

    assert (contact["note"], contact["topics"]) == ("Ruft wegen der Wohnung an", ["health", "housing"])
    assert (case["state"], case["opened_on"], case["partner_id"]) == ("open", day, str(PARTNER))
    assert (case["origin"], case["origin_region"], case["languages"]) == ("SY", "145", ["ar"])
    assert case["counsellor"] == contact["held_by"]
    second = await field.counselled(headers=counsellor, counselling_case_id=case["id"])
    listed = (await field.get(f"/counselling_contacts?counselling_case_id={case['id']}"))["items"]
    assert [one["id"] for one in listed] == [contact["id"], second["id"]]
    assert all("note" not in one for one in listed)


async def test_the_same_request_twice_notes_one_contact_and_opens_one_case(field: Field) -> None:
    """A repeated Idempotency-Key answers with the same, also while the first is under way."""
    body = {"minutes": 30, "topics": ["housing"], "case": field.case_body(), "note": "Einmal"}
    headers = field.coordinator | new_idempotency_key()
    answers = await asyncio.gather(*(
        field.send("POST", "/counselling_contacts", body, headers=headers) for _ in range(3)))

    assert {(one.status_code, one.json()["id"], one.json()["note"]) for one in answers} == {
        (201, answers[0].json()["id"], "Einmal")}
    assert len(await field.told(answers[0].json()["id"])) == 1
    case_id = UUID(answers[0].json()["counselling_case_id"])
    person = (await field.network.rows(
        "matching", "SELECT person_ref FROM counselling_case WHERE id = $1", case_id))[0][0]
    assert await field.network.rows("matching", "SELECT 1 FROM person WHERE person_ref = $1", person)
    assert len(await field.network.rows(
        "matching", "SELECT 1 FROM counselling_contact WHERE counselling_case_id = $1", case_id)) == 1


async def test_what_is_told_are_codes_alone(field: Field) -> None:
    """Topics, results, minutes, partner, district, month; neither person nor case, day, counsellor, origin or note."""
    case = field.case_body(region="15087370")
    earlier = field.day - timedelta(days=40)
    contact = await field.counselled(
        case=case, topics=["health", "debts_contracts"], note="Geheim", held_on=str(earlier))
    (told,) = await field.told(contact["id"])

    assert told == {
        "subject": "counselling.recorded", "contact_id": contact["id"], "topics": ["debts_contracts", "health"],
        "results": ["informed"], "region": "15087", "month": f"{earlier:%Y-%m}", "partner_id": str(PARTNER),
        "minutes": 45, "recorded_on": str(field.day)}


async def test_of_a_case_it_is_told_when_it_began_and_ended(field: Field) -> None:
    """Opened, its beginning corrected by an earlier contact, closed, reopened; of one that is refused, nothing."""
    case = await field.create("/counselling_cases", field.case_body(region="15087370"))
    address, earlier = f"/counselling_cases/{case['id']}", field.day - timedelta(days=40)
    contact = await field.counselled(counselling_case_id=case["id"], held_on=str(earlier))
    await field.act(f"/counselling_contacts/{contact['id']}", {
        "held_on": str(earlier - timedelta(days=40)), "minutes": 5, "topics": ["health"]}, method="PUT")
    await field.counselled(counselling_case_id=case["id"])
    await field.act(f"{address}/close", {"result": "granted"})
    assert await field.refused(f"{address}/close", {"result": "granted"}) == (409, "case-closed")
    await field.act(f"{address}/reopen")
    told = await field.told(case["id"])

    assert [one.pop("spell_id") for one in told] == [None, None, None, case["id"], case["id"]]
    assert [(one.pop("subject"), one.pop("month")) for one in told] == [
        ("counselling_case.opened", f"{field.day:%Y-%m}"), ("counselling_case.corrected", f"{earlier:%Y-%m}"),
        ("counselling_case.corrected", f"{earlier - timedelta(days=40):%Y-%m}"),
        ("counselling_case.closed", f"{field.day:%Y-%m}"), ("counselling_case.reopened", f"{field.day:%Y-%m}")]
    assert told == [{"counselling_case_id": case["id"], "partner_id": str(PARTNER), "region": "15087"}] * 5


async def test_a_case_that_an_erasure_ends_is_told_as_closed(field: Field) -> None:
    """Once, and not when it was closed before."""
    cases = [await case_of(field, await field.counselled()) for _ in range(2)]
    await field.act(f"/counselling_cases/{cases[0]['id']}/close", {"result": "granted"})
    refs = tuple(UUID(one["person_ref"]) for one in cases)
    await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=refs))

    for one in cases:
        assert await field.subjects(one["id"]) == ["counselling_case.opened", "counselling_case.closed"]


async def test_names_origin_and_notes_are_sealed(field: Field) -> None:
    """No row shows them; who reads them is noted in the audit."""
    contact = await field.counselled(note="Trauma nach der Flucht")
    case = await case_of(field, contact)
    address = f"/counselling_cases/{case['id']}"
    rows = [*await field.network.rows("matching", "SELECT * FROM counselling_case WHERE id = $1", UUID(case["id"])),
            *await field.network.rows("matching", "SELECT * FROM counselling_contact WHERE id = $1",
                                      UUID(contact["id"])),
            *await field.network.rows("matching", "SELECT * FROM person WHERE person_ref = $1",
                                      UUID(case["person_ref"]))]
    stored = b"".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)
    for word in (b"Amina", b"amina.", b"'SY'", b"Trauma"):
        assert word not in stored
    assert (await field.get(f"{address}/person"))["name"] == "Amina Beispiel"
    await field.get(f"/counselling_contacts/{contact['id']}")
    changed = await field.act(f"{address}/person", {"name": "Amina Neu"}, method="PUT")
    assert changed["name"] == "Amina Neu"

    audit = await field.network.rows("matching", "SELECT action, about FROM audit WHERE person_ref = $1",
                                     UUID(case["person_ref"]))
    about = {(row["action"], row["about"].partition("/")[0]) for row in audit}
    assert {("change", "counselling_case"), ("read", "counselling_case"), ("change", "counselling_contact"),
            ("read", "counselling_contact")} <= about


async def test_a_team_shares_its_cases_and_nobody_else_sees_them(field: Field, counsellor: Headers) -> None:
    """A colleague of the same partner reads and goes on; another partner's finds nothing, and opens none there."""
    colleague = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)
    foreign = await field.network.key(Role.COUNSELLOR, partner_id=uuid4())
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    contact = await field.counselled(headers=counsellor)
    case = contact["counselling_case_id"]
    paths = [f"/counselling_cases/{case}", f"/counselling_cases/{case}/person", f"/counselling_cases/{case}/standing",
             f"/counselling_contacts/{contact['id']}", f"/counselling_statuses?counselling_case_id={case}"]
    for path in paths:
        await field.get(path, headers=colleague)
        for stranger in (foreign, elsewhere):
            assert (await field.send("GET", path, headers=stranger)).status_code == 404, path
    await field.counselled(headers=colleague, counselling_case_id=case)
    for path in ("/counselling_cases", "/counselling_contacts"):
        assert (await field.get(path, headers=foreign))["items"] == []
    body = {"minutes": 5, "topics": ["housing"]}
    unseen = await field.send("POST", "/counselling_contacts", body | {"counselling_case_id": case}, headers=foreign)
    outside = await field.send("POST", "/counselling_contacts", body | {"case": field.case_body()}, headers=elsewhere)
    unnamed = await field.send(
        "POST", "/counselling_contacts", body | {"case": field.case_body(partner_id=None)}, headers=field.coordinator)

    assert unseen.status_code == 404
    assert (outside.status_code, outside.json()["slug"]) == (403, "outside-own-region")
    assert (unnamed.status_code, unnamed.json()["slug"]) == (422, "partner-missing")


async def test_a_households_contact_is_counselled_under_the_same_reference(field: Field) -> None:
    """Nobody is entered twice; one open case at a partner, also of two that are opened at the same moment."""
    household = await field.create("/households", field.household_body(partner_id=str(PARTNER)))
    known = field.case_body(person=None, person_ref=household["person_ref"])
    answers = await asyncio.gather(*(field.send("POST", "/counselling_cases", known) for _ in range(3)))
    assert sorted(one.status_code for one in answers) == [201, 409, 409]
    assert {one.json()["slug"] for one in answers if one.status_code == 409} == {"case-open"}
    (case,) = [one.json() for one in answers if one.status_code == 201]
    assert case["person_ref"] == household["person_ref"]
    assert (await field.get(f"/counselling_cases/{case['id']}/person"))["name"] == "Samira Demo"
    await field.act(f"/counselling_cases/{case['id']}/close", {"result": "granted"})
    again = await field.create("/counselling_cases", known)
    assert await field.refused(f"/counselling_cases/{case['id']}/reopen") == (409, "case-open")
    assert again["person_ref"] == case["person_ref"]

    other = await field.network.key(Role.COUNSELLOR, partner_id=uuid4())
    foreign = await field.send("POST", "/counselling_cases", known | {"partner_id": None}, headers=other)
    elsewhere = await field.send("POST", "/counselling_cases", known | {"partner_id": str(uuid4())})
    for answer in (foreign, elsewhere):
        assert (answer.status_code, answer.json()["slug"]) == (422, "person-unknown")


async def test_somebody_is_found_again_by_mail_or_telephone(field: Field, counsellor: Headers) -> None:
    """Cases open and closed, inside the own scope alone; each that is found stands in the audit."""
    person = {"name": "Amina Beispiel", "email": f"a.{uuid4().hex}@example.org", "phone": "0151 2345 6789"}
    contact = await field.counselled(headers=counsellor, case=field.case_body(person=person))
    case, foreign = contact["counselling_case_id"], await field.network.key(Role.COUNSELLOR, partner_id=uuid4())
    await field.act(f"/counselling_cases/{case}/close", {"result": "granted"})
    for address in (f" {person['email'].upper()}", "+49 151 23456789"):
        found = await field.send("POST", "/counselling_cases/find", {"address": address}, headers=counsellor)
        assert [(one["id"], one["state"]) for one in found.json()] == [(case, "closed")]
        nothing = await field.send("POST", "/counselling_cases/find", {"address": address}, headers=foreign)
        assert (nothing.status_code, nothing.json()) == (200, [])
    audit = await field.network.rows(
        "matching", "SELECT about FROM audit WHERE action = 'find' AND about LIKE $1", f"%{case}")
    assert len(audit) == 2
    for body in ({"address": ""}, {}, {"address": person["email"], "name": "Amina"}):
        assert (await field.send("POST", "/counselling_cases/find", body)).status_code == 422


async def test_nobody_is_entered_twice_unless_an_address_is_shared(field: Field) -> None:
    """The open case is named; who is another of the family is said to be. At another partner nothing is known."""
    email = f"family.{uuid4().hex}@example.org"
    body = field.case_body(person={"name": "Amina Beispiel", "email": email})
    answers = await asyncio.gather(*(field.send("POST", "/counselling_cases", body) for _ in range(2)))
    assert sorted(one.status_code for one in answers) == [201, 409]
    (first,), (refused,) = ([one.json() for one in answers if one.status_code == code] for code in (201, 409))
    assert (refused["slug"], first["id"] in refused["detail"]) == ("case-at-address", True)
    before = len(await field.network.rows("matching", "SELECT 1 FROM person"))
    noted = {"minutes": 5, "topics": ["housing"], "case": body}
    again = await field.send("POST", "/counselling_contacts", noted)
    assert (again.status_code, again.json()["slug"]) == (409, "case-at-address")
    assert len(await field.network.rows("matching", "SELECT 1 FROM person")) == before

    await field.create("/counselling_cases", body | {"another_person": True})
    await field.create("/counselling_cases", body | {"partner_id": str(uuid4())})
    household = await field.create("/households", field.household_body(
        partner_id=str(PARTNER), contact={"name": "Samira Demo", "email": email}))
    known = field.case_body(person=None, person_ref=household["person_ref"])
    assert (await field.send("POST", "/counselling_cases", known)).json()["slug"] == "case-at-address"


async def test_a_closed_case_takes_nothing_until_they_come_again(field: Field) -> None:
    """Closed with a result, reopened without; a change needs the version that was read."""
    contact = await field.counselled()
    address, case = f"/counselling_cases/{contact['counselling_case_id']}", contact["counselling_case_id"]
    await field.counselled(counselling_case_id=case, held_on=str(field.day - timedelta(days=20)))
    for days in (25, 9, 1):
        early = await field.attempt(f"{address}/close", {
            "result": "granted", "closed_on": str(field.day - timedelta(days=days))})
        assert (early.status_code, early.json()["slug"], early.json()["field"]) == (422, "case-day", "closed_on")
    closed = await field.act(f"{address}/close", {"result": "granted"})
    assert (closed["state"], closed["result"], closed["closed_on"]) == ("closed", "granted", str(field.day))
    body = {"counselling_case_id": case, "minutes": 5, "topics": ["housing"]}
    entry = {"counselling_case_id": case, "value": "asylum", "valid_from": str(field.day)}
    for path, sent in (("/counselling_contacts", body), ("/counselling_statuses", entry)):
        answer = await field.send("POST", path, sent)
        assert (answer.status_code, answer.json()["slug"]) == (409, "case-closed")
    assert await field.refused(address, {}, method="PUT") == (409, "case-closed")
    assert await field.refused(f"{address}/close", {"result": "granted"}) == (409, "case-closed")
    assert (await field.send("POST", f"{address}/reopen", etag='"1"')).status_code == 412
    reopened = await field.act(f"{address}/reopen")

    assert (reopened["state"], reopened["result"], reopened["closed_on"]) == ("reopened", None, None)
    await field.counselled(counselling_case_id=case)
    counsellor = str(uuid4())
    changed = await field.act(address, {"origin": "UA", "counsellor": counsellor}, method="PUT")
    assert (changed["origin_region"], changed["counsellor"], changed["languages"]) == ("151", counsellor, [])
    mine = (await field.get(f"/counselling_cases?counsellor={counsellor}&state=reopened"))["items"]
    assert [one["id"] for one in mine] == [case]


async def test_what_was_entered_wrong_is_corrected_and_told_anew(field: Field) -> None:
    """Day, minutes, topics, results and note; figures count what is right, and a fact says so. Of a closed case too."""
    contact = await field.counselled(note="Falsch", topics=["housing"])
    case = f"/counselling_cases/{contact['counselling_case_id']}"
    await field.act(f"{case}/close", {"result": "granted"})
    earlier = str(field.day - timedelta(days=40))
    right = {"held_on": earlier, "minutes": 20, "topics": ["health"], "results": ["referred"], "note": "Richtig"}
    address = f"/counselling_contacts/{contact['id']}"
    corrected = await field.act(address, right, method="PUT")

    assert {name: corrected[name] for name in right} == right
    assert (corrected["held_by"], corrected["mode"]) == (contact["held_by"], "in_person")
    assert (await field.get(case))["opened_on"] == earlier
    assert [(one["subject"], one["topics"], one["month"]) for one in await field.told(contact["id"])] == [
        ("counselling.recorded", ["housing"], f"{field.day:%Y-%m}"), ("counselling.corrected", ["health"], earlier[:7])]
    for etag, status in (('"1"', 412), (None, 428)):
        assert (await field.send("PUT", address, right, etag=etag)).status_code == status
    assert (await field.refused(address, right | {"topics": []}, method="PUT"))[0] == 422
    assert await field.refused(address, right | {"held_on": str(field.day + timedelta(days=1))}, method="PUT") == (
        422, "day-in-future")


async def test_what_a_correction_leaves_out_stays_as_it_is(field: Field, counsellor: Headers) -> None:
    """Note, mode and results too; what is null says nothing, but for a note and results, which it deletes."""
    contact = await field.counselled(headers=counsellor, note="Bleibt", mode="phone", held_on=str(field.day))
    address, kept = f"/counselling_contacts/{contact['id']}", set(contact) - {"version"}
    nothing = dict.fromkeys(("held_on", "minutes", "mode", "topics", "held_by"))
    for sent in ({}, nothing):
        corrected = await field.act(address, sent, method="PUT")
        assert {name: corrected[name] for name in kept} == {name: contact[name] for name in kept}
    corrected = await field.act(address, {"minutes": 5}, method="PUT")
    assert {name for name in kept if corrected[name] != contact[name]} == {"minutes"}
    told = (await field.told(contact["id"]))[-1]
    assert (told["minutes"], told["topics"], told["results"]) == (5, ["housing"], ["informed"])

    without_note = await field.act(address, {"note": None}, method="PUT")
    assert (without_note["note"], without_note["results"]) == (None, ["informed"])
    empties: list[list[str] | None] = [[], None]
    for deleted in empties:
        await field.act(address, {"results": ["granted"], "note": "Neu"}, method="PUT")
        without_results = await field.act(address, {"results": deleted}, method="PUT")
        assert (without_results["note"], without_results["results"]) == ("Neu", [])
    wrongs: list[Json] = [{"minutes": 0}, {"topics": []}, {"mode": "pigeon"}, {"note": " "}]
    for wrong in wrongs:
        assert (await field.refused(address, wrong, method="PUT"))[0] == 422


async def test_a_contact_at_the_wrong_case_is_moved_with_its_note(field: Field, counsellor: Headers) -> None:
    """To another open case of the same partner; told anew, in the audit of both, and deleted with whom it is about."""
    wrong, right = [await field.counselled(headers=counsellor, note=note) for note in ("Verwechselt", "Richtig")]
    before = str(field.day - timedelta(days=3))
    contact = await field.counselled(
        headers=counsellor, counselling_case_id=wrong["counselling_case_id"], held_on=before, note="Gehört zu ihr")
    address, case = f"/counselling_contacts/{contact['id']}/move", right["counselling_case_id"]
    other = await field.create("/counselling_cases", field.case_body(partner_id=str(uuid4())))
    for elsewhere in (other["id"], wrong["counselling_case_id"]):
        assert await field.refused(address, {"counselling_case_id": elsewhere}) == (422, "case-not-other")
    assert await field.refused(address, {"counselling_case_id": other["id"]}, headers=counsellor) == (404, "not-found")
    assert (await field.refused(address, {"counselling_case_id": case, "reason": "why not"}))[0] == 422
    moved = await field.act(address, {"counselling_case_id": case}, headers=counsellor)

    assert (moved["counselling_case_id"], moved["note"], moved["mistaken"]) == (case, "Gehört zu ihr", "wrong_person")
    assert (await field.get(f"/counselling_cases/{case}"))["opened_on"] == before
    assert (await field.subjects(contact["id"]))[-1] == "counselling.corrected"
    months = {one["month"] for one in await field.told(case, kind="counselling_case")}
    assert months == {f"{field.day:%Y-%m}", before[:7]}
    persons = [(await case_of(field, one))["person_ref"] for one in (wrong, right)]
    audit = await field.network.rows("matching", "SELECT person_ref FROM audit WHERE action = 'change' AND about = $1",
                                     f"counselling_contact/{contact['id']}")
    assert {str(row[0]) for row in audit} == set(persons)
    await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(persons[0]),)))
    assert (await field.get(f"/counselling_contacts/{contact['id']}"))["note"] == "Gehört zu ihr"
    back = {"counselling_case_id": wrong["counselling_case_id"]}
    assert await field.refused(address, back) == (409, "case-closed")


async def test_a_contact_that_should_not_be_there_is_struck(field: Field) -> None:
    """Its note is erased, it stays to be seen with the reason, counts nowhere, and a fact says so; once and for all."""
    contact = await field.counselled(note="Geheim", topics=["discrimination"])
    address = f"/counselling_contacts/{contact['id']}"
    assert (await field.refused(f"{address}/strike", {}))[0] == 422
    assert (await field.send("POST", f"{address}/strike", {"reason": "not_held"})).status_code == 428
    struck = await field.act(f"{address}/strike", {"reason": "entered_twice"})

    assert (struck["note"], struck["mistaken"], struck["struck_at"] is None) == (None, "entered_twice", False)
    rows = await field.network.rows("matching", "SELECT note FROM counselling_contact WHERE id = $1",
                                    UUID(contact["id"]))
    assert rows[0]["note"] is None
    told = (await field.told(contact["id"]))[-1]
    assert (told["subject"], told["struck"], told["topics"], told["results"], told["minutes"]) == (
        "counselling.corrected", True, [], [], None)
    other = (await field.counselled())["counselling_case_id"]
    right = {"minutes": 20, "topics": ["health"]}
    for path, body, method in (("/strike", {"reason": "other"}, "POST"), ("", right, "PUT"),
                               ("/move", {"counselling_case_id": other}, "POST")):
        assert await field.refused(f"{address}{path}", body, method=method) == (409, "contact-struck")


async def test_a_contact_of_a_closed_case_is_not_put_behind_its_end(field: Field) -> None:
    """Its notes would go before three years have passed; what was struck holds up no closing."""
    before = field.day - timedelta(days=9)
    contact = await field.counselled(held_on=str(before))
    late = await field.counselled(counselling_case_id=contact["counselling_case_id"])
    await field.act(f"/counselling_contacts/{late['id']}/strike", {"reason": "not_held"})
    closing = {"result": "granted", "closed_on": str(before)}
    await field.act(f"/counselling_cases/{contact['counselling_case_id']}/close", closing)
    right = {"held_on": str(before + timedelta(days=1)), "minutes": 20, "topics": ["health"]}
    address = f"/counselling_contacts/{contact['id']}"
    refused = await field.attempt(address, right, method="PUT")
    assert (refused.json()["slug"], refused.json()["field"]) == ("contact-after-closing", "held_on")
    await field.act(address, right | {"held_on": str(before)}, method="PUT")


async def test_what_cannot_be_meant_is_refused(field: Field) -> None:
    """No topic, no time, two persons, a day to come, a country or code that there is not; and nothing is kept."""
    before = len(await field.network.rows("matching", "SELECT 1 FROM counselling_case"))
    tomorrow = str(field.day + timedelta(days=1))
    wrong: list[Json] = [
        {"topics": []}, {"topics": ["weather"]}, {"minutes": 0}, {"minutes": 1441}, {"mode": "pigeon"},
        {"held_on": tomorrow}, {"results": ["solved"]}, {"case": None}, {"counselling_case_id": str(uuid4())},
        {"case": field.case_body(origin="XX")}, {"case": field.case_body(person_ref=str(uuid4()))},
        {"case": field.case_body(region="15")}, {"case": field.case_body(opened_on=tomorrow)}]
    for given in wrong:
        body = {"minutes": 30, "topics": ["housing"], "case": field.case_body()} | given
        assert (await field.send("POST", "/counselling_contacts", body)).status_code == 422, given

    assert len(await field.network.rows("matching", "SELECT 1 FROM counselling_case")) == before


async def test_three_years_after_the_end_no_note_is_left(field: Field) -> None:
    """Nor the country of origin; a case that was reopened keeps both. How often and about what stays counted."""
    contacts = [await field.counselled(note="Bleibt nicht") for _ in range(2)]
    cases = [f"/counselling_cases/{one['counselling_case_id']}" for one in contacts]
    for address in cases:
        await field.act(f"{address}/close", {"result": "granted"})
    await field.act(f"{cases[1]}/reopen")
    counted = await field.network.rows("matching", COUNTED)
    later = field.day + relativedelta(years=3, days=1)
    await field.network.move(days=(later - field.day).days)
    notes = [(await field.get(f"/counselling_contacts/{one['id']}"))["note"] for one in contacts]

    assert notes == [None, "Bleibt nicht"]
    shown = [await field.get(address) for address in cases]
    assert [(one["origin"], one["origin_region"]) for one in shown] == [(None, "145"), ("SY", "145")]
    assert await field.network.rows("matching", COUNTED) == counted
    late = f"/counselling_contacts/{contacts[0]['id']}"
    await field.act(late, {"minutes": 45, "topics": ["housing"], "results": ["informed"], "note": "Zu spät"},
                    method="PUT")
    await field.network.move(timedelta(minutes=1))
    assert (await field.get(late))["note"] is None


async def test_an_erasure_takes_who_it_was_and_leaves_that_it_was(field: Field) -> None:
    """Name, note, origin and history go; contacts, their region of the world and residence status stay counted."""
    contact = await field.counselled(note="Geheim")
    case = await case_of(field, contact)
    address = f"/counselling_cases/{case['id']}"
    for attribute, value in (("residence_status", "asylum"), ("employment", "seeking")):
        await field.create("/counselling_statuses", {
            "counselling_case_id": case["id"], "attribute": attribute, "value": value, "valid_from": str(field.day)})
    counted = await field.network.rows("matching", COUNTED)
    erasure = uuid4()
    await field.network.tell("matching", ErasureRequested(
        erasure_id=erasure, person_refs=(UUID(case["person_ref"]),)))

    (told,) = await field.told(str(erasure))
    assert told["stores"] == ["counselling_cases", "person"]
    erased = await field.get(address)
    assert {name: erased[name] for name in ("state", "origin", "origin_region", "languages", "gender", "age_band")} == {
        "state": "closed", "origin": None, "origin_region": "145", "languages": [], "gender": "not_stated",
        "age_band": None}
    assert (await field.get(f"/counselling_contacts/{contact['id']}"))["note"] is None
    noted = {"minutes": 5, "topics": ["housing"], "note": "Wieder da"}
    assert await field.refused(f"/counselling_contacts/{contact['id']}", noted, method="PUT") == (404, "person-erased")
    assert await field.refused(f"{address}/reopen") == (404, "person-erased")
    assert (await field.send("GET", f"{address}/person")).json()["slug"] == "person-erased"
    assert (await field.get(f"{address}/standing"))["statuses"] == {"residence_status": "asylum"}
    assert await field.network.rows("matching", COUNTED) == counted


@pytest.mark.parametrize("role", [Role.NETWORK_ADMIN, Role.OPS, Role.AUDITOR, Role.NEUTRAL_CONTACT, Role.FUNDER_READER,
                                  Role.PARTNER_EDITOR])
async def test_only_who_counsels_or_coordinates_reads_it(field: Field, role: Role) -> None:
    """Neither cases nor contacts nor figures are for anybody else."""
    headers: dict[str, Any] = await field.network.key(role)
    for path in ("/counselling_cases", "/counselling_contacts", "/counselling_figures"):
        assert (await field.send("GET", path, headers=headers)).status_code == 403
        assert (await field.send("GET", path, headers={})).status_code == 401
