"""A referral reaches the partner who offers it by mail, and so does its end; of whom, no mail and no fact tells."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from libs.common.callers import Role
from tests.harness import Network
from tests.matching.field import REGION, Field, Json
from tests.notify.post import all_in, mails_in
from tests.registry.steps import a_published_offer, a_verified_partner, id_of, ok

pytestmark = pytest.mark.slow


async def sent(field: Field, offer: str) -> Json:
    """A referral of a partner's client to the offer, who consented that their name is told."""
    offered_by = ok(await field.network["registry"].client.get(offer))["partner_id"]
    advice, _, _ = await a_verified_partner(field.network, name="Saalebogen Hilfe gGmbH (Demo)")
    await field.network.settled()
    contact = await field.counselled(case=field.case_body(partner_id=advice["id"]))
    referral = await field.create("/referrals", {
        "counselling_case_id": contact["counselling_case_id"], "offer_id": str(id_of(offer))})
    await field.act(f"/referrals/{referral['id']}/consent", {
        "what": ["name"], "to_whom": offered_by, "until": str(field.day + timedelta(days=9))})
    await field.act(f"/referrals/{referral['id']}/send")
    return referral


async def revoked(field: Field, referral: Json) -> None:
    """They take their consent back."""
    await field.act(f"/referrals/{referral['id']}/revoke")


async def erased_afterwards(field: Field, referral: Json) -> None:
    """They received what was offered, and are erased later."""
    await field.act(f"/referrals/{referral['id']}/answer", {"accepted": True})
    await field.act(f"/referrals/{referral['id']}/finish")
    case = await field.get(f"/counselling_cases/{referral['counselling_case_id']}")
    asked = await field.network["registry"].client.post(
        "/v1/erasures", json={"person_refs": [case["person_ref"]], "region": REGION}, headers=field.coordinator)
    assert asked.status_code == 202, asked.text


@pytest.mark.parametrize("over", [revoked, erased_afterwards])
async def test_the_partner_is_told_of_a_referral_and_that_it_is_to_delete_what_it_got(
    network: Network, tmp_path: Path, over: Callable[[Field, Json], Awaitable[None]],
) -> None:
    """With the reference that the counsellor reads, the offer, and who referred; without the client's name."""
    await network.start("registry", "matching")
    await network.start("notify", mail_folder=tmp_path, mail_retry_seconds=0.05)
    field = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    offer, _, _ = await a_published_offer(network)
    referral = await sent(field, offer)
    await network.settled()
    await over(field, referral)
    await network.settled()

    rows = await network.rows("notify", "SELECT template FROM delivery WHERE about = $1 ORDER BY id",
                              f"referral/{referral['id']}")
    assert [row["template"] for row in rows] == ["referral_received", "referral_withdrawn"]
    await all_in(network, "sent", count=len(await network.rows("notify", "SELECT id FROM delivery")))
    mails = [mail for mail in mails_in(tmp_path) if referral["reference"] in mail.text]
    assert len(mails) == 2
    for mail in mails:
        assert "Begleitung zum Jobcenter" in mail.text
        assert "Saalebogen Hilfe gGmbH (Demo)" in mail.text
        assert "Amina" not in mail.text
    assert sum("löschen Sie es" in mail.text for mail in mails) == 1
