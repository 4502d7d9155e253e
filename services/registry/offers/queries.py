"""Reads about offers: what the public sees, what each caller does, and the real ones that are only listed."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Select, and_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, or_, select

from libs.common.callers import Scope
from libs.common.codes.lists import FieldOfAction, PartnerKind
from libs.common.codes.regions import region as region_of
from libs.common.codes.rows import read_rows
from libs.common.codes.sorting import sort_key
from libs.common.db import Database, OpenTransaction
from libs.common.facts.question import Words
from libs.common.refusals import NotFound
from services.registry.offers.model import SHOWN_STALE, Offer, OfferState
from services.registry.partners.model import Partner, PartnerState

DATA = Path(__file__).resolve().parents[1] / "data"
# The ids of what is listed are made of the files' keys, so that loading them again changes nothing.
LISTED = UUID("5d1f0c9e-4f0b-4b2e-9a43-7a7d5f6c1e20")


def shown_to_all(now: datetime) -> ColumnElement[bool]:
    """Published, or stale for at most 30 days."""
    return or_(
        col(Offer.state) == OfferState.PUBLISHED,
        and_(col(Offer.state) == OfferState.STALE, col(Offer.assurance_due) > now - SHOWN_STALE),
    )


def lies_in_or_everywhere(region: str) -> ColumnElement[bool]:
    """In a region, or for the whole country."""
    return or_(col(Offer.region).startswith(region), col(Offer.region).is_(None))


def seen_by(scope: Scope, now: datetime) -> Select[Offer]:
    """What a caller with this scope sees: what all see, and everything inside the scope."""
    query = select(Offer)
    if scope.everything:
        return query
    own = [col(Offer.region).startswith(prefix) for prefix in scope.regions]
    return query.where(or_(shown_to_all(now), col(Offer.partner_id).in_(scope.partners), *own))


async def seen_offer(transaction: OpenTransaction, offer_id: UUID) -> Offer:
    """One offer that the caller may see, else NotFound."""
    query = seen_by(transaction.caller.scope, transaction.clock.now()).where(col(Offer.id) == offer_id)
    offer = (await transaction.scalars(query)).one_or_none()
    if offer is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="offer")
    return offer


async def partner_of(transaction: OpenTransaction, offer: Offer) -> Partner | None:
    """The offer's partner; None when it lies outside the caller's scope and is not verified."""
    return await transaction.get(Partner, offer.partner_id)


async def about_offer(transaction: OpenTransaction, offer_id: UUID) -> Words:
    """What a notification says about an offer: titles and descriptions, the partner, the region."""
    offer = await transaction.get(Offer, offer_id)
    if offer is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="offer")
    partner = await transaction.get_one(Partner, offer.partner_id)
    titles = {language: text["title"] for language, text in offer.translations.items()}
    descriptions = {language: text["description"] for language, text in offer.translations.items()}
    region = region_of(offer.region).name if offer.region else ""
    return Words(
        values={"partner": partner.name, "region": region, "note": offer.review_note or ""},
        texts={"title": titles, "description": descriptions},
        times={"due": offer.assurance_due.isoformat()} if offer.assurance_due else {},
    )


async def load_listed(database: Database) -> None:
    """Enter the real organisations and offers of the data files, once: shown and found, but nothing is said for them.

    They have no contacts and announce nothing; their offers are published without being assured, and never go stale.
    """
    partners = [_listed_partner(row) for row in read_rows(DATA / "network-partners.csv")]
    offers = [_listed_offer(row) for row in read_rows(DATA / "network-offers.csv")]
    async with database.transaction() as transaction:
        for kind, rows in ((Partner, partners), (Offer, offers)):
            # render_nulls: what nobody said stays unsaid, instead of getting the column's default.
            await transaction.execute(insert(kind).on_conflict_do_nothing(), [row.model_dump() for row in rows],
                                      execution_options={"render_nulls": True})


def _listed_partner(row: dict[str, str]) -> Partner:
    return Partner(
        id=uuid5(LISTED, row["key"]), name=row["name"], sort_key=sort_key(row["name"]), kind=PartnerKind(row["kind"]),
        state=PartnerState.VERIFIED, region=row["district_ags"] or None, listed_only=True,
        fields_of_action=_codes(row["fields_of_action"]), described_as=row["described_as"],
        new_to_field=row["new_to_field"] == "true")


def _listed_offer(row: dict[str, str]) -> Offer:
    title: dict[str, Any] = {"title": row["title_de"], "description": ""}
    return Offer(
        id=uuid5(LISTED, f"{row['partner_key']}/{row['title_de']}"), partner_id=uuid5(LISTED, row["partner_key"]),
        region=row["district_ags"] or None, field=FieldOfAction(row["field_of_action"]), state=OfferState.PUBLISHED,
        translations={"de": title}, sort_key=sort_key(row["title_de"]), languages=_codes(row["languages"]),
        topics=[row["kind"], *_codes(row["topics"])], childcare=row["childcare"] == "true", free_of_charge=None)


def _codes(text: str) -> list[str]:
    return [code for code in text.split(";") if code]
