"""The HTTP door of offers: submit, review, publish, keep fresh, pause, withdraw, find."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, model_validator
from sqlmodel import col

from libs.common.bodies import Body, Line, Paragraph
from libs.common.codes.lists import Cefr, FieldOfAction, ResidenceStatus
from libs.common.codes.regions import region as region_of
from libs.common.codes.sorting import sort_key
from libs.common.codes.types import Ags, ByLanguage, Code, Day, LanguageTag, Postcode
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.registry import (
    OfferCapacityChanged,
    OfferChangesRequested,
    OfferFact,
    OfferPaused,
    OfferPublished,
    OfferRejected,
    OfferResumed,
    OfferSubmitted,
    OfferWithdrawn,
)
from libs.common.outbox import announce
from services.registry.offers.model import Offer, OfferState
from services.registry.offers.queries import lies_in_or_everywhere, partner_of, seen_by, seen_offer
from services.registry.offers.reactions import assure, forget_times, keep_times, tell
from services.registry.partners.queries import acting_partner

router = APIRouter(prefix="/offers", tags=["offers"])


class TextIn(Body):
    """Title and description in one language."""

    title: Line
    description: Paragraph


class OfferFields(Body):
    """What describes an offer; the fields follow Open Referral HSDS with the German additions."""

    field: FieldOfAction
    translations: ByLanguage[TextIn] = Field(min_length=1, max_length=20, examples=[
        {"de": {"title": "Begleitung zum Jobcenter", "description": "Wir gehen mit und übersetzen."}}])
    languages: list[LanguageTag] = Field(min_length=1, max_length=20, examples=[["ar", "uk", "de"]])
    topics: list[Code] = Field(default=[], max_length=20)
    women_only: bool = False
    childcare: bool = False
    barrier_free: bool = False
    online: bool = False
    free_of_charge: bool = True
    german_level: Cefr | None = None
    min_age: int | None = Field(None, ge=0, le=120)
    max_age: int | None = Field(None, ge=0, le=120)
    residence_statuses: list[ResidenceStatus] = Field(default=[], max_length=30, description="Empty: for everyone.")
    schedule: Line | None = Field(None, description="RFC 5545 RRULE.", examples=["FREQ=WEEKLY;BYDAY=TU"])
    postcode: Postcode | None = None
    funding_note: Line | None = None
    valid_until: Day | None = None

    @model_validator(mode="after")
    def _ages_in_order(self) -> "OfferFields":
        if self.min_age is not None and self.max_age is not None and self.min_age > self.max_age:
            raise ValueError("min_age is above max_age")
        return self

    def as_fields(self) -> dict[str, Any]:
        """The columns that this sets; filed under the German title where there is one."""
        title = self.translations.get("de", next(iter(self.translations.values()))).title
        plain = self.model_dump(mode="json", exclude={"partner_id", "region"})
        return plain | {"valid_until": self.valid_until, "field": self.field, "sort_key": sort_key(title)}


class OfferIn(OfferFields):
    """A new offer of a partner, for a region."""

    partner_id: UUID
    region: Ags = Field(examples=["15087"])


class NoteIn(Body):
    """What the coordinator asks to be changed, or why not; the partner reads it."""

    note: Paragraph = Field(examples=["Bitte ergänzen Sie die Uhrzeit der Frauenstunde."])


class CapacityIn(Body):
    """How much of the offer there is, and how much is free."""

    unit: Code = Field(examples=["persons"])
    maximum: int = Field(ge=0, le=100_000)
    available: int = Field(ge=0, le=100_000)

    @model_validator(mode="after")
    def _not_more_than_there_is(self) -> "CapacityIn":
        if self.available > self.maximum:
            raise ValueError("available is above maximum")
        return self


class OfferOut(BaseModel):
    """An offer. stale: nobody has confirmed it in time. Its partner and reviewer also see review_note and revision."""

    id: UUID
    version: int
    partner_id: UUID
    region: str | None
    field: FieldOfAction
    state: OfferState
    stale: bool
    translations: dict[str, Any]
    languages: list[str]
    topics: list[str]
    women_only: bool
    childcare: bool
    barrier_free: bool
    online: bool
    free_of_charge: bool | None
    german_level: str | None
    min_age: int | None
    max_age: int | None
    residence_statuses: list[str]
    schedule: str | None
    postcode: str | None
    funding_note: str | None
    valid_until: date | None
    capacity: dict[str, Any] | None
    assured_on: datetime | None
    assurance_due: datetime | None
    review_note: str | None = None
    revision: dict[str, Any] | None = None
    revision_state: OfferState | None = None

    @classmethod
    def of(cls, offer: Offer, *, inside: bool = True) -> "OfferOut":
        """The answer's form of an offer; without what only its partner and reviewer see unless inside."""
        hidden = {} if inside else {"review_note": None, "revision": None, "revision_state": None}
        return cls(**offer.model_dump() | hidden, stale=offer.state is OfferState.STALE)


@router.post("", status_code=201)
async def draft_offer(body: OfferIn, transaction: Transaction, once: Creation, response: Response) -> OfferOut:
    """A partner begins an offer; submit hands it in."""
    if once.repeated:
        return _shown(await get_or_refuse(transaction, Offer, once.id), response)
    partner = await acting_partner(transaction, body.partner_id, region_of(body.region).ags)
    offer = Offer(id=once.id, partner_id=partner.id, region=body.region, field=body.field)
    offer.take_over(body.as_fields())
    transaction.add(offer)
    await transaction.flush()
    return _shown(offer, response)


@router.put("/{offer_id}")
async def change_offer(
    offer_id: UUID, body: OfferFields, transaction: Transaction, expected: Expected, response: Response,
) -> OfferOut:
    """The partner edits: a draft at once; of a published offer a pending revision, the old one stays visible."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.change(body.as_fields())
    await transaction.flush()
    return _shown(offer, response)


@router.post("/{offer_id}/submit")
async def submit_offer(offer_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> OfferOut:
    """The partner hands the offer, or the change to it, in for review."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.submit(by=await partner_of(transaction, offer))
    return await _told(transaction, offer, OfferSubmitted, response)


@router.post("/{offer_id}/review")
async def review_offer(offer_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> OfferOut:
    """The coordinator takes the offer up."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.take_up()
    await transaction.flush()
    return _shown(offer, response)


@router.post("/{offer_id}/request_changes")
async def request_changes(
    offer_id: UUID, body: NoteIn, transaction: Transaction, expected: Expected, response: Response,
) -> OfferOut:
    """The coordinator hands the offer back with a note; the partner is told."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.request_changes(body.note)
    return await _told(transaction, offer, OfferChangesRequested, response)


@router.post("/{offer_id}/reject")
async def reject_offer(
    offer_id: UUID, body: NoteIn, transaction: Transaction, expected: Expected, response: Response,
) -> OfferOut:
    """The coordinator does not publish it; the partner is told why."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.reject(body.note)
    return await _told(transaction, offer, OfferRejected, response)


@router.post("/{offer_id}/publish")
async def publish_offer(offer_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> OfferOut:
    """The coordinator shows a reviewed offer to the network; subscribers are told in their language."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    first = offer.publish(by=await partner_of(transaction, offer), now=transaction.clock.now())
    await keep_times(transaction, offer)
    return await _told(transaction, offer, OfferPublished, response, first_time=first)


@router.post("/{offer_id}/assure")
async def assure_offer(offer_id: UUID, transaction: Transaction, response: Response) -> OfferOut:
    """The partner confirms that the offer still holds, for another 90 days. No If-Match: it overwrites nothing."""
    offer = await get_or_refuse(transaction, Offer, offer_id, lock=True)
    await assure(transaction, offer)
    await transaction.flush()
    return _shown(offer, response)


@router.post("/{offer_id}/pause")
async def pause_offer(offer_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> OfferOut:
    """The offer is not to be had for now."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.pause()
    return await _told(transaction, offer, OfferPaused, response)


@router.post("/{offer_id}/resume")
async def resume_offer(offer_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> OfferOut:
    """A paused offer is to be had again."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.resume(transaction.clock.now())
    return await _told(transaction, offer, OfferResumed, response)


@router.post("/{offer_id}/withdraw")
async def withdraw_offer(offer_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> OfferOut:
    """The partner takes the offer back for good."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.withdraw()
    await forget_times(transaction, offer)
    return await _told(transaction, offer, OfferWithdrawn, response)


@router.put("/{offer_id}/capacity")
async def set_capacity(
    offer_id: UUID, body: CapacityIn, transaction: Transaction, expected: Expected, response: Response,
) -> OfferOut:
    """How much of the offer is free; needs no review."""
    offer = await get_or_refuse(transaction, Offer, offer_id, version=expected, lock=True)
    offer.capacity = body.model_dump() | {"updated": transaction.clock.now().isoformat()}
    announce(transaction, OfferCapacityChanged(offer_id=offer.id, **body.model_dump()), region=offer.region)
    await transaction.flush()
    return _shown(offer, response)


@router.get("")
async def list_offers(
    transaction: Transaction, paging: PageOf,
    region: Annotated[Ags | None, Query(description="A region and everything in it.")] = None,
    language: LanguageTag | None = None, field: FieldOfAction | None = None, state: OfferState | None = None,
    partner_id: UUID | None = None,
) -> Page[OfferOut]:
    """Find offers, by title: everyone sees what is published, partners and coordinators also their own."""
    query = seen_by(transaction.caller.scope, transaction.clock.now())
    for given, condition in (
        (region, lies_in_or_everywhere(region or "")), (field, col(Offer.field) == field),
        (language, col(Offer.languages).contains([language])), (state, col(Offer.state) == state),
        (partner_id, col(Offer.partner_id) == partner_id),
    ):
        query = query.where(condition) if given is not None else query
    rows, following = await page(transaction, query, paging, col(Offer.sort_key), col(Offer.id))
    return Page(items=[OfferOut.of(row, inside=transaction.caller.scope.covers(row)) for row in rows], next=following)


@router.get("/{offer_id}")
async def read_offer(offer_id: UUID, transaction: Transaction, response: Response) -> OfferOut:
    """One offer."""
    offer = await seen_offer(transaction, offer_id)
    return _shown(offer, response, inside=transaction.caller.scope.covers(offer))


async def _told(
    transaction: OpenTransaction, offer: Offer, kind: type[OfferFact], response: Response, **more: Any,
) -> OfferOut:
    await tell(transaction, kind, offer, **more)
    await transaction.flush()
    return _shown(offer, response)


def _shown(offer: Offer, response: Response, *, inside: bool = True) -> OfferOut:
    tag(response, offer.version)
    return OfferOut.of(offer, inside=inside)
