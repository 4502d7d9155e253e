"""What follows when matching tells of a referral: the partner whose offer it is learns of it, and when it is over."""

from datetime import date

from libs.common.clock import day_of
from libs.common.db import OpenTransaction
from libs.common.facts.matching import ReferralFact, ReferralRevoked, ReferralSent
from libs.common.facts.registry import ReceivedReferralFact, ReferralReceived, ReferralWithdrawn
from libs.common.outbox import announce
from libs.common.reactions import reacts_to
from services.registry.offers.model import Offer
from services.registry.partners.queries import contact_refs
from services.registry.referrals.model import ReceivedReferral


@reacts_to(ReferralSent)
async def receive(transaction: OpenTransaction, fact: ReferralSent) -> None:
    """Somebody was sent on to an offer: its partner's contacts are told."""
    heard = transaction.hearing
    assert heard is not None  # noqa: S101 - a reaction always hears a fact
    referral = await _received(transaction, fact, day_of(heard.time))
    if referral:
        await _tell(transaction, ReferralReceived, referral)


@reacts_to(ReferralRevoked)
async def withdraw(transaction: OpenTransaction, fact: ReferralRevoked) -> None:
    """They took their consent back: the partner's contacts are told, also of what was sent before this was kept."""
    referral = await _received(transaction, fact, fact.sent_on)
    if referral:
        await _tell(transaction, ReferralWithdrawn, referral)


async def _received(transaction: OpenTransaction, fact: ReferralFact, sent_on: date) -> ReceivedReferral | None:
    """What is kept of the referral, noted now if it was not; None when there is no such offer."""
    referral = await transaction.get(ReceivedReferral, fact.referral_id, with_for_update=True)
    offer = await transaction.get(Offer, fact.offer_id)
    if referral is None and offer is not None:
        referral = ReceivedReferral(
            id=fact.referral_id, offer_id=offer.id, partner_id=offer.partner_id, region=offer.region or fact.region,
            referred_by=fact.partner_id, sent_on=sent_on)
        transaction.add(referral)
        await transaction.flush()
    return referral


async def _tell(transaction: OpenTransaction, kind: type[ReceivedReferralFact], referral: ReceivedReferral) -> None:
    announce(transaction, kind(
        referral_id=referral.id, offer_id=referral.offer_id, partner_id=referral.partner_id, region=referral.region,
        contact_refs=await contact_refs(transaction, referral.partner_id)))
