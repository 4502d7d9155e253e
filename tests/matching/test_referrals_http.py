"""Referrals through the HTTP door: proposed, consented, sent, answered; nothing of a person on the bus or beyond."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from dateutil.relativedelta import relativedelta

from libs.common.callers import Role
from libs.common.facts.registry import (
    ErasureRequested,
    OfferExpired,
    OfferFact,
    OfferPaused,
    OfferPublished,
    OfferResumed,
    OfferWithdrawn,
)
from tests.harness import new_idempotency_key
from tests.matching.field import PARTNER, REGION, Field, Json

OFFERED_BY = uuid4()


async def proposed(field: Field, **case: Any) -> Json:
    """Somebody to whom an offer was proposed."""
    contact = await field.counselled(case=field.case_body(**case), topics=["language_course"])
    body = {"counselling_case_id": contact["counselling_case_id"],
            "offer_id": str(await field.offer(partner_id=OFFERED_BY))}
    return await field.create("/referrals", body)


async def act(field: Field, referral: Json, verb: str, body: Any = None) -> Json:
    """A step of a referral that must succeed."""
    return await field.act(f"/referrals/{referral['id']}/{verb}", body)


def consent(field: Field, *what: str, days: int = 30) -> Json:
    """What somebody consents to, from today on."""
    return {"what": what or ["name", "languages"], "to_whom": str(OFFERED_BY),
            "until": str(field.day + timedelta(days=days))}


async def test_somebody_is_referred_with_consent_and_the_bus_learns_ids_alone(field: Field) -> None:
    """Proposed, consented, sent, accepted, done; three facts with ids and the district."""
    referral = await proposed(field, region="15087370")
    assert (referral["state"], referral["offered_by"]) == ("proposed", str(OFFERED_BY))
    steps: list[tuple[str, Any]] = [("consent", consent(field)), ("send", None), ("answer", {"accepted": True}),
                                    ("finish", None)]
    states = [(await act(field, referral, verb, body))["state"] for verb, body in steps]
    assert states == ["consented", "sent", "accepted", "done"]

    ids = {"referral_id": referral["id"], "offer_id": referral["offer_id"], "region": REGION,
           "partner_id": str(PARTNER)}
    assert await field.told(referral["id"]) == [
        {"subject": f"referral.{verb}"} | ids for verb in ("sent", "accepted", "done")]


async def accepted(field: Field) -> Json:
    """Somebody whom the partner takes, as was answered."""
    referral = await proposed(field)
    for verb, body in (("consent", consent(field)), ("send", None), ("answer", {"accepted": True})):
        await act(field, referral, verb, body)
    return referral


async def test_an_acceptance_entered_wrongly_is_corrected(field: Field) -> None:
    """Declined with its reason, which is told; then nothing is handed over, and nothing goes on."""
    referral = await accepted(field)
    address = f"/referrals/{referral['id']}"
    declined = await act(field, referral, "answer", {"accepted": False, "reason": "full"})

    assert (declined["state"], declined["declined_reason"], declined["shared"]) == ("declined", "full", [])
    assert await field.subjects(referral["id"]) == ["referral.sent", "referral.accepted", "referral.declined"]
    assert (await field.send("GET", f"{address}/handover")).json()["slug"] == "referral-consent"
    for verb, body in (("answer", {"accepted": True}), ("finish", None), ("not_taken_up", None)):
        assert await field.refused(f"{address}/{verb}", body) == (409, "referral-state"), verb


async def test_who_did_not_come_ends_it_without_having_revoked_anything(field: Field) -> None:
    """Answered or not, also after the case was closed; not what was never sent, nor twice."""
    waiting, taken, begun = await accepted(field), await accepted(field), await proposed(field)
    await field.act(f"/counselling_cases/{waiting['counselling_case_id']}/close", {"result": "broken_off"})
    ended = [await act(field, one, "not_taken_up") for one in (waiting, taken)]

    assert [(one["state"], one["shared"]) for one in ended] == [("not_taken_up", [])] * 2
    ids = {"referral_id": taken["id"], "offer_id": taken["offer_id"], "region": REGION, "partner_id": str(PARTNER)}
    assert await field.told(taken["id"]) == [
        {"subject": f"referral.{verb}"} | ids for verb in ("sent", "accepted", "ended")]
    for one in (begun, taken):
        assert await field.refused(f"/referrals/{one['id']}/not_taken_up") == (409, "referral-state")
    assert await field.subjects(begun["id"]) == []


async def test_what_is_handed_over_is_what_they_consented_to(field: Field) -> None:
    """Nothing before, nothing else, nothing once it is revoked or over; who reads it is noted in the audit."""
    referral = await proposed(field)
    address = f"/referrals/{referral['id']}/handover"
    await field.create("/counselling_statuses", {
        "counselling_case_id": referral["counselling_case_id"], "value": "asylum", "valid_from": str(field.day)})
    assert (await field.send("GET", address)).json()["slug"] == "referral-consent"
    await act(field, referral, "consent", consent(field, "name", "topics"))
    nothing = dict.fromkeys(("name", "email", "phone", "languages", "topics", "residence_status"))
    assert await field.get(address) == nothing | {"name": "Amina Beispiel", "topics": ["language_course"]}
    await act(field, referral, "send")
    assert (await field.get(address))["name"] == "Amina Beispiel"
    revoked = await act(field, referral, "revoke")
    assert (revoked["state"], revoked["shared"]) == ("revoked", [])
    assert (await field.told(referral["id"]))[-1] == {
        "subject": "referral.revoked", "referral_id": referral["id"], "offer_id": referral["offer_id"],
        "region": REGION, "partner_id": str(PARTNER), "sent_on": str(field.day)}
    assert (await field.send("GET", address)).status_code == 409
    other = await proposed(field, person={"name": "Amina Beispiel", "email": "amina@example.org"})
    await act(field, other, "consent", consent(field, "contact", "languages", "residence_status"))

    assert await field.get(f"/referrals/{other['id']}/handover") == nothing | {
        "email": "amina@example.org", "languages": ["ar"]}
    audit = await field.network.rows("matching", "SELECT action FROM audit WHERE about = $1",
                                     f"referral/{referral['id']}")
    assert {row["action"] for row in audit} == {"change", "read"}


async def test_without_consent_nothing_is_sent_not_even_past_the_code(field: Field) -> None:
    """The door refuses it, and so does the database."""
    referral = await proposed(field)
    address = f"/referrals/{referral['id']}"
    assert await field.refused(f"{address}/send") == (409, "referral-state")
    with pytest.raises(asyncpg.CheckViolationError, match="consented"):
        await field.network.rows("matching", "UPDATE referral SET state = 'sent', sent_at = now() WHERE id = $1",
                                 UUID(referral["id"]))
    wrong: list[tuple[Json, str]] = [
        ({"to_whom": str(uuid4())}, "consent-elsewhere"), ({"until": "2026-01-01"}, "consent-until"),
        ({"what": []}, "invalid-request"), ({"what": ["secrets"]}, "invalid-request"),
        ({"given_on": str(field.day + timedelta(days=1))}, "day-in-future")]
    for given, slug in wrong:
        assert await field.refused(f"{address}/consent", consent(field) | given) == (422, slug), given

    assert (await field.get(address))["state"] == "proposed"
    assert await field.told(referral["id"]) == []


async def test_a_consent_ends_by_itself_after_its_last_day(field: Field) -> None:
    """Unless something was sent by it; then it takes a new one. Revoked before, nothing falls due any more."""
    left, sent, revoked = [await proposed(field) for _ in range(3)]
    for one in (left, sent, revoked):
        await act(field, one, "consent", consent(field, days=2))
    await act(field, sent, "send")
    await act(field, revoked, "revoke")
    await field.network.move(days=2)
    assert (await field.get(f"/referrals/{left['id']}"))["state"] == "consented"
    await field.network.move(days=1)
    states = [(await field.get(f"/referrals/{one['id']}"))["state"] for one in (left, sent, revoked)]

    assert states == ["expired", "sent", "revoked"]
    assert await field.subjects(revoked["id"]) == []
    assert (await field.send("GET", f"/referrals/{sent['id']}/handover")).json()["slug"] == "referral-consent"
    assert await field.refused(f"/referrals/{left['id']}/send") == (409, "referral-state")
    await act(field, left, "consent", consent(field))
    assert (await act(field, left, "send"))["state"] == "sent"
    declined = await act(field, sent, "answer", {"accepted": False, "reason": "full"})
    assert (declined["state"], declined["declined_reason"]) == ("declined", "full")
    assert await field.subjects(sent["id"]) == ["referral.sent", "referral.declined"]
    for body in ({"accepted": False}, {"accepted": True, "reason": "full"}):
        assert await field.refused(f"/referrals/{left['id']}/answer", body) == (422, "invalid-request")


@pytest.mark.parametrize("gone", [OfferPaused, OfferWithdrawn, OfferExpired])
async def test_an_offer_that_is_not_to_be_had_is_neither_proposed_nor_sent_to(
    field: Field, gone: type[OfferFact],
) -> None:
    """A change to a paused one does not end its pause; resumed, it is there again."""
    referral = await proposed(field)
    await act(field, referral, "consent", consent(field))
    offer: dict[str, Any] = {"offer_id": UUID(referral["offer_id"]), "partner_id": OFFERED_BY, "field": "language",
                             "region": REGION}
    body = {"counselling_case_id": referral["counselling_case_id"], "offer_id": referral["offer_id"]}
    await field.network.tell("matching", gone(**offer), OfferPublished(**offer, first_time=False))
    assert await field.refused(f"/referrals/{referral['id']}/send") == (409, "offer-not-available")
    for given in (body, body | {"offer_id": str(uuid4())}):
        answer = await field.send("POST", "/referrals", given)
        assert (answer.status_code, answer.json()["slug"]) == (422, "offer-unknown")
    await field.network.tell("matching", OfferResumed(**offer))

    assert (await act(field, referral, "send"))["state"] == "sent"


async def test_what_two_do_at_the_same_moment_is_done_once(field: Field) -> None:
    """Sent by one and revoked by another: who comes second reads again."""
    referral = await proposed(field)
    await act(field, referral, "consent", consent(field))
    etag = await field.etag("referrals", referral["id"])
    answers = await asyncio.gather(*(
        field.send("POST", f"/referrals/{referral['id']}/{verb}", etag=etag) for verb in ("send", "revoke", "send")))

    assert sorted(one.status_code for one in answers) == [200, 412, 412]
    assert len(await field.told(referral["id"])) <= 1


async def test_a_case_is_sent_to_an_offer_once_at_a_time(field: Field) -> None:
    """In every state in which it goes on; to another offer, or of another case, it may, and again once it is over."""
    first = await proposed(field)
    again = {"counselling_case_id": first["counselling_case_id"], "offer_id": first["offer_id"]}

    async def second(**given: str) -> tuple[int, str]:
        answer = await field.send("POST", "/referrals", again | given)
        return answer.status_code, answer.json().get("slug", "")

    steps: list[tuple[str, Any]] = [("consent", consent(field)), ("send", None), ("answer", {"accepted": True})]
    for verb, body in steps:
        assert await second() == (409, "referral-open")
        await act(field, first, verb, body)
    refused = (await field.send("POST", "/referrals", again)).json()
    assert (refused["slug"], first["id"] in refused["detail"]) == ("referral-open", True)
    other = await proposed(field)
    assert await second(offer_id=other["offer_id"]) == (201, "")
    assert await second(counselling_case_id=other["counselling_case_id"]) == (201, "")
    await act(field, first, "finish")

    assert await second() == (201, "")
    assert await second() == (409, "referral-open")


async def test_who_asks_again_for_what_was_proposed_is_told_of_it(field: Field) -> None:
    """With the same Idempotency-Key the answer is that of the first time, also while it is open."""
    first = await proposed(field)
    body = {"counselling_case_id": first["counselling_case_id"], "offer_id": str(await field.offer())}
    headers = field.coordinator | new_idempotency_key()
    answers = [await field.send("POST", "/referrals", body, headers=headers) for _ in range(2)]

    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]


async def test_of_many_who_send_a_case_to_an_offer_at_the_same_moment_one_does(field: Field) -> None:
    """Whoever comes later is told which referral there is, also when an earlier version has left two."""
    first = await proposed(field)
    body = {"counselling_case_id": first["counselling_case_id"], "offer_id": str(await field.offer())}
    answers = await asyncio.gather(*(field.send("POST", "/referrals", body) for _ in range(6)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 5
    query = "SELECT count(*) FROM referral WHERE offer_id = $1"
    assert (await field.network.rows("matching", query, UUID(body["offer_id"])))[0][0] == 1
    await field.network.rows(
        "matching", "UPDATE referral SET offer_id = $1 WHERE id = $2", UUID(body["offer_id"]), UUID(first["id"]))

    assert (await field.send("POST", "/referrals", body)).json()["slug"] == "referral-open"


async def test_a_referral_is_seen_by_the_team_and_the_regions_coordinator(field: Field) -> None:
    """Whoever offers it reads nothing here."""
    referral = await proposed(field)
    foreign = await field.network.key(Role.COUNSELLOR, partner_id=OFFERED_BY)
    for path in ("", "/handover"):
        assert (await field.send("GET", f"/referrals/{referral['id']}{path}", headers=foreign)).status_code == 404
    assert (await field.get("/referrals", headers=foreign))["items"] == []
    listed = await field.get(f"/referrals?counselling_case_id={referral['counselling_case_id']}&state=proposed")
    assert [one["id"] for one in listed["items"]] == [referral["id"]]


async def test_who_is_erased_is_referred_nowhere_any_more(field: Field) -> None:
    """What was open is revoked, nothing is handed over, nothing falls due; only who got something is told."""
    referral, sent = [await proposed(field) for _ in range(2)]
    for one in (referral, sent):
        await act(field, one, "consent", consent(field))
    await act(field, sent, "send")
    cases = [await field.get(f"/counselling_cases/{one['counselling_case_id']}") for one in (referral, sent)]
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=tuple(UUID(case["person_ref"]) for case in cases)))

    assert await field.subjects(referral["id"]) == []
    assert await field.subjects(sent["id"]) == ["referral.sent", "referral.revoked"]
    found = await field.get(f"/referrals/{referral['id']}")
    assert (found["state"], found["shared"]) == ("revoked", [])
    assert (await field.send("GET", f"/referrals/{referral['id']}/handover")).status_code == 409
    assert await field.network.rows(
        "matching", "SELECT 1 FROM due WHERE about = $1", UUID(referral["id"])) == []


async def test_a_consent_is_taken_back_after_all_is_over(field: Field) -> None:
    """Done, declined or not taken up: what came of it stays, and who got something is told; once."""
    ends: list[tuple[str, Any]] = [("finish", None), ("answer", {"accepted": False, "reason": "full"}),
                                   ("not_taken_up", None)]
    over = [await act(field, await accepted(field), verb, body) for verb, body in ends]
    assert [one["revoked_at"] for one in over] == [None] * 3
    revoked = [await act(field, one, "revoke") for one in over]

    assert [one["state"] for one in revoked] == ["done", "declined", "not_taken_up"]
    assert all(one["revoked_at"] for one in revoked)
    for one in over:
        assert (await field.told(one["id"]))[-1] == {
            "subject": "referral.revoked", "referral_id": one["id"], "offer_id": one["offer_id"], "region": REGION,
            "partner_id": str(PARTNER), "sent_on": str(field.day)}
        assert await field.refused(f"/referrals/{one['id']}/revoke") == (409, "referral-state")


async def test_an_erasure_is_told_to_whoever_got_something_also_of_what_is_over(field: Field) -> None:
    """Done, declined, not taken up or revoked, all states stay; once, however often they are erased."""
    ends: list[tuple[str, Any]] = [("finish", None), ("answer", {"accepted": False, "reason": "full"}),
                                   ("not_taken_up", None), ("revoke", None)]
    over = [await act(field, await accepted(field), verb, body) for verb, body in ends]
    before = [await field.subjects(one["id"]) for one in over]
    cases = [await field.get(f"/counselling_cases/{one['counselling_case_id']}") for one in over]
    for _ in range(2):
        await field.network.tell("matching", ErasureRequested(
            erasure_id=uuid4(), person_refs=tuple(UUID(case["person_ref"]) for case in cases)))

    assert [await field.subjects(one["id"]) for one in over] == [[*told, "referral.revoked"] for told in before]
    assert (await field.told(over[0]["id"]))[-1]["sent_on"] == str(field.day)
    states = [(await field.get(f"/referrals/{one['id']}"))["state"] for one in over]
    assert states == ["done", "declined", "not_taken_up", "revoked"]


async def test_with_the_case_ends_what_was_not_sent(field: Field) -> None:
    """Proposed, consented or expired; what was sent goes on, and nothing begins at a case that is closed."""
    waiting, ready, sent = [await proposed(field) for _ in range(3)]
    for one in (ready, sent):
        await act(field, one, "consent", consent(field))
    await act(field, sent, "send")
    for one in (waiting, ready, sent):
        await field.act(f"/counselling_cases/{one['counselling_case_id']}/close", {"result": "referred"})
    found = [await field.get(f"/referrals/{one['id']}") for one in (waiting, ready, sent)]
    assert [(one["state"], one["shared"]) for one in found] == [
        ("ended", []), ("ended", []), ("sent", ["languages", "name"])]
    assert await field.refused(f"/referrals/{waiting['id']}/revoke") == (409, "referral-state")
    listed = await field.get(f"/referrals?counselling_case_id={ready['counselling_case_id']}&state=ended")
    assert [one["id"] for one in listed["items"]] == [ready["id"]]
    assert await field.network.rows("matching", "SELECT 1 FROM due WHERE about = $1", UUID(ready["id"])) == []
    assert (await field.send("GET", f"/referrals/{ready['id']}/handover")).status_code == 409
    # As it was left by a version that ended nothing with the case.
    await field.network.rows("matching", "UPDATE referral SET state = 'consented', shared = '{name}' WHERE id = $1",
                             UUID(ready["id"]))
    assert await field.refused(f"/referrals/{ready['id']}/send") == (409, "case-closed")
    assert (await field.send("GET", f"/referrals/{ready['id']}/handover")).json()["slug"] == "case-closed"
    assert (await act(field, sent, "answer", {"accepted": True}))["state"] == "accepted"


async def test_nothing_is_handed_over_once_the_notes_are_deleted(field: Field) -> None:
    """Three years after the case was closed, however long the consent was to hold; the referral ends then."""
    referral = await proposed(field)
    await act(field, referral, "consent", consent(field, days=9000))
    await act(field, referral, "send")
    await field.act(f"/counselling_cases/{referral['counselling_case_id']}/close", {"result": "referred"})
    address = f"/referrals/{referral['id']}"
    assert (await field.get(f"{address}/handover"))["name"] == "Amina Beispiel"
    await field.network.move(field.day + relativedelta(years=3, days=1) - field.day)

    assert (await field.send("GET", f"{address}/handover")).status_code == 409
    ended = await field.get(address)
    assert (ended["state"], ended["shared"]) == ("ended", [])
    assert await field.subjects(referral["id"]) == ["referral.sent", "referral.ended"]
    # As it was left by a version that deleted notes alone.
    await field.network.rows("matching", "UPDATE referral SET state = 'sent', shared = '{name}' WHERE id = $1",
                             UUID(referral["id"]))
    assert (await field.send("GET", f"{address}/handover")).json()["slug"] == "case-deleted"
