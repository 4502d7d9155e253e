"""Consents of who is counselled: whoever counsels a household hears at once what it agrees to and takes back."""

from uuid import uuid4

from libs.common.callers import Role
from tests.matching.field import PARTNER, Field


async def test_a_household_takes_a_consent_back_with_its_counsellor(field: Field) -> None:
    """Listed, noted and withdrawn by the counsellor of its partner, and the reading is in the audit."""
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)
    household = await field.waiting_household(partner_id=str(PARTNER), besides=[])
    ref = household["person_ref"]
    given = await field.create("/consents", {
        "person_ref": ref, "purpose": "learnings", "given_on": str(field.day)}, headers=counsellor)
    await field.act(f"/consents/{given['id']}/withdraw", headers=counsellor)
    listed = (await field.get(f"/consents?person_ref={ref}", headers=counsellor))["items"]

    assert {one["purpose"]: one["withdrawn_on"] for one in listed} == {"matching": None, "learnings": str(field.day)}


async def test_a_counsellor_finds_no_consent_of_others(field: Field) -> None:
    """Neither of another partner's household, nor of a mentor or a group's member of the own partner."""
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)
    stranger = await field.waiting_household(partner_id=str(uuid4()))
    mentor = await field.create("/mentors", field.mentor_body(partner_id=str(PARTNER)))
    group = await field.create("/mentor_groups", field.group_body(partner_id=str(PARTNER)))
    (member, *_) = await field.get(f"/members?mentor_group_id={group['id']}")
    for ref in (stranger["person_ref"], mentor["person_ref"], member["person_ref"]):
        (consent, *_) = (await field.get(f"/consents?person_ref={ref}"))["items"]
        listed = await field.send("GET", f"/consents?person_ref={ref}", headers=counsellor)
        noted = await field.send("POST", "/consents", headers=counsellor, body={
            "person_ref": ref, "purpose": "learnings", "given_on": str(field.day)})

        assert (listed.status_code, noted.status_code) == (404, 404)
        assert await field.refused(f"/consents/{consent['id']}/withdraw", headers=counsellor) == (404, "not-found")


async def test_consents_are_read_of_one_person_at_a_time(field: Field) -> None:
    """Never of many in one reading that nobody could find in the audit."""
    assert (await field.send("GET", "/consents")).status_code == 422
