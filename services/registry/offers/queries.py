"""Reads about offers: what the public sees, and what each caller does."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_
from sqlmodel import col, or_, select

from libs.common.callers import Scope
from libs.common.codes.regions import region as region_of
from libs.common.db import OpenTransaction
from libs.common.facts.question import Words
from libs.common.refusals import NotFound
from services.registry.offers.model import SHOWN_STALE, Offer, OfferState
from services.registry.partners.model import Partner


def shown_to_all(now: datetime) -> ColumnElement[bool]:
    """Published, or stale for at most 30 days."""
    return or_(
        col(Offer.state) == OfferState.PUBLISHED,
        and_(col(Offer.state) == OfferState.STALE, col(Offer.assurance_due) > now - SHOWN_STALE),
    )


def seen_by(scope: Scope, now: datetime) -> Select[tuple[Offer]]:
    """What a caller with this scope sees: what all see, and everything inside the scope."""
    query: Select[Any] = select(Offer)
    if scope.everything:
        return query
    own = [col(Offer.region).startswith(prefix) for prefix in scope.regions]
    return query.where(or_(shown_to_all(now), col(Offer.partner_id).in_(scope.partners), *own))


async def seen_offer(transaction: OpenTransaction, offer_id: UUID) -> Offer:
    """One offer that the caller may see, else NotFound."""
    query = seen_by(transaction.caller.scope, transaction.clock.now()).where(Offer.id == offer_id)
    offer = (await transaction.scalars(query)).one_or_none()
    if offer is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="offer")
    return offer


async def about_offer(transaction: OpenTransaction, about: str) -> Words:
    """What a notification says about `offer/<id>`: titles and descriptions, the partner, the region."""
    noun, _, offer_id = about.partition("/")
    offer = await transaction.get(Offer, UUID(offer_id)) if noun == "offer" else None
    if offer is None:
        raise NotFound("not-found", "There is no such {noun}.", noun=noun)
    partner = await transaction.get_one(Partner, offer.partner_id)
    titles = {language: text["title"] for language, text in offer.translations.items()}
    descriptions = {language: text["description"] for language, text in offer.translations.items()}
    return Words(
        values={"partner": partner.name, "region": region_of(offer.region).name, "note": offer.review_note or ""},
        texts={"title": titles, "description": descriptions},
        times={"due": offer.assurance_due.isoformat()} if offer.assurance_due else {},
    )
