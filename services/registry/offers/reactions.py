"""What follows from what happens to an offer: what is told of it, what falls due, and its end."""

from typing import Any
from uuid import UUID

from libs.common.clock import day_of
from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.registry import OfferAssured, OfferExpired, OfferFact
from libs.common.outbox import announce
from libs.common.reactions import when_due
from services.registry.offers.model import REMINDER, Offer
from services.registry.offers.rules import end_of_day, offer_fact
from services.registry.partners.queries import contact_refs

DUE = ("offer_assurance", "offer_reminder", "offer_end")


async def tell(transaction: OpenTransaction, kind: type[OfferFact], offer: Offer, **more: Any) -> None:
    """Announce what happened to the offer, to its partner's contacts among others."""
    announce(transaction, offer_fact(kind, offer, await contact_refs(transaction, offer.partner_id), **more))


async def keep_times(transaction: OpenTransaction, offer: Offer) -> None:
    """What falls due for a shown offer: its next confirmation with a reminder before it, and its end."""
    if offer.assurance_due:
        await schedule(transaction, "offer_assurance", offer.id, offer.assurance_due)
        await schedule(transaction, "offer_reminder", offer.id, offer.assurance_due - REMINDER)
    if offer.valid_until:
        await schedule(transaction, "offer_end", offer.id, end_of_day(offer.valid_until))
    else:
        await cancel(transaction, "offer_end", offer.id)


async def forget_times(transaction: OpenTransaction, offer: Offer) -> None:
    """Nothing falls due for the offer any more."""
    for kind in DUE:
        await cancel(transaction, kind, offer.id)


async def assure(transaction: OpenTransaction, offer: Offer) -> None:
    """The partner confirms that the offer still holds; told, and due again in 90 days."""
    due = offer.assure(transaction.clock.now())
    await keep_times(transaction, offer)
    await tell(transaction, OfferAssured, offer, due=due)


@when_due("offer_end")
async def end_offer(transaction: OpenTransaction, offer_id: UUID) -> None:
    """The offer's own time is over."""
    offer = await transaction.get_one(Offer, offer_id, with_for_update=True)
    over = offer.valid_until is not None and offer.valid_until < day_of(transaction.clock.now())
    if over and offer.expire():
        await tell(transaction, OfferExpired, offer)
