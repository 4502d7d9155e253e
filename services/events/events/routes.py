"""The HTTP door of events: draft, publish, change, open, close, hold, report, cancel, find."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field, StringConstraints, model_validator
from sqlmodel import col

from libs.common.bodies import Body, Line, Paragraph
from libs.common.codes.lists import AgeBand, AudienceSector, EventKind, FieldOfAction
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import Ags, ByLanguage, Code, LanguageTag, Postcode
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.events import EventHeld, EventRescheduled
from libs.common.outbox import announce
from libs.common.refusals import NotAllowed
from services.events.events.model import Event, EventState, RegistrationMode, Visibility
from services.events.events.queries import EventFilter, seen_by, seen_event
from services.events.events.reactions import cancel_now, keep_times, publish_now, refuse_foreign_names
from services.events.events.rules import BERLIN, EARLIEST, Moment, event_fact
from services.events.registrations.queries import locked_event
from services.events.registrations.reactions import fill_free_places, mark_no_shows, shorten_offers

router = APIRouter(prefix="/events", tags=["events"])
LONGEST = timedelta(days=31)
Address = Annotated[str, StringConstraints(pattern=r"^https://[!-~]+$", max_length=500)]


class EventTextIn(Body):
    """Title and description in one language."""

    title: Line
    description: Paragraph


class VenueIn(Body):
    """Where it takes place."""

    text: Line = Field(examples=["Mehrgenerationenhaus, Am Markt 3, Sangerhausen"])
    postcode: Postcode | None = Field(None, examples=["06526"])
    barrier_free: bool = False


class ChildcareIn(Body):
    """Childcare beside the event: how many children, of which ages (none named: all)."""

    places: int = Field(0, ge=0, le=500)
    age_bands: list[AgeBand] = Field(default=[], max_length=7, examples=[["0-5", "6-13"]])


class EventFields(Body):
    """What describes an event. Times carry an offset; people read them in the time of Berlin."""

    kind: EventKind
    field: FieldOfAction | None = None
    translations: ByLanguage[EventTextIn] = Field(min_length=1, max_length=20, examples=[
        {"de": {"title": "Sprachcafé am Markt", "description": "Deutsch sprechen bei Kaffee und Tee."}}])
    starts: Moment = Field(examples=["2031-03-04T17:00:00+01:00"])
    ends: Moment = Field(examples=["2031-03-04T19:00:00+01:00"])
    venue: VenueIn | None = None
    online_url: Address | None = Field(None, examples=["https://meet.example.org/cafe"])
    languages: list[LanguageTag] = Field(default=[], max_length=20, examples=[["de", "ar"]])
    interpretation: list[LanguageTag] = Field(default=[], max_length=20)
    audience: list[AudienceSector] = Field(default=[], max_length=6, description="Empty: for everyone.")
    women_only: bool = False
    age_bands: list[AgeBand] = Field(default=[], max_length=7, description="Empty: for every age.")
    visibility: Visibility = Visibility.PUBLIC
    capacity: int | None = Field(None, ge=1, le=100_000, description="Seats; none given: without limit.")
    min_participants: int | None = Field(None, ge=1, le=100_000)
    childcare: ChildcareIn = ChildcareIn()
    registration_mode: RegistrationMode = RegistrationMode.OPEN
    registration_opens: Moment | None = Field(None, description="Not given: when the event is published.",
                                              examples=["2031-02-01T08:00:00+01:00"])
    registration_closes: Moment | None = Field(None, description="Not given: when the event begins.",
                                               examples=["2031-03-03T12:00:00+01:00"])
    offer_hours: int = Field(48, ge=1, le=336, description="How long a seat is kept for who waited.")
    fill_gaps: bool = Field(default=False, description="Smaller parties may pass one that waits for more places.")
    training_code: Code | None = Field(None, description="What attending this event is evidence for.",
                                       examples=["basic_training"])
    project_id: UUID | None = Field(None, description="The project for which it counts; it must be known and open.")

    @model_validator(mode="after")
    def _times_in_order(self) -> "EventFields":
        opens, closes = self.registration_opens or EARLIEST, self.registration_closes or self.starts
        if not (self.starts < self.ends <= self.starts + LONGEST and opens < closes <= self.starts):
            raise ValueError("times are not in order, or the event lasts too long")
        if self.capacity and self.min_participants and self.min_participants > self.capacity:
            raise ValueError("min_participants is above capacity")
        return self


class EventIn(EventFields):
    """A new event of a partner, in a region."""

    partner_id: UUID
    region: Ags = Field(examples=["15087"])


class CancelEventIn(Body):
    """Why the event does not take place; everyone registered reads it."""

    reason: Line = Field(examples=["Die Referentin ist krank."])


class EventOut(BaseModel):
    """An event, times in Berlin's. online_url: for who manages it, or for all when no registration is needed."""

    id: UUID
    version: int
    partner_id: UUID
    region: str
    project_id: UUID | None
    series_id: UUID | None
    kind: EventKind
    field: FieldOfAction | None
    state: EventState
    translations: dict[str, Any]
    starts: datetime
    ends: datetime
    venue: VenueIn | None
    online: bool
    online_url: str | None
    languages: list[str]
    interpretation: list[str]
    audience: list[str]
    women_only: bool
    age_bands: list[str]
    visibility: Visibility
    capacity: int | None
    min_participants: int | None
    childcare: ChildcareIn
    registration_mode: RegistrationMode
    registration_opens: datetime | None
    registration_closes: datetime | None
    offer_hours: int
    fill_gaps: bool
    training_code: str | None
    cancel_reason: str | None
    takes_registrations: bool
    full: bool
    seats_taken: int
    childcare_taken: int
    parties_waiting: int

    @classmethod
    def of(cls, event: Event, now: datetime, *, inside: bool = True) -> "EventOut":
        """The answer's form of an event; without the address of its video room unless inside or drop-in."""
        fields = event.model_dump(exclude={"venue", "online_url"})
        for name in ("starts", "ends", "registration_opens", "registration_closes"):
            fields[name] = fields[name] and fields[name].astimezone(BERLIN)
        shown = inside or event.registration_mode is RegistrationMode.NONE
        venue = VenueIn(
            text=event.venue, postcode=event.postcode, barrier_free=event.barrier_free) if event.venue else None
        return cls(
            **fields, venue=venue, online=event.online_url is not None,
            online_url=event.online_url if shown else None, full=event.full, parties_waiting=event.waiting,
            childcare=ChildcareIn(places=event.childcare_places, age_bands=event.childcare_age_bands),
            takes_registrations=event.takes_registrations(now))


@router.post("", status_code=201)
async def draft_event(body: EventIn, transaction: Transaction, once: Creation, response: Response) -> EventOut:
    """The organiser begins an event; publish shows it."""
    if once.repeated:
        return _shown(transaction, await get_or_refuse(transaction, Event, once.id), response)
    await refuse_outside(transaction, body.partner_id, body.region, body.project_id)
    event = Event(id=once.id, partner_id=body.partner_id, region=body.region,
                  changed_at=transaction.clock.now(), **columns_of(body))
    transaction.add(event)
    return await _kept(transaction, event, response)


@router.put("/{event_id}")
async def change_event(
    event_id: UUID, body: EventFields, transaction: Transaction, expected: Expected, response: Response,
) -> EventOut:
    """The organiser edits an event that has not begun. Another time is told; more room goes to who waits."""
    await get_or_refuse(transaction, Event, event_id, version=expected, lock=True)
    event = await locked_event(transaction, event_id)
    if body.project_id != event.project_id:
        await refuse_foreign_names(transaction, event.partner_id, body.project_id)
    moved = event.change(columns_of(body), transaction.clock.now())
    if event.published_at is not None:
        await keep_times(transaction, event)
        await fill_free_places(transaction, event)
    if moved:
        await shorten_offers(transaction, event)
        announce(transaction, event_fact(EventRescheduled, event))
    return await _kept(transaction, event, response)


@router.post("/{event_id}/publish")
async def publish_event(event_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> EventOut:
    """The organiser shows the event to those it is meant for; subscribers are told of a public one."""
    event = await get_or_refuse(transaction, Event, event_id, version=expected, lock=True)
    await publish_now(transaction, event)
    return await _kept(transaction, event, response)


@router.post("/{event_id}/open")
async def open_registration(
    event_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> EventOut:
    """The organiser lets people register before the time that was set."""
    event = await get_or_refuse(transaction, Event, event_id, version=expected, lock=True)
    event.open()
    return await _kept(transaction, event, response)


@router.post("/{event_id}/close")
async def close_registration(
    event_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> EventOut:
    """The organiser ends registration; who waits may still be offered what falls free."""
    event = await get_or_refuse(transaction, Event, event_id, version=expected, lock=True)
    event.close()
    return await _kept(transaction, event, response)


@router.post("/{event_id}/hold")
async def hold_event(event_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> EventOut:
    """The organiser says that the event has taken place; by itself it is held when its end has come."""
    event = await get_or_refuse(transaction, Event, event_id, version=expected, lock=True)
    event.hold(transaction.clock.now())
    announce(transaction, event_fact(EventHeld, event))
    return await _kept(transaction, event, response)


@router.post("/{event_id}/report")
async def report_event(event_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> EventOut:
    """The organiser has written down who came; who was confirmed and did not come is marked as no-show."""
    event = await get_or_refuse(transaction, Event, event_id, version=expected, lock=True)
    event.report()
    await mark_no_shows(transaction, event.id)
    return await _kept(transaction, event, response)


@router.post("/{event_id}/cancel")
async def cancel_event(
    event_id: UUID, body: CancelEventIn, transaction: Transaction, expected: Expected, response: Response,
) -> EventOut:
    """The event does not take place; everyone registered is told why."""
    await get_or_refuse(transaction, Event, event_id, version=expected, lock=True)
    return await _kept(transaction, await cancel_now(transaction, event_id, body.reason), response)


@router.get("")
async def list_events(
    transaction: Transaction, paging: PageOf, wanted: Annotated[EventFilter, Depends()],
) -> Page[EventOut]:
    """Find events, the earliest first: everyone sees what is shown to them, organisers also their drafts."""
    query = wanted.narrow(seen_by(transaction.caller))
    rows, following = await page(transaction, query, paging, col(Event.starts), col(Event.id))
    now, scope = transaction.clock.now(), transaction.caller.scope
    return Page(items=[EventOut.of(row, now, inside=scope.covers(row)) for row in rows], next=following)


@router.get("/{event_id}")
async def read_event(event_id: UUID, transaction: Transaction, response: Response) -> EventOut:
    """One event."""
    event = await seen_event(transaction, event_id)
    return _shown(transaction, event, response)


async def refuse_outside(
    transaction: OpenTransaction, partner_id: UUID, region: str, project_id: UUID | None,
) -> None:
    """Coordinators plan in their own region, partner editors for their own partner, with a project that is open."""
    scope = transaction.caller.scope
    region_of(region)
    if not (scope.covers_region(region) or partner_id in scope.partners):
        raise NotAllowed("event-outside", "You plan events in your own region, or for your own partner.")
    await refuse_foreign_names(transaction, partner_id, project_id)


def columns_of(body: EventFields) -> dict[str, Any]:
    """The fields of a body as the columns of an event."""
    fields = body.model_dump(exclude={"venue", "childcare", "partner_id", "region", "translations"})
    venue, childcare = body.venue, body.childcare
    return fields | {
        "translations": body.model_dump(mode="json", include={"translations"})["translations"],
        "venue": venue and venue.text, "postcode": venue and venue.postcode,
        "barrier_free": venue is not None and venue.barrier_free,
        "childcare_places": childcare.places, "childcare_age_bands": list(childcare.age_bands)}


async def _kept(transaction: OpenTransaction, event: Event, response: Response) -> EventOut:
    await transaction.flush()
    return _shown(transaction, event, response)


def _shown(transaction: OpenTransaction, event: Event, response: Response) -> EventOut:
    tag(response, event.version)
    return EventOut.of(event, transaction.clock.now(), inside=transaction.caller.scope.covers(event))
