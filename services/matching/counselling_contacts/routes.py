"""The HTTP door of counselling contacts: entering one takes one request, also when its case is new."""

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, model_validator
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body, Paragraph
from libs.common.clock import day_of
from libs.common.codes.lists import CounsellingMode, CounsellingResult, CounsellingTopic
from libs.common.codes.types import Day
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import CounsellingCorrected, CounsellingFact, CounsellingRecorded
from libs.common.outbox import announce
from libs.common.privacy import seal, unseal
from services.matching.counselling_cases.model import DISTRICT_DIGITS, CounsellingCase
from services.matching.counselling_cases.queries import case_to_change, opened
from services.matching.counselling_cases.reactions import plan_deletion
from services.matching.counselling_cases.rules import CaseIn
from services.matching.counselling_contacts.model import LONGEST_MINUTES, SEALED_NOTE, CounsellingContact, Mistaken
from services.matching.counselling_contacts.queries import begin_anew, locked_with_cases, resealed
from services.matching.households.model import Note
from services.matching.profiles.queries import inside
from services.matching.profiles.rules import refuse_future, today

router = APIRouter(prefix="/counselling_contacts", tags=["counselling_contacts"])


Minutes = Annotated[int, Field(ge=1, le=LONGEST_MINUTES, examples=[45])]
Topics = Annotated[list[CounsellingTopic], Field(
    min_length=1, max_length=15, examples=[["jobcentre_benefits", "housing"]])]
Results = Annotated[list[CounsellingResult], Field(max_length=10, examples=[["form_completed"]])]


class ContactCorrectionIn(Body):
    """What was wrong about a contact; whatever is left out stays as it is."""

    held_on: Day | None = Field(None, description="Unchanged unless given.")
    minutes: Minutes | None = Field(None, description="Unchanged unless given.")
    mode: CounsellingMode | None = Field(None, description="Unchanged unless given.")
    topics: Topics | None = Field(
        None, description="Unchanged unless given.", examples=[["jobcentre_benefits", "housing"]])
    results: Results | None = Field(None, description="Unchanged when left out; an empty list, or null, deletes them.")
    held_by: UUID | None = Field(None, description="The principal who counselled; unchanged unless given.")
    note: Paragraph | None = Field(None, description="Sealed. Unchanged when left out; null deletes it.")


class ContactNotedIn(Body):
    """A contact of an open case, or of a new one that is opened with it: what is counted, and a note that is not."""

    held_on: Day | None = Field(None, description="Today unless given.")
    minutes: Minutes
    mode: CounsellingMode = CounsellingMode.IN_PERSON
    topics: Topics
    results: Results = Field(default=[])
    held_by: UUID | None = Field(None, description="The principal who counselled; the caller unless named.")
    note: Paragraph | None = Field(None, description="Sealed; never part of a fact, a figure or an export.")
    counselling_case_id: UUID | None = None
    case: CaseIn | None = Field(None, description="Instead of an id: the case to be opened.")

    @model_validator(mode="after")
    def _one_case(self) -> Self:
        if (self.counselling_case_id is None) == (self.case is None):
            raise ValueError("either the id of a case or a new case")
        return self


class ContactStrikingIn(Body):
    """Why a contact should not have been entered."""

    reason: Mistaken


class ContactMovingIn(ContactStrikingIn):
    """To which case a contact belongs, and why it was entered elsewhere."""

    counselling_case_id: UUID
    reason: Mistaken = Mistaken.WRONG_PERSON


class CounsellingContactOut(BaseModel):
    """A contact in a list: codes, and no note. struck_at: it counts no longer; mistaken: why, or why it was moved."""

    id: UUID
    version: int
    counselling_case_id: UUID
    region: str
    held_on: date
    minutes: int
    mode: CounsellingMode
    topics: list[CounsellingTopic]
    results: list[CounsellingResult]
    held_by: str
    recorded_at: datetime
    mistaken: Mistaken | None
    struck_at: datetime | None

    @classmethod
    def of(cls, contact: CounsellingContact) -> "CounsellingContactOut":
        """The answer's form of a contact in a list."""
        return cls.model_validate(contact, from_attributes=True)


class CounsellingContactDetail(CounsellingContactOut):
    """A contact with its note; None also once it was deleted."""

    note: str | None


@router.post("", status_code=201)
async def record_counselling_contact(
    body: ContactNotedIn, transaction: Transaction, once: Creation, response: Response,
) -> CounsellingContactDetail:
    """Somebody was counselled. With a new case instead of an id the case is opened by the same request."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, CounsellingContact, once.id), response)
    now = transaction.clock.now()
    held_on = body.held_on or today(now)
    refuse_future(held_on, now, "held_on")
    case = await _case(transaction, body)
    contact = CounsellingContact(
        id=once.id, counselling_case_id=case.id, region=case.region, partner_id=case.partner_id, held_on=held_on,
        held_by=transaction.caller.principal, recorded_by=transaction.caller.principal, recorded_at=now)
    await _describe(transaction, contact, case, body)
    transaction.add(contact)
    await begin_anew(transaction, case)
    return await _told(transaction, contact, case, CounsellingRecorded, response)


@router.get("")
async def list_counselling_contacts(
    transaction: Transaction, paging: PageOf, counselling_case_id: UUID | None = None, held_by: UUID | None = None,
) -> Page[CounsellingContactOut]:
    """The contacts inside the caller's scope in the order in which they were entered; notes are read one by one."""
    query = select(CounsellingContact).where(inside(CounsellingContact, transaction.caller.scope))
    for given, condition in (
        (counselling_case_id, CounsellingContact.counselling_case_id == counselling_case_id),
        (held_by, CounsellingContact.held_by == str(held_by)),
    ):
        query = query.where(condition) if given is not None else query
    rows, following = await page(transaction, query, paging, col(CounsellingContact.id))
    return Page(items=[CounsellingContactOut.of(row) for row in rows], next=following)


@router.get("/{counselling_contact_id}")
async def read_counselling_contact(
    counselling_contact_id: UUID, transaction: Transaction, response: Response,
) -> CounsellingContactDetail:
    """One contact with its note. Reading it is noted in the audit."""
    return await _shown(
        transaction, await get_or_refuse(transaction, CounsellingContact, counselling_contact_id), response)


@router.put("/{counselling_contact_id}")
async def correct_counselling_contact(
    counselling_contact_id: UUID, body: ContactCorrectionIn, transaction: Transaction, expected: Expected,
    response: Response,
) -> CounsellingContactDetail:
    """What was entered of a contact was wrong, whether its case is open or closed; what is right is told anew.

    Whatever is left out stays as it is: the note goes only with null, and the results with an empty list.
    """
    refuse_future(body.held_on or date.min, transaction.clock.now(), "held_on")
    contact, case, _ = await locked_with_cases(transaction, counselling_contact_id, version=expected)
    contact.refuse_struck()
    contact.held_on = body.held_on or contact.held_on
    case.refuse_after_closing(contact.held_on)
    await _describe(transaction, contact, case, body)
    await begin_anew(transaction, case)
    if not case.is_open:
        await plan_deletion(transaction, case)
    return await _told(transaction, contact, case, CounsellingCorrected, response)


@router.post("/{counselling_contact_id}/move")
async def move_counselling_contact(
    counselling_contact_id: UUID, body: ContactMovingIn, transaction: Transaction, expected: Expected,
    response: Response,
) -> CounsellingContactDetail:
    """It was entered at the wrong case and belongs to another open one of the same partner; its note goes along."""
    contact, former, case = await locked_with_cases(
        transaction, counselling_contact_id, version=expected, other=body.counselling_case_id)
    contact.move_to(case, body.reason)
    contact.note = await resealed(transaction, contact, former.person_ref, case.person_ref)
    for one in (former, case):
        await begin_anew(transaction, one)
    await audited(transaction, "change", f"counselling_contact/{contact.id}", former.person_ref)
    return await _told(transaction, contact, case, CounsellingCorrected, response)


@router.post("/{counselling_contact_id}/strike")
async def strike_counselling_contact(
    counselling_contact_id: UUID, body: ContactStrikingIn, transaction: Transaction, expected: Expected,
    response: Response,
) -> CounsellingContactDetail:
    """It should not have been entered: it is counted no longer, its note is erased, and a fact says so."""
    contact, case, _ = await locked_with_cases(transaction, counselling_contact_id, version=expected)
    contact.strike(body.reason, transaction.clock.now())
    await begin_anew(transaction, case)
    return await _told(transaction, contact, case, CounsellingCorrected, response)


async def _case(transaction: OpenTransaction, body: ContactNotedIn) -> CounsellingCase:
    """The case that the contact belongs to, opened now when it is new."""
    if body.counselling_case_id is not None:
        return await case_to_change(transaction, body.counselling_case_id)
    assert body.case is not None  # noqa: S101 - the body says so
    return await opened(transaction, body.case)


async def _describe(
    transaction: OpenTransaction, contact: CounsellingContact, case: CounsellingCase,
    body: ContactNotedIn | ContactCorrectionIn,
) -> None:
    """Take over what is said of a contact; results and note also when nothing is said in their place."""
    contact.minutes, contact.mode = body.minutes or contact.minutes, body.mode or contact.mode
    contact.topics = sorted(set(body.topics or contact.topics))
    contact.held_by = str(body.held_by or contact.held_by)
    if "results" in body.model_fields_set:
        contact.results = sorted(set(body.results or []))
    if "note" in body.model_fields_set:
        contact.note = None if body.note is None else await seal(
            transaction, case.person_ref, SEALED_NOTE, Note(text=body.note))


async def _told(
    transaction: OpenTransaction, contact: CounsellingContact, case: CounsellingCase, kind: type[CounsellingFact],
    response: Response,
) -> CounsellingContactDetail:
    """Tell of the contact by codes; the district is as exactly as anybody needs to know where. Of one struck: none."""
    await transaction.flush()
    struck: dict[str, Any] = {"struck": True} if contact.struck_at else {}
    announce(transaction, kind(
        contact_id=contact.id, topics=() if struck else tuple(CounsellingTopic(topic) for topic in contact.topics),
        results=() if struck else tuple(CounsellingResult(result) for result in contact.results),
        region=contact.region[:DISTRICT_DIGITS], month=contact.held_on.strftime("%Y-%m"),
        partner_id=contact.partner_id, minutes=None if struck else contact.minutes,
        recorded_on=day_of(contact.recorded_at), **struck))
    await audited(transaction, "change", f"counselling_contact/{contact.id}", case.person_ref)
    return await _shown(transaction, contact, response)


async def _shown(
    transaction: OpenTransaction, contact: CounsellingContact, response: Response,
) -> CounsellingContactDetail:
    case = await transaction.get_one(CounsellingCase, contact.counselling_case_id)
    note = await unseal(transaction, case.person_ref, SEALED_NOTE, contact.note, Note)
    await audited(transaction, "read", f"counselling_contact/{contact.id}", case.person_ref)
    tag(response, contact.version)
    return CounsellingContactDetail(**contact.model_dump() | {"note": note.text if note else None})
