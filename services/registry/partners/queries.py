"""Reads about partners and the persons who speak for them."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.facts.question import Addressee, AddresseeAsked, Words
from libs.common.privacy import unseal
from services.registry.partners.model import Contact, ContactDetails

SEALED = "partner_contact.details"


async def contacts_of(transaction: OpenTransaction, partner_id: UUID) -> Sequence[Contact]:
    """The persons who speak for a partner and have not been erased."""
    query = select(Contact).where(Contact.partner_id == partner_id, col(Contact.details).is_not(None))
    return (await transaction.scalars(query.order_by(col(Contact.id)))).all()


async def contact_refs(transaction: OpenTransaction, partner_id: UUID) -> tuple[UUID, ...]:
    """The same, as person_refs for a fact."""
    return tuple(contact.person_ref for contact in await contacts_of(transaction, partner_id))


async def reach_contact(transaction: OpenTransaction, question: AddresseeAsked, words: Words) -> Addressee:
    """A partner's contact with address and languages; without an address when unknown here or erased."""
    contact = (await transaction.scalars(select(Contact).where(Contact.person_ref == question.person_ref))).one_or_none()
    details = None
    if contact:
        details = await unseal(transaction, contact.person_ref, SEALED, contact.details, ContactDetails)
    if contact is None or details is None:
        return Addressee(**words.model_dump())
    return Addressee(**words.model_dump(), name=details.name, email=details.email, languages=tuple(contact.languages))
