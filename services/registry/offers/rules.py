"""What is told of an offer, and when its days end."""

from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from libs.common.clock import start_of
from libs.common.facts.registry import OfferFact
from services.registry.offers.model import Offer

Told = TypeVar("Told", bound=OfferFact)


def offer_fact(kind: type[Told], offer: Offer, contact_refs: tuple[UUID, ...], **more: Any) -> Told:
    """The fact of this kind about the offer."""
    return kind(offer_id=offer.id, partner_id=offer.partner_id, field=offer.field, region=offer.region or "",
                languages=tuple(offer.languages), contact_refs=contact_refs, **more)


def end_of_day(day: date) -> datetime:
    """The moment at which the day has passed in Germany."""
    return start_of(day + timedelta(days=1))
