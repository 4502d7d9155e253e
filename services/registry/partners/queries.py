"""Reads about partners and the persons who speak for them."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from libs.common.codes.regions import region as region_of
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.facts.question import Words
from libs.common.refusals import NotFound
from services.registry.grants.model import refuse_outside
from services.registry.partners.model import Contact, Partner


async def known_partner(transaction: OpenTransaction, partner_id: UUID, *, field: str | None = None) -> Partner:
    """A partner that the caller may know of; NotFound, naming the field of the request, when there is none."""
    partner = await transaction.get(Partner, partner_id)
    if partner is None:
        raise NotFound("not-found", "There is no such {noun}.", field=field, noun="partner")
    return partner


async def acting_partner(transaction: OpenTransaction, partner_id: UUID, region: str) -> Partner:
    """A partner for whom the caller may begin something in a region: the own one, or one in the own region."""
    if partner_id not in transaction.caller.scope.partners:
        refuse_outside(transaction.caller.scope, region)
    partner = await get_or_refuse(transaction, Partner, partner_id)
    partner.refuse_if_listed_only()
    return partner


async def contacts_of(transaction: OpenTransaction, partner_id: UUID) -> Sequence[Contact]:
    """The persons who speak for a partner."""
    query = select(Contact).where(Contact.partner_id == partner_id)
    return (await transaction.scalars(query.order_by(col(Contact.id)))).all()


async def contact_refs(transaction: OpenTransaction, partner_id: UUID) -> tuple[UUID, ...]:
    """The same, as person_refs for a fact."""
    return tuple(contact.person_ref for contact in await contacts_of(transaction, partner_id))


async def about_partner(transaction: OpenTransaction, partner_id: UUID) -> Words:
    """What a notification says about a partner to those who speak for it."""
    partner = await known_partner(transaction, partner_id)
    region = region_of(partner.region).name if partner.region else ""
    return Words(values={"partner": partner.name, "region": region, "state": partner.state.value})
