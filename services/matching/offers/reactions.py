"""What matching keeps of offers when the registry tells of them."""

from libs.common.db import OpenTransaction
from libs.common.facts.registry import (
    OfferExpired,
    OfferFact,
    OfferPaused,
    OfferPublished,
    OfferResumed,
    OfferWithdrawn,
)
from libs.common.reactions import keeps_copy
from services.matching.offers.model import KnownOffer


@keeps_copy(OfferPublished)
async def know_offer(transaction: OpenTransaction, fact: OfferPublished) -> None:
    """From now on somebody may be referred to the offer; a change to one that is paused does not end its pause."""
    known = await transaction.get(KnownOffer, fact.offer_id, with_for_update=True)
    known = known or KnownOffer(id=fact.offer_id, offered_by=fact.partner_id, field=fact.field, region=fact.region)
    known.offered_by, known.field, known.region = fact.partner_id, fact.field, fact.region
    known.available = known.available or fact.first_time
    transaction.add(known)
    await transaction.flush()


@keeps_copy(OfferResumed)
async def reopen_offer(transaction: OpenTransaction, fact: OfferResumed) -> None:
    """The offer is to be had again."""
    await _set_available(transaction, fact, available=True)


@keeps_copy(OfferPaused, OfferWithdrawn, OfferExpired)
async def close_offer(transaction: OpenTransaction, fact: OfferFact) -> None:
    """Nobody else is referred to it; who has been sent there already is not called back."""
    await _set_available(transaction, fact, available=False)


async def _set_available(transaction: OpenTransaction, fact: OfferFact, *, available: bool) -> None:
    known = await transaction.get(KnownOffer, fact.offer_id, with_for_update=True)
    if known:
        known.available = available
        await transaction.flush()
