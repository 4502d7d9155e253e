"""The HTTP door of mentors: register, screen, approve, leave; and how to reach them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body, Line
from libs.common.codes.lists import Cefr, Gender
from libs.common.codes.types import Ags, Day, LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from services.matching.consents.model import Purpose
from services.matching.consents.reactions import Given, consent_given
from services.matching.decisions.model import Decided
from services.matching.decisions.reactions import decided
from services.matching.mentors.model import Mentor, MentorState
from services.matching.mentors.queries import trainings_missing_of, without_record_by
from services.matching.mentors.reactions import described, left, record_noted
from services.matching.pauses.queries import whys_of
from services.matching.prerequisites.queries import rules_or_refuse
from services.matching.profiles.queries import contact_changed, contact_out, inside, met, taken_back
from services.matching.profiles.rules import (
    CONSENTED_BESIDES,
    AccompanyingIn,
    Besides,
    ConsentIn,
    ContactIn,
    ContactOut,
    EndingWhyIn,
    LocalAgs,
    RecordIn,
    TakingBackIn,
    TrainingShownIn,
    columns_of,
    refuse_future,
    refuse_outside,
    slots_of,
    today,
)
from services.matching.proposals.queries import lock_unit
from services.matching.self_service.reactions import offered

router = APIRouter(prefix="/mentors", tags=["mentors"])
BEYOND = {"region", "partner_id", "programme_id", "contact", "gender", "capacity", "consented_on", "consent_version",
          "consent_language", "consented_besides"}


class MentorFields(AccompanyingIn):
    """What describes a mentor."""

    gender: Gender = Gender.NOT_STATED
    capacity: int = Field(1, ge=1, le=50, description="Households at a time.")


class MentorIn(MentorFields):
    """A person who wants to accompany somebody, and whether they have consented to be matched."""

    region: LocalAgs = Field(examples=["15087"])
    partner_id: UUID | None = None
    programme_id: UUID
    contact: ContactIn
    consented_on: Day | None = None
    consent_version: int = Field(1, ge=1, le=10_000)
    consent_language: LanguageTag = "de"
    consented_besides: list[Besides] = Field(["checkins"], max_length=3, description=CONSENTED_BESIDES)


class MentorApprovalIn(Body):
    """Why a mentor is approved without a training that the programme asks for; no person's name."""

    why: Line | None = Field(None, examples=["Die Schulung findet erst im Mai wieder statt."])


class MentorOut(BaseModel):
    """A mentor, without name. Of the certificate only that it was seen, and when it has to be seen again."""

    id: UUID
    version: int
    region: str
    partner_id: UUID | None
    programme_id: UUID
    person_ref: UUID
    state: MentorState
    gender: Gender
    capacity: int
    languages: dict[str, Cefr]
    slots: list[str]
    radius_km: int | None
    postcode: str | None
    largest: int
    offers: list[str]
    interests: list[str]
    childcare: bool
    step_free: bool
    available_until: date | None
    consented_on: date | None
    record_seen_on: date | None
    record_certificate_date: date | None
    record_relevant_entry: bool | None
    record_next_due: date | None
    paused_on: date | None = Field(description=(
        "Since when they pause for a reason of their own, held back besides or not; versions before did not keep it."))
    held_back_on: date | None = Field(
        description="Since when they pause for somebody's safety: only the coordinators end that.")
    held_back_by: str | None
    held_back_why: str | None
    resumed_by: str | None
    resumed_why: str | None
    active_since: datetime | None
    trainings_shown: list[TrainingShownIn]
    trainings_missing: list[str] = Field(description=(
        "Trainings that the programme asked for when they were registered, and that they have not attended."))

    @classmethod
    def of(cls, mentor: Mentor, why: Mapping[str, str | None], missing: Sequence[str]) -> "MentorOut":
        """The answer's form of a mentor, with the reason that was opened and the trainings that are missing."""
        return cls(**mentor.model_dump() | {"slots": slots_of(mentor.slots), "trainings_missing": missing, **why})


@router.post("", status_code=201)
async def register_mentor(body: MentorIn, transaction: Transaction, once: Creation, response: Response) -> MentorOut:
    """The coordinator enters a person who wants to accompany somebody."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, Mentor, once.id), response)
    refuse_outside(transaction.caller.scope, body.region, body.partner_id)
    day = today(transaction.clock.now())
    await rules_or_refuse(transaction, body.programme_id, day)
    if body.consented_on:
        refuse_future(body.consented_on, transaction.clock.now(), "consented_on")
    person_ref = await met(transaction, body.contact, region=body.region, partner_id=body.partner_id)
    mentor = Mentor(
        id=once.id, region=body.region, partner_id=body.partner_id, programme_id=body.programme_id,
        person_ref=person_ref, gender=body.gender, capacity=body.capacity, registered_on=day,
        consented_on=body.consented_on, consent_version=body.consent_version if body.consented_on else None)
    transaction.add(mentor)
    await described(transaction, mentor, columns_of(body, without=BEYOND))
    if body.consented_on:
        what = Given(_purposes(body.consented_besides), body.consented_on, body.consent_version, body.consent_language)
        await consent_given(transaction, person_ref, what, region=mentor.region, partner_id=mentor.partner_id)
    return await told(transaction, mentor, response)


@router.get("")
async def list_mentors(
    transaction: Transaction, paging: PageOf, region: Ags | None = None, programme_id: UUID | None = None,
    state: MentorState | None = None,
    record_due_by: Annotated[date | None, Query(
        description="Who has to show a certificate again by then, or was vetted and has none that is noted.")] = None,
    only_held_back: Annotated[bool, Query(alias="held_back", description="Who pauses for somebody's safety.")] = False,  # noqa: FBT002
) -> Page[MentorOut]:
    """The mentors inside the caller's scope, oldest first, without names."""
    query = select(Mentor).where(inside(Mentor, transaction.caller.scope))
    for given, condition in (
        (region, col(Mentor.region).startswith(region or "")), (state, col(Mentor.state) == state),
        (programme_id, col(Mentor.programme_id) == programme_id),
        (record_due_by, without_record_by(record_due_by or date.max)),
        (only_held_back or None, col(Mentor.held_back_on).is_not(None)),
    ):
        query = query.where(condition) if given is not None else query
    rows, following = await page(transaction, query, paging, col(Mentor.id))
    whys, missing = await whys_of(transaction, rows), await trainings_missing_of(transaction, rows)
    return Page(items=[MentorOut.of(row, whys[row.id], missing[row.id]) for row in rows], next=following)


@router.get("/{mentor_id}")
async def read_mentor(mentor_id: UUID, transaction: Transaction, response: Response) -> MentorOut:
    """One mentor, without name. Reading it is noted in the audit."""
    mentor = await get_or_refuse(transaction, Mentor, mentor_id)
    await audited(transaction, "read", f"mentor/{mentor.id}", mentor.person_ref)
    return await _shown(transaction, mentor, response)


@router.get("/{mentor_id}/contact")
async def read_mentor_contact(mentor_id: UUID, transaction: Transaction, response: Response) -> ContactOut:
    """Who the mentor is and how to reach them. Reading it is noted in the audit."""
    mentor = await get_or_refuse(transaction, Mentor, mentor_id)
    tag(response, mentor.version)
    return await contact_out(transaction, mentor.person_ref, f"mentor/{mentor.id}")


@router.put("/{mentor_id}")
async def change_mentor(
    mentor_id: UUID, body: MentorFields, transaction: Transaction, expected: Expected, response: Response,
) -> MentorOut:
    """What the mentor says of themselves has changed; the capacity is never below the places that are taken.

    Their proposals and tandems are looked at again: what no longer fits is dismissed, or noted as an obstacle.
    """
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    values = columns_of(body, without=BEYOND) | {"gender": body.gender}
    await described(transaction, mentor, values, capacity=body.capacity)
    return await told(transaction, mentor, response)


@router.put("/{mentor_id}/contact")
async def change_mentor_contact(
    mentor_id: UUID, body: ContactIn, transaction: Transaction, expected: Expected, response: Response,
) -> ContactOut:
    """The mentor's name or addresses have changed."""
    mentor = await get_or_refuse(transaction, Mentor, mentor_id, version=expected, lock=True)
    await contact_changed(transaction, mentor, body)
    tag(response, mentor.version)
    return await contact_out(transaction, mentor.person_ref, f"mentor/{mentor.id}")


@router.post("/{mentor_id}/screen")
async def screen_mentor(mentor_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> MentorOut:
    """The coordinator begins the screening: a first talk, and a look at the papers."""
    mentor = await get_or_refuse(transaction, Mentor, mentor_id, version=expected, lock=True)
    mentor.begin_screening()
    return await told(transaction, mentor, response)


@router.post("/{mentor_id}/record")
async def note_record(
    mentor_id: UUID, body: RecordIn, transaction: Transaction, expected: Expected, response: Response,
) -> MentorOut:
    """The coordinator has seen a criminal-record certificate (section 72a SGB VIII); only that is noted."""
    refuse_future(body.seen_on, transaction.clock.now(), "seen_on")
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    mentor.note_record(**body.model_dump())
    await record_noted(transaction, mentor)
    return await told(transaction, mentor, response)


@router.post("/{mentor_id}/record/withdraw")
async def withdraw_record(
    mentor_id: UUID, body: TakingBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> MentorOut:
    """The certificate was noted as seen by mistake, or counts no longer; nothing of it is kept."""
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    mentor.withdraw_record()
    await taken_back(transaction, f"mentor/{mentor.id}/record", body.reason, mentor.person_ref)
    await record_noted(transaction, mentor)
    return await told(transaction, mentor, response)


@router.post("/{mentor_id}/approve")
async def approve_mentor(
    mentor_id: UUID, transaction: Transaction, expected: Expected, response: Response,
    body: MentorApprovalIn | None = None,
) -> MentorOut:
    """The screening went well; from now on runs propose the mentor, who gets a link to their own data.

    With `why` also without a training that the programme asked for on the day on which the mentor was registered.
    """
    mentor = await get_or_refuse(transaction, Mentor, mentor_id, version=expected, lock=True)
    missing = await trainings_missing_of(transaction, [mentor])
    why = body.why if body else None
    mentor.approve(today(transaction.clock.now()), trainings_missing=missing[mentor.id], why=why)
    await decided(transaction, mentor, Decided.APPROVED, why=why)
    offered(transaction, mentor)
    return await told(transaction, mentor, response)


@router.post("/{mentor_id}/consent")
async def note_mentor_consent(
    mentor_id: UUID, body: ConsentIn, transaction: Transaction, expected: Expected, response: Response,
) -> MentorOut:
    """The mentor has consented to be matched, in this version of the text, and to what else it asks for."""
    refuse_future(body.given_on, transaction.clock.now(), "given_on")
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    mentor.consent(body.given_on, body.text_version)
    what = Given(_purposes(body.besides), body.given_on, body.text_version, body.language)
    await consent_given(transaction, mentor.person_ref, what, region=mentor.region, partner_id=mentor.partner_id)
    return await told(transaction, mentor, response)


@router.post("/{mentor_id}/leave")
async def leave_mentor(
    mentor_id: UUID, transaction: Transaction, expected: Expected, response: Response, body: EndingWhyIn | None = None,
) -> MentorOut:
    """The mentor stops for good, or is not taken; the note of a certificate goes at once, or three months later."""
    mentor = await lock_unit(transaction, Mentor, mentor_id, version=expected)
    await left(transaction, mentor)
    await decided(transaction, mentor, Decided.LEFT, why=body.why if body else None)
    return await told(transaction, mentor, response)


def _purposes(besides: Iterable[str]) -> tuple[Purpose, ...]:
    return Purpose.MATCHING, *map(Purpose, besides)


async def told(transaction: OpenTransaction, mentor: Mentor, response: Response) -> MentorOut:
    """A mentor who was changed is audited, and answered as they are now."""
    await audited(transaction, "change", f"mentor/{mentor.id}", mentor.person_ref)
    await transaction.flush()
    return await _shown(transaction, mentor, response)


async def _shown(transaction: OpenTransaction, mentor: Mentor, response: Response) -> MentorOut:
    tag(response, mentor.version)
    whys, missing = await whys_of(transaction, [mentor]), await trainings_missing_of(transaction, [mentor])
    return MentorOut.of(mentor, whys[mentor.id], missing[mentor.id])
