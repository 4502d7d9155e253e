"""Reads about referrals that partners received."""

from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.facts.question import Words
from libs.common.refusals import NotFound
from services.registry.offers.queries import about_offer
from services.registry.partners.model import Partner
from services.registry.referrals.model import ReceivedReferral


async def about_referral(transaction: OpenTransaction, referral_id: UUID) -> Words:
    """What a notification says about a referral: the offer, from whom, since when, and its reference; not who it is."""
    referral = await transaction.get(ReceivedReferral, referral_id)
    if referral is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="referral")
    offer = await about_offer(transaction, referral.offer_id)
    sender = await transaction.get(Partner, referral.referred_by) if referral.referred_by else None
    return Words(
        values={"reference": referral.reference, "referred_by": sender.name if sender else ""},
        texts={"title": offer.texts["title"]}, times={"sent_on": referral.sent_on.isoformat()})
