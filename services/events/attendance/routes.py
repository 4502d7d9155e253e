"""The HTTP door of attendance: record from the list, walk in, correct, tally, and verify a certificate."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, model_validator
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body
from libs.common.codes.lists import AgeBand, AudienceSector, EventKind, Gender
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import Ags, ByLanguage
from libs.common.db import OpenTransaction, get_or_refuse, touch
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.events import AttendanceTallied
from libs.common.outbox import announce
from libs.common.persons import PersonDetails, details_of, meet
from libs.common.refusals import NotFound
from services.events.attendance.model import CERTIFICATE_PATTERN, Attendance, Tally, refuse_list, refuse_tally
from services.events.attendance.queries import by_certificate, is_listed, is_tallied, recorded_for, walked_in
from services.events.attendance.reactions import count_secret, record
from services.events.attendance.rules import Present, corrected_fact
from services.events.events.model import Event
from services.events.events.rules import BERLIN, day_of
from services.events.registrations.model import Registration
from services.events.registrations.queries import is_known_elsewhere, locked_event
from services.events.registrations.routes import PartyIn, PersonIn

router = APIRouter(tags=["attendance"])
Count = Annotated[int, Field(ge=0, le=100_000)]


class PresentIn(Body):
    """A registered party that was there: all of it, unless fewer came."""

    registration_id: UUID
    persons: int | None = Field(None, ge=1, le=40)


class AttendanceIn(Body):
    """Who of the list was there; what was recorded before stays as it is."""

    present: list[PresentIn] = Field(min_length=1, max_length=100)


class WalkInFields(Body):
    """A party that came without registration."""

    party: PartyIn = PartyIn()
    home_region: Ags | None = Field(None, examples=["15087"])
    sector: AudienceSector | None = None


class WalkInIn(WalkInFields):
    """The same; with a person's contact they are counted once however often they come."""

    person: PersonIn | None = None


class KnownWalkInIn(WalkInFields):
    """The same, of a person whom another service knows, so that it hears of the attendance."""

    person_ref: UUID


class CorrectionIn(Body):
    """Whether the attendance counts: False when nobody was there after all."""

    counts: bool


class TallyIn(Body):
    """How many people were at a drop-in event; parts of the total may be left out."""

    total: Count = Field(examples=[23])
    genders: dict[Gender, Count] = Field(default={}, examples=[{"f": 14, "m": 9}])
    age_bands: dict[AgeBand, Count] = Field(default={}, examples=[{"0-5": 4, "27-44": 12}])
    languages: ByLanguage[Count] = Field(default={}, max_length=50, examples=[{"ar": 9, "uk": 7}])

    @model_validator(mode="after")
    def _no_part_above_the_total(self) -> "TallyIn":
        parts = [sum(self.genders.values()), sum(self.age_bands.values()), *self.languages.values()]
        if max(parts) > self.total:
            raise ValueError("a part is above the total")
        return self


class AttendanceOut(BaseModel):
    """That one person of a party was there; certificate is the code by which it can be verified."""

    id: UUID
    version: int
    event_id: UUID
    registration_id: UUID | None
    member: int
    on: date
    counts: bool
    certificate: str
    recorded_at: datetime

    @classmethod
    def of(cls, attendance: Attendance) -> "AttendanceOut":
        """The answer's form of an attendance."""
        return cls(**attendance.model_dump() | {"recorded_at": attendance.recorded_at.astimezone(BERLIN)})


class TallyOut(BaseModel):
    """The last count of a drop-in event."""

    event_id: UUID
    on: date
    total: int
    genders: dict[str, int]
    age_bands: dict[str, int]
    languages: dict[str, int]


class CertificateOut(BaseModel):
    """What a certificate's code stands for; nothing about whose it is."""

    kind: EventKind
    training_code: str | None
    on: date
    valid: bool


@router.post("/events/{event_id}/attendance")
async def record_attendance(event_id: UUID, body: AttendanceIn, transaction: Transaction) -> list[AttendanceOut]:
    """Record who of the list was there, each person of a party by itself; recording twice changes nothing."""
    event, secret = await _countable(transaction, event_id)
    persons = {one.registration_id: one.persons for one in body.present}
    query = select(Registration).where(Registration.event_id == event.id, col(Registration.id).in_(persons))
    registrations = (await transaction.scalars(query.order_by(col(Registration.place)))).all()
    if len(registrations) < len(persons):
        raise NotFound("not-found", "There is no such {noun}.", noun="registration")
    recorded = list(await recorded_for(transaction, persons))
    own = [one.person_ref for one in registrations if not one.known_elsewhere]
    known = await details_of(transaction, own, about=f"event/{event.id}")
    for one in registrations:
        one.attend()
        present = Present(
            min(persons[one.id] or one.seats, one.seats), registration_id=one.id, person_ref=one.person_ref,
            known_elsewhere=one.known_elsewhere, sector=one.sector, home_region=one.home_region)
        there = {earlier.member for earlier in recorded if earlier.registration_id == one.id}
        recorded += record(transaction, event, present, known.get(one.person_ref), secret, there=there)
    await transaction.flush()
    return [AttendanceOut.of(attendance) for attendance in recorded]


@router.post("/events/{event_id}/attendance/walk_in", status_code=201)
async def record_walk_in(
    event_id: UUID, body: WalkInIn, transaction: Transaction, once: Creation,
) -> list[AttendanceOut]:
    """Record a party that came without registration, with a name and contact or without."""
    if once.repeated:
        return [AttendanceOut.of(attendance) for attendance in await walked_in(transaction, once.id)]
    event, secret = await _countable(transaction, event_id)
    details, person_ref = None, None
    if body.person:
        details = PersonDetails(name=body.person.name, email=body.person.email, phone=body.person.phone)
        person_ref = await meet(transaction, details, languages=body.person.languages,
                                region=event.region, partner_id=event.partner_id)
    present = _walked_in(body, once.id, person_ref=person_ref)
    recorded = record(transaction, event, present, details, secret)
    await transaction.flush()
    return [AttendanceOut.of(attendance) for attendance in recorded]


@router.post("/events/{event_id}/attendance/walk_in/known", status_code=201)
async def record_known_walk_in(
    event_id: UUID, body: KnownWalkInIn, transaction: Transaction, once: Creation,
) -> list[AttendanceOut]:
    """Record that a person whom another service knows came without registration."""
    if once.repeated:
        return [AttendanceOut.of(attendance) for attendance in await walked_in(transaction, once.id)]
    elsewhere = await is_known_elsewhere(transaction, body.person_ref)
    event, secret = await _countable(transaction, event_id)
    own = [] if elsewhere else [body.person_ref]
    known = await details_of(transaction, own, about=f"event/{event.id}")
    present = _walked_in(body, once.id, person_ref=body.person_ref, known_elsewhere=elsewhere)
    recorded = record(transaction, event, present, known.get(body.person_ref), secret)
    await transaction.flush()
    return [AttendanceOut.of(attendance) for attendance in recorded]


@router.get("/events/{event_id}/attendance")
async def list_attendance(event_id: UUID, transaction: Transaction, paging: PageOf) -> Page[AttendanceOut]:
    """What has been recorded of an event, with each one's certificate, for who organises it. Audited."""
    event = await get_or_refuse(transaction, Event, event_id)
    query = select(Attendance).where(Attendance.event_id == event.id)
    rows, following = await page(transaction, query, paging, col(Attendance.id))
    await audited(transaction, "read", f"event/{event.id}")
    return Page(items=[AttendanceOut.of(row) for row in rows], next=following)


@router.post("/attendance/{attendance_id}/correct")
async def correct_attendance(
    attendance_id: UUID, body: CorrectionIn, transaction: Transaction, response: Response,
) -> AttendanceOut:
    """Say that a recorded attendance did not take place, or did after all; told as a fact of its own.

    Without If-Match: who says it knows who was there, whatever was written down before, and said twice it changes
    nothing.
    """
    attendance = await get_or_refuse(transaction, Attendance, attendance_id)
    await locked_event(transaction, attendance.event_id)
    await transaction.refresh(attendance)
    if attendance.correct(counts=body.counts):
        announce(transaction, corrected_fact(attendance))
        await transaction.flush()
        await _correct_registration(transaction, attendance)
    await transaction.flush()
    tag(response, attendance.version)
    return AttendanceOut.of(attendance)


@router.put("/events/{event_id}/tally")
async def tally_event(
    event_id: UUID, body: TallyIn, transaction: Transaction, expected: Expected, response: Response,
) -> TallyOut:
    """Say how many people were at a drop-in event, without naming anyone; said again, the last count holds.

    If-Match takes the ETag of the event, or of its last count: they are the same.
    """
    await get_or_refuse(transaction, Event, event_id, version=expected, lock=True)
    event = await locked_event(transaction, event_id)
    event.refuse_unless_begun(transaction.clock.now())
    refuse_tally(event, listed=await is_listed(transaction, event.id))
    tally = await transaction.get(Tally, event.id) or Tally(
        id=event.id, region=event.region, partner_id=event.partner_id, project_id=event.project_id)
    tally.sqlmodel_update(body.model_dump(mode="json") | {
        "on": day_of(event), "tallied_at": transaction.clock.now()})
    transaction.add(tally)
    announce(transaction, AttendanceTallied(
        event_id=event.id, kind=event.kind, region=event.region, on=tally.on, project_id=event.project_id,
        total=body.total, genders=body.genders, age_bands=body.age_bands))
    touch(event)
    await transaction.flush()
    tag(response, event.version)
    return TallyOut(event_id=event.id, **tally.model_dump())


@router.get("/events/{event_id}/tally")
async def read_tally(event_id: UUID, transaction: Transaction, response: Response) -> TallyOut:
    """The last count of a drop-in event."""
    tally = await get_or_refuse(transaction, Tally, event_id)
    tag(response, (await get_or_refuse(transaction, Event, event_id)).version)
    return TallyOut(event_id=event_id, **tally.model_dump())


@router.get("/attendance/certificates/{code}")
async def read_certificate(
    code: Annotated[str, Path(pattern=CERTIFICATE_PATTERN)], transaction: Transaction,
) -> CertificateOut:
    """What a certificate's code stands for, for whoever was shown it; an unknown code was never given."""
    found = await by_certificate(transaction, code)
    return CertificateOut(kind=found.kind, training_code=found.training_code, on=found.on, valid=found.counts)


async def _countable(transaction: OpenTransaction, event_id: UUID) -> tuple[Event, str | None]:
    """The locked event, begun and not tallied, and its project's secret: asked for before anything is locked."""
    event = await get_or_refuse(transaction, Event, event_id)
    secret = await count_secret(transaction, event.project_id)
    event = await locked_event(transaction, event_id)
    event.refuse_unless_begun(transaction.clock.now())
    refuse_list(tallied=await is_tallied(transaction, event.id))
    return event, secret


def _walked_in(body: WalkInFields, walk_in_id: UUID, **person: Any) -> Present:
    if body.home_region:
        region_of(body.home_region)
    return Present(body.party.size, walk_in_id=walk_in_id, sector=body.sector,
                   home_region=body.home_region, **person)


async def _correct_registration(transaction: OpenTransaction, attendance: Attendance) -> None:
    if attendance.registration_id is None:
        return
    recorded = await recorded_for(transaction, [attendance.registration_id])
    registration = await transaction.get_one(Registration, attendance.registration_id)
    registration.correct(attended=any(one.counts for one in recorded))
