"""Referrals as the registry hears of them: the partner whose offer it is learns of it, and of its end."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.clock import day_of
from libs.common.facts.matching import ReferralRevoked, ReferralSent
from libs.common.facts.question import Addressee
from libs.common.facts.registry import RegistryAddresseeAsked
from libs.common.refusals import NotFound
from services.registry.partners.reactions import reach
from tests.harness import Network
from tests.registry.happened import as_heard
from tests.registry.steps import a_published_offer, a_verified_partner, id_of, ok, told

RECEIVED, WITHDRAWN = "registry.referral.received.v1", "registry.referral.withdrawn.v1"


async def contacts(network: Network) -> list[UUID]:
    """The persons who speak for partners."""
    return [row["person_ref"] for row in await network.rows("registry", "SELECT person_ref FROM partner_contact")]


async def bodies(network: Network) -> list[str]:
    """What was told of referrals."""
    rows = await network.rows(
        "registry", "SELECT body FROM outbox WHERE subject LIKE 'registry.referral.%' ORDER BY id")
    return [row["body"] for row in rows]


async def addressee(network: Network, about: str) -> Addressee:
    """What notify is answered when it writes to the contact of the only partner about this."""
    (person_ref,) = await contacts(network)
    async with network["registry"].running.database.transaction() as transaction:
        return await reach(transaction, RegistryAddresseeAsked(
            person_ref=person_ref, about=about, template="referral_received"))


def sent(offer: str, partner: UUID | None = None) -> ReferralSent:
    """Somebody was sent on to the offer."""
    return ReferralSent(referral_id=uuid4(), offer_id=id_of(offer), region="15084", partner_id=partner)


def revoked(referral: ReferralSent) -> ReferralRevoked:
    """They took their consent back."""
    return ReferralRevoked(**referral.model_dump(), sent_on=date(2027, 3, 2))


async def test_a_partners_contacts_learn_of_a_referral_and_of_its_end(network: Network, registry: Any) -> None:
    """By facts with ids alone; the offer's title, the day and a reference are told when they are written to."""
    offer, _, _ = await a_published_offer(network)
    referral, (contact,) = sent(offer, uuid4()), await contacts(network)
    await network.tell("registry", referral)
    await network.tell("registry", revoked(referral))

    assert (await told(network))[-2:] == [RECEIVED, WITHDRAWN]
    partner = ok(await registry.get(offer))["partner_id"]
    ids = ReferralSent.model_validate_json((await bodies(network))[0]).model_dump()
    assert ids == referral.model_dump() | {"region": "15087", "partner_id": UUID(partner)}
    assert all(str(contact) in body for body in await bodies(network))
    about = await addressee(network, f"referral/{referral.referral_id}")
    today = day_of(network["registry"].running.database.clock.now())
    assert (about.email, about.texts["title"]) == ("mira@kupferkreis.example.org", {"de": "Begleitung zum Jobcenter"})
    assert (about.values, about.times) == (
        {"reference": str(referral.referral_id)[-8:], "referred_by": ""}, {"sent_on": today.isoformat()})


async def test_who_referred_is_named_by_the_partners_name(network: Network, registry: Any) -> None:
    """When that was told, and the registry knows it."""
    offer, _, _ = await a_published_offer(network)
    referral = sent(offer, UUID(ok(await registry.get(offer))["partner_id"]))
    await network.tell("registry", referral)

    words = await addressee(network, f"referral/{referral.referral_id}")
    assert words.values["referred_by"] == "Kupferkreis Nachbarschaft e.V. (Demo)"


async def test_only_the_partner_whose_offer_it_is_is_told(network: Network, registry: Any) -> None:
    """And of an offer that is not there, nobody; nothing is parked."""
    offer, _, _ = await a_published_offer(network)
    mine = await contacts(network)
    await a_verified_partner(network, name="Lindenhof (Demo)")
    nowhere = ReferralSent(referral_id=uuid4(), offer_id=uuid4(), region="15084")
    await network.tell("registry", sent(offer), nowhere, revoked(nowhere))

    (body,) = await bodies(network)
    assert [str(one) in body for one in await contacts(network)] == [one in mine for one in await contacts(network)]
    assert await network.rows("registry", "SELECT 1 FROM waiting") == []
    with pytest.raises(NotFound):
        async with network["registry"].running.database.transaction() as transaction:
            await reach(transaction, RegistryAddresseeAsked(
                person_ref=mine[0], about=f"referral/{nowhere.referral_id}", template="referral_received"))


async def test_a_referral_heard_twice_is_told_once(network: Network, registry: Any) -> None:
    """Redelivered, it changes nothing."""
    offer, _, _ = await a_published_offer(network)
    heard = as_heard(sent(offer), 1, uuid4())
    for _ in range(2):
        await network["registry"].running.inbox.take("matching", [heard])

    assert (await told(network)).count(RECEIVED) == 1
    assert len(await network.rows("registry", "SELECT 1 FROM received_referral")) == 1


async def test_what_was_sent_before_it_was_kept_is_withdrawn_too(network: Network, registry: Any) -> None:
    """The revocation says when it had been sent."""
    offer, _, _ = await a_published_offer(network)
    referral = sent(offer)
    await network.tell("registry", revoked(referral))

    assert (await told(network))[-1] == WITHDRAWN
    words = await addressee(network, f"referral/{referral.referral_id}")
    assert words.times == {"sent_on": "2027-03-02"}
