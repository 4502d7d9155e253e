"""The HTTP door of consultations: agree on one, record that it was held, so that it counts, or cancel it."""

import base64
import secrets
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, EmailStr, Field
from sqlmodel import col, or_, select

from libs.common.bodies import Body, Line, Paragraph
from libs.common.clock import day_of
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import Ags, Code, LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.registry import ConsultationRecorded
from libs.common.outbox import announce
from libs.common.persons import PersonDetails, count_key, details_of, meet
from libs.common.privacy import seal, unseal
from services.registry.consultations.model import NOTE, Consultation, ConsultationState, Note, SubjectKind
from services.registry.grants.model import refuse_outside
from services.registry.indicators.reactions import counted, keep
from services.registry.partners.queries import acting_partner
from services.registry.projects.queries import countable_project, secret_of

router = APIRouter(prefix="/consultations", tags=["consultations"])


class SubjectIn(Body):
    """Who is advised. Mail address or telephone number tell people apart in figures; without both a key is drawn."""

    kind: SubjectKind = Field(examples=["group"])
    name: Line | None = Field(None, examples=["Patenkreis Hettstedt"])
    email: EmailStr | None = Field(None, max_length=200, examples=["patenkreis@example.org"])
    phone: Line | None = Field(None, examples=["03476 555 0123"])
    languages: list[LanguageTag] = Field(default=["de"], min_length=1, max_length=5)


class ConsultationIn(Body):
    """A talk that was agreed on. partner_id: who advises; a partner's editor names the own one."""

    project_id: UUID | None = None
    partner_id: UUID | None = None
    region: Ags = Field(examples=["15087"])
    subject: SubjectIn
    topics: list[Code] = Field(default=[], max_length=20, examples=[["founding_a_group"]])
    planned_for: date = Field(examples=["2027-04-12"])


class HeldIn(Body):
    """How the talk was. The note is sealed with the advised person's own key."""

    held_on: date = Field(examples=["2027-04-12"])
    minutes: int = Field(ge=1, le=1440, examples=[60])
    topics: list[Code] = Field(min_length=1, max_length=20, examples=[["founding_a_group"]])
    note: Paragraph | None = None


class ConsultationOut(BaseModel):
    """A consultation, without who was advised."""

    id: UUID
    version: int
    project_id: UUID | None
    partner_id: UUID | None
    region: str
    state: ConsultationState
    subject_kind: SubjectKind
    topics: list[str]
    planned_for: date
    held_on: date | None
    minutes: int | None


class ConsultationDetails(ConsultationOut):
    """A consultation with who was advised and what was noted; empty once that person has been erased."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None


@router.post("", status_code=201)
async def plan_consultation(
    body: ConsultationIn, transaction: Transaction, once: Creation, response: Response,
) -> ConsultationOut:
    """Agree on a consultation."""
    if once.repeated:
        return _shown(await get_or_refuse(transaction, Consultation, once.id), response)
    await _check(transaction, body)
    subject = body.subject
    person_ref = await meet(
        transaction, PersonDetails(name=subject.name or "", email=subject.email, phone=subject.phone),
        languages=subject.languages, region=body.region, partner_id=body.partner_id)
    planned = Consultation(id=once.id, person_ref=person_ref, subject_kind=subject.kind,
                           **body.model_dump(exclude={"subject"}))
    transaction.add(planned)
    await transaction.flush()
    return _shown(planned, response)


@router.get("")
async def list_consultations(
    transaction: Transaction, paging: PageOf, project_id: Annotated[UUID | None, Query()] = None,
    state: ConsultationState | None = None,
) -> Page[ConsultationOut]:
    """The consultations of the caller's scope, the oldest first, without who was advised."""
    query, scope = select(Consultation), transaction.caller.scope
    if not scope.everything:
        own = [col(Consultation.region).startswith(prefix) for prefix in scope.regions]
        query = query.where(or_(col(Consultation.partner_id).in_(scope.partners), *own))
    query = query.where(col(Consultation.project_id) == project_id) if project_id else query
    query = query.where(col(Consultation.state) == state) if state else query
    rows, following = await page(transaction, query, paging, col(Consultation.id))
    return Page(items=[_out(row) for row in rows], next=following)


@router.get("/{consultation_id}")
async def read_consultation(
    consultation_id: UUID, transaction: Transaction, response: Response,
) -> ConsultationDetails:
    """One consultation, with who was advised and the note. Reading it is noted in the audit."""
    found = await get_or_refuse(transaction, Consultation, consultation_id)
    tag(response, found.version)
    shown = _out(found).model_dump()
    if found.person_ref is None:
        return ConsultationDetails(**shown)
    known = await details_of(transaction, [found.person_ref], about=f"consultation/{found.id}")
    details = known[found.person_ref].model_dump() if found.person_ref in known else {}
    note = await unseal(transaction, found.person_ref, NOTE, found.note, Note)
    return ConsultationDetails(**shown, **details, note=note.text if note else None)


@router.post("/{consultation_id}/hold")
async def hold_consultation(
    consultation_id: UUID, body: HeldIn, transaction: Transaction, expected: Expected, response: Response,
) -> ConsultationOut:
    """The talk was held: it counts for its project, by a key without a name."""
    found = await get_or_refuse(transaction, Consultation, consultation_id, version=expected, lock=True)
    found.hold(body.held_on, body.minutes, [*body.topics], day_of(transaction.clock.now()))
    found.subject_key, found.random_key = await _key(transaction, found)
    if body.note and found.person_ref:
        found.note = await seal(transaction, found.person_ref, NOTE, Note(text=body.note))
    fact = ConsultationRecorded(
        consultation_id=found.id, region=found.region, project_id=found.project_id, topics=tuple(found.topics),
        subject_kind=found.subject_kind.value, subject_key=found.subject_key, random_key=found.random_key,
        held_on=found.held_on)
    fact_id = announce(transaction, fact)
    remembered = counted(fact, fact_id=fact_id, told_at=transaction.clock.now())
    await keep(transaction, [remembered] if remembered else [])
    await transaction.flush()
    return _shown(found, response)


@router.post("/{consultation_id}/cancel")
async def cancel_consultation(
    consultation_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ConsultationOut:
    """The talk does not take place."""
    found = await get_or_refuse(transaction, Consultation, consultation_id, version=expected, lock=True)
    found.cancel()
    await transaction.flush()
    return _shown(found, response)


async def _check(transaction: OpenTransaction, body: ConsultationIn) -> None:
    """A coordinator acts in the own region, a partner's editor for the own partner, for a project that is open."""
    region_of(body.region)
    if body.partner_id:
        await acting_partner(transaction, body.partner_id, body.region)
    else:
        refuse_outside(transaction.caller.scope, body.region)
    if body.project_id:
        await countable_project(transaction, body.project_id)


async def _key(transaction: OpenTransaction, found: Consultation) -> tuple[str, bool]:
    """The key by which the project counts them, and whether it is drawn: without project, person or address."""
    secret = None
    if found.project_id:
        secret = secret_of(transaction, await countable_project(transaction, found.project_id))
    refs = [found.person_ref] if found.person_ref else []
    known = await details_of(transaction, refs, about=f"consultation/{found.id}")
    details = next(iter(known.values()), PersonDetails(name=""))
    key, drawn = count_key(base64.b64encode(secret).decode() if secret else None,
                           email=details.email, phone=details.phone)
    return key or secrets.token_urlsafe(16), drawn or key is None


def _out(found: Consultation) -> ConsultationOut:
    return ConsultationOut.model_validate(found, from_attributes=True)


def _shown(found: Consultation, response: Response) -> ConsultationOut:
    tag(response, found.version)
    return _out(found)
