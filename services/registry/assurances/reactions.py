"""What falls due for the freshness of offers: a reminder, then staleness."""

from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.facts.registry import OfferAssuranceDue, OfferStaled
from libs.common.reactions import when_due
from services.registry.offers.model import OUT, Offer
from services.registry.offers.reactions import tell


@when_due("offer_assurance")
async def let_go_stale(transaction: OpenTransaction, offer_id: UUID) -> None:
    """Nobody confirmed the offer in time: it is shown with a warning, and its partner is asked once more."""
    offer = await transaction.get_one(Offer, offer_id, with_for_update=True)
    if offer.go_stale():
        await tell(transaction, OfferStaled, offer)


@when_due("offer_reminder")
async def remind_of_assurance(transaction: OpenTransaction, offer_id: UUID) -> None:
    """The partner is asked to confirm the offer before it goes stale."""
    # Locked, so that it is told in its turn among all that happens to the offer.
    offer = await transaction.get_one(Offer, offer_id, with_for_update=True)
    if offer.assurance_due is None or offer.state not in OUT:
        return
    await tell(transaction, OfferAssuranceDue, offer, due=offer.assurance_due)
