"""What falls due for offers, and what the registry answers about them and their partners' contacts."""

from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.facts.question import Addressee, Words
from libs.common.facts.registry import (
    OfferAssuranceDue,
    OfferExpired,
    OfferStaled,
    RegistryAddresseeAsked,
    RegistryWordsAsked,
)
from libs.common.outbox import announce
from libs.common.persons import addressee
from libs.common.reactions import answers, when_due
from services.registry.offers.model import Offer
from services.registry.offers.queries import about_offer
from services.registry.offers.rules import offer_fact
from services.registry.partners.queries import contact_refs


@when_due("offer_assurance")
async def ask_for_assurance(transaction: OpenTransaction, offer_id: UUID) -> None:
    """Nobody confirmed the offer in time: it is shown with a warning, and its partner is asked once more."""
    offer = await transaction.get_one(Offer, offer_id, with_for_update=True)
    if not offer.go_stale():
        return
    refs = await contact_refs(transaction, offer.partner_id)
    announce(transaction, offer_fact(OfferStaled, offer, refs))


@when_due("offer_reminder")
async def remind_of_assurance(transaction: OpenTransaction, offer_id: UUID) -> None:
    """The partner is asked to confirm the offer before it goes stale."""
    offer = await transaction.get_one(Offer, offer_id)
    if offer.assurance_due is None:
        return
    refs = await contact_refs(transaction, offer.partner_id)
    announce(transaction, offer_fact(OfferAssuranceDue, offer, refs, due=offer.assurance_due))


@when_due("offer_end")
async def end_offer(transaction: OpenTransaction, offer_id: UUID) -> None:
    """The offer's own time is over."""
    offer = await transaction.get_one(Offer, offer_id, with_for_update=True)
    if offer.expire():
        announce(transaction, offer_fact(OfferExpired, offer, await contact_refs(transaction, offer.partner_id)))


@answers(RegistryWordsAsked)
async def say(transaction: OpenTransaction, question: RegistryWordsAsked) -> Words:
    """Title, partner and place of an offer; nothing personal."""
    return await about_offer(transaction, question.about)


@answers(RegistryAddresseeAsked)
async def reach(transaction: OpenTransaction, question: RegistryAddresseeAsked) -> Addressee:
    """How to reach a partner's contact, and what to say to them; noted in the audit."""
    words = await about_offer(transaction, question.about)
    return await addressee(transaction, question.person_ref, words, template=question.template)
