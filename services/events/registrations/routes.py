"""The HTTP door of registrations: register, approve, decline, accept, cancel, and who is on the list."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, EmailStr, Field, model_validator
from sqlmodel import col, select

from libs.common.bodies import Body, Line, Paragraph
from libs.common.callers import Role
from libs.common.codes.lists import AgeBand, AudienceSector
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import Ags, LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.events import RegistrationDeclined, RegistrationReceived
from libs.common.persons import PersonDetails, details_of, meet
from libs.common.privacy import load_keys, unseal
from libs.common.refusals import Invalid, Refused
from services.events.events.model import Event, RegistrationMode
from services.events.events.rules import BERLIN
from services.events.registrations.model import NOTE, Note, Registration, RegistrationState, needs_of
from services.events.registrations.queries import (
    as_anyone,
    is_known_elsewhere,
    is_registered,
    links_of,
    locked_now,
    locked_registration,
    open_list_of,
    own_registration,
    sealed_note,
)
from services.events.registrations.reactions import accept_seat, give_up, let_in, tell
from services.events.registrations.rules import Places

router = APIRouter(tags=["registrations"])
CHILDREN = frozenset({AgeBand.UP_TO_5, AgeBand.FROM_6_TO_13, AgeBand.FROM_14_TO_17})


class PartyIn(Body):
    """Who comes together: adults, and each child by its age."""

    adults: int = Field(1, ge=0, le=20)
    children: list[AgeBand] = Field(default=[], max_length=20, examples=[["0-5"]])

    @property
    def size(self) -> int:
        """How many persons that are."""
        return self.adults + len(self.children)

    @model_validator(mode="after")
    def _of_someone(self) -> "PartyIn":
        if not self.size or not CHILDREN.issuperset(self.children):
            raise ValueError("a party is at least one person, and its children are at most 17")
        return self


class NeedsIn(Body):
    """What the party needs in order to take part. accessibility is kept encrypted; no diagnosis is needed."""

    childcare: bool = False
    interpretation: LanguageTag | None = Field(None, examples=["ar"])
    accessibility: Paragraph | None = Field(None, examples=["Rampe statt Treppe"])


class PersonIn(Body):
    """Who registers: a name, and a mail address or telephone number to be told by."""

    name: Line = Field(examples=["Amira Beispiel"])
    email: EmailStr | None = Field(None, max_length=200, examples=["amira@example.org"])
    phone: Line | None = Field(None, examples=["+49 30 23125 123"])
    languages: list[LanguageTag] = Field(default=["de"], min_length=1, max_length=5, examples=[["ar", "de"]])


class RegistrationFields(Body):
    """What is asked of everyone who registers; all but the party may be left out."""

    party: PartyIn = PartyIn()
    needs: NeedsIn = NeedsIn()
    home_region: Ags | None = Field(None, description="Where the party lives, as coarse as figures need it.",
                                    examples=["15087"])
    sector: AudienceSector | None = None


class RegistrationIn(RegistrationFields):
    """A party and the person who registers it."""

    person: PersonIn


class KnownRegistrationIn(RegistrationFields):
    """A party of a person whom another service knows: that service keeps name and contact."""

    person_ref: UUID
    language: LanguageTag | None = None


class RegistrationOut(BaseModel):
    """A registration without names. cancel_link: only for who registered themselves; it lets its holder cancel."""

    id: UUID
    version: int
    event_id: UUID
    person_ref: UUID
    known_elsewhere: bool
    state: RegistrationState
    place: int
    seats: int
    childcare: int
    adults: int
    children: list[AgeBand]
    language: str | None
    interpretation: str | None
    home_region: str | None
    sector: AudienceSector | None
    registered_at: datetime
    offer_expires: datetime | None
    cancel_link: str | None = None

    @classmethod
    def of(cls, registration: Registration, **more: Any) -> "RegistrationOut":
        """The answer's form of a registration, times in Berlin's."""
        fields = registration.model_dump(exclude={"note"})
        for name in ("registered_at", "offer_expires"):
            fields[name] = fields[name] and fields[name].astimezone(BERLIN)
        return cls(**fields, **more)


class ParticipantOut(RegistrationOut):
    """A registration with the names that its organiser needs; none for who is known elsewhere, or erased."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    accessibility: str | None = None


@router.post("/events/{event_id}/registrations", status_code=201)
async def register_party(
    event_id: UUID, body: RegistrationIn, transaction: Transaction, once: Creation, response: Response,
) -> RegistrationOut:
    """Register a party: it is confirmed when everything it needs is free, else it waits in the order of arrival."""
    opened = await open_list_of(transaction, event_id)
    if once.repeated:
        return await _repeated(transaction, event_id, once.id, response)
    person, is_public = body.person, transaction.caller.role is Role.PUBLIC
    if is_public and not (person.email or person.phone):
        raise Invalid("contact-missing", "A mail address or telephone number is needed to tell you.", field="person")
    await as_anyone(transaction, opened)
    details = PersonDetails(name=person.name, email=person.email, phone=person.phone)
    person_ref = await meet(transaction, details, languages=person.languages,
                            region=opened.region, partner_id=opened.partner_id)
    event = await locked_now(transaction, event_id)
    registration = _registration(
        transaction, event, body, id=once.id, person_ref=person_ref, language=person.languages[0])
    return await _entered(transaction, event, registration, body, response)


@router.post("/events/{event_id}/registrations/known", status_code=201)
async def register_known_person(
    event_id: UUID, body: KnownRegistrationIn, transaction: Transaction, once: Creation, response: Response,
) -> RegistrationOut:
    """A coordinator or counsellor registers a person known to another service, so that it hears of the attendance."""
    elsewhere = not once.repeated and await is_known_elsewhere(transaction, body.person_ref)
    await open_list_of(transaction, event_id)
    if once.repeated:
        return await _repeated(transaction, event_id, once.id, response)
    event = await locked_now(transaction, event_id)
    if await is_registered(transaction, event.id, body.person_ref):
        raise Refused("registered-already", "This person is registered for this event already.", field="person_ref")
    registration = _registration(transaction, event, body, id=once.id, person_ref=body.person_ref,
                                 language=body.language, known_elsewhere=elsewhere)
    return await _entered(transaction, event, registration, body, response)


@router.get("/events/{event_id}/participants")
async def list_participants(event_id: UUID, transaction: Transaction, paging: PageOf) -> Page[ParticipantOut]:
    """Who registered, by arrival, with names and needs, for who organises the event. Each reading is audited."""
    event = await get_or_refuse(transaction, Event, event_id)
    query = select(Registration).where(Registration.event_id == event.id)
    rows, following = await page(transaction, query, paging, col(Registration.place))
    known = await details_of(transaction, [row.person_ref for row in rows], about=f"event/{event.id}")
    await load_keys(transaction, [row.person_ref for row in rows])
    items = []
    for row in rows:
        note = await unseal(transaction, row.person_ref, NOTE, row.note, Note)
        person = known[row.person_ref].model_dump() if row.person_ref in known else {}
        items.append(ParticipantOut.of(row, **person, accessibility=note and note.text))
    return Page(items=items, next=following)


@router.get("/registrations/{registration_id}")
async def read_registration(registration_id: UUID, transaction: Transaction, response: Response) -> RegistrationOut:
    """One registration, without names."""
    return await _kept(transaction, await own_registration(transaction, registration_id), response)


@router.post("/registrations/{registration_id}/approve")
async def approve_registration(
    registration_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> RegistrationOut:
    """The organiser accepts a party that asked: it is confirmed when there is room for all of it, else it waits."""
    registration, event = await locked_registration(transaction, registration_id, version=expected)
    event.refuse_if_begun(transaction.clock.now())
    await let_in(transaction, event, registration)
    return await _kept(transaction, registration, response)


@router.post("/registrations/{registration_id}/decline")
async def decline_registration(
    registration_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> RegistrationOut:
    """The organiser does not accept a party that asked; it is told."""
    registration, _ = await locked_registration(transaction, registration_id, version=expected)
    registration.decline()
    tell(transaction, RegistrationDeclined, registration)
    return await _kept(transaction, registration, response)


@router.post("/registrations/{registration_id}/accept")
async def accept_offered_seat(
    registration_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> RegistrationOut:
    """Take the offered places for a party that said so, by telephone for example."""
    registration, _ = await locked_registration(transaction, registration_id, version=expected)
    await accept_seat(transaction, registration)
    return await _kept(transaction, registration, response)


@router.post("/registrations/{registration_id}/cancel")
async def cancel_registration(
    registration_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> RegistrationOut:
    """The party does not come; its places go to those who are next in line."""
    registration, event = await locked_registration(transaction, registration_id, version=expected)
    await give_up(transaction, event, registration)
    return await _kept(transaction, registration, response)


def _refuse_unless_room(transaction: OpenTransaction, event: Event, body: RegistrationFields) -> Places:
    event.refuse_unless_open(transaction.clock.now())
    party = body.party
    if body.home_region:
        region_of(body.home_region)
    return needs_of(party.size, party.children, event, childcare=body.needs.childcare)


def _registration(transaction: OpenTransaction, event: Event, body: RegistrationFields, **more: Any) -> Registration:
    """A registration in its turn on the list of a locked event; what became of it is not settled yet."""
    needs, caller = _refuse_unless_room(transaction, event, body), transaction.caller
    return Registration(
        event_id=event.id, region=event.region, partner_id=event.partner_id, place=event.arrivals + 1,
        seats=body.party.size, childcare=needs.childcare, state=RegistrationState.PENDING,
        made_by=None if caller.role is Role.PUBLIC else caller.principal, registered_at=transaction.clock.now(),
        adults=body.party.adults, children=[child.value for child in body.party.children],
        interpretation=body.needs.interpretation, home_region=body.home_region, sector=body.sector, **more)


async def _entered(
    transaction: OpenTransaction, event: Event, registration: Registration, body: RegistrationFields,
    response: Response,
) -> RegistrationOut:
    """Put the registration on the event's list, and say at once what became of it."""
    if body.needs.accessibility:
        registration.note = await sealed_note(transaction, registration.person_ref, body.needs.accessibility)
    transaction.add(registration)
    if event.registration_mode is RegistrationMode.APPROVAL:
        tell(transaction, RegistrationReceived, registration)
    else:
        await let_in(transaction, event, registration)
    return _shown(transaction, event, registration, response)


async def _repeated(
    transaction: OpenTransaction, event_id: UUID, registration_id: UUID, response: Response,
) -> RegistrationOut:
    event = await locked_now(transaction, event_id)
    found = await transaction.get(Registration, registration_id)
    if found is None or found.event_id != event.id:
        raise Invalid("idempotency-key-reused", "This Idempotency-Key was used with another request before.",
                      field="Idempotency-Key")
    return _shown(transaction, event, found, response)


def _shown(
    transaction: OpenTransaction, event: Event, registration: Registration, response: Response,
) -> RegistrationOut:
    links = links_of(transaction, registration, event) if transaction.caller.role is Role.PUBLIC else {}
    tag(response, registration.version)
    return RegistrationOut.of(registration, cancel_link=links.get("cancel"))


async def _kept(transaction: OpenTransaction, registration: Registration, response: Response) -> RegistrationOut:
    await transaction.flush()
    tag(response, registration.version)
    return RegistrationOut.of(registration)
