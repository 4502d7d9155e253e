"""What follows when matching tells of a referral: the partner learns of it and of its end, and places are counted."""

from datetime import date

from libs.common.clock import day_of
from libs.common.db import OpenTransaction
from libs.common.facts.matching import (
    ReferralAccepted,
    ReferralDeclined,
    ReferralDone,
    ReferralEnded,
    ReferralFact,
    ReferralRevoked,
    ReferralSent,
)
from libs.common.facts.registry import OfferCapacityChanged, ReceivedReferralFact, ReferralReceived, ReferralWithdrawn
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
    """Consent taken back, or erased: the partner's contacts are told, also of what was sent before this was kept."""
    referral = await _received(transaction, fact, fact.sent_on)
    if referral:
        await _tell(transaction, ReferralWithdrawn, referral)


@reacts_to(ReferralAccepted)
async def take_place(transaction: OpenTransaction, fact: ReferralAccepted) -> None:
    """They are taken: a place of the offer is free no longer, where its partner counts places."""
    referral = await transaction.get(ReceivedReferral, fact.referral_id, with_for_update=True)
    if referral is None or referral.holds_place:
        return
    offer = await transaction.get_one(Offer, referral.offer_id, with_for_update=True)
    if referral.take_place(offer, transaction.clock.now()):
        _tell_capacity(transaction, offer)


@reacts_to(ReferralDeclined, ReferralDone, ReferralEnded, ReferralRevoked)
async def give_back_place(transaction: OpenTransaction, fact: ReferralFact) -> None:
    """They have received it, or go there no more, or were not taken after all: the place is free again."""
    referral = await transaction.get(ReceivedReferral, fact.referral_id, with_for_update=True)
    if referral is None or not referral.holds_place:
        return
    offer = await transaction.get_one(Offer, referral.offer_id, with_for_update=True)
    if referral.give_back_place(offer, transaction.clock.now()):
        _tell_capacity(transaction, offer)


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


def _tell_capacity(transaction: OpenTransaction, offer: Offer) -> None:
    free = {name: value for name, value in (offer.capacity or {}).items() if name != "updated"}
    announce(transaction, OfferCapacityChanged(offer_id=offer.id, **free), region=offer.region)


async def _tell(transaction: OpenTransaction, kind: type[ReceivedReferralFact], referral: ReceivedReferral) -> None:
    announce(transaction, kind(
        referral_id=referral.id, offer_id=referral.offer_id, partner_id=referral.partner_id, region=referral.region,
        contact_refs=await contact_refs(transaction, referral.partner_id)))
