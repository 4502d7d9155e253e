"""Reads about partners and the persons who speak for them."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from services.registry.partners.model import Contact


async def contacts_of(transaction: OpenTransaction, partner_id: UUID) -> Sequence[Contact]:
    """The persons who speak for a partner."""
    query = select(Contact).where(Contact.partner_id == partner_id)
    return (await transaction.scalars(query.order_by(col(Contact.id)))).all()


async def contact_refs(transaction: OpenTransaction, partner_id: UUID) -> tuple[UUID, ...]:
    """The same, as person_refs for a fact."""
    return tuple(contact.person_ref for contact in await contacts_of(transaction, partner_id))
