"""The HTTP door of members: who joins a group, who its main contacts are, who leaves."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from libs.common.bodies import Body
from libs.common.codes.lists import Gender
from libs.common.codes.types import Day, LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Transaction, tag
from libs.common.persons import PersonDetails, details_of
from services.matching.consents.model import Purpose
from services.matching.consents.reactions import Given, consent_given
from services.matching.decisions.model import Decided
from services.matching.decisions.reactions import decided
from services.matching.members.model import Member
from services.matching.members.reactions import (
    group_to_change,
    left_group,
    members_changed,
    record_noted,
    training_noted,
)
from services.matching.mentor_groups.model import MentorGroup
from services.matching.prerequisites.queries import contact_refs
from services.matching.profiles.queries import contact_changed, met, taken_back
from services.matching.profiles.rules import (
    CONSENTED_BESIDES,
    Besides,
    ContactIn,
    EndingWhyIn,
    RecordIn,
    TakingBackIn,
    TakingTrainingBackIn,
    TrainingShownIn,
    refuse_future,
    today,
)
from services.matching.self_service.reactions import offered

router = APIRouter(prefix="/members", tags=["members"])


class PersonIn(Body):
    """A person who belongs to a group, and consented that their data are kept for it."""

    contact: ContactIn
    gender: Gender = Gender.NOT_STATED
    is_main_contact: bool = Field(default=False, description="Whom the household turns to first; gets the invitations.")
    consented_on: Day
    consent_version: int = Field(1, ge=1, le=10_000)
    consent_language: LanguageTag = "de"
    consented_besides: list[Besides] = Field(["checkins"], max_length=3, description=CONSENTED_BESIDES)


class MemberIn(PersonIn):
    """A person who joins a group."""

    mentor_group_id: UUID


class MemberChange(Body):
    """What has changed: who they are, or whether they are a main contact."""

    contact: ContactIn
    gender: Gender = Gender.NOT_STATED
    is_main_contact: bool = False


class MemberOut(BaseModel):
    """A member; name and addresses are missing once the person has been erased.

    Of a criminal-record certificate only that it was seen, and when it has to be seen again.
    """

    id: UUID
    version: int
    mentor_group_id: UUID
    person_ref: UUID
    name: str | None
    email: str | None
    phone: str | None
    gender: Gender
    is_main_contact: bool
    joined_on: date
    left_on: date | None
    record_seen_on: date | None
    record_certificate_date: date | None
    record_relevant_entry: bool | None
    record_next_due: date | None
    trainings_shown: list[TrainingShownIn]


@router.post("", status_code=201)
async def add_member(body: MemberIn, transaction: Transaction, once: Creation, response: Response) -> MemberOut:
    """The coordinator adds a person to a group; what the checklist asks of members is checked again."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, Member, once.id), response)
    group = await group_to_change(transaction, body.mentor_group_id)
    before = await contact_refs(transaction, group.id)
    member = await join(transaction, group, body, member_id=once.id)
    await members_changed(transaction, group, before)
    return await _shown(transaction, member, response)


@router.get("")
async def list_members(mentor_group_id: UUID, transaction: Transaction) -> list[MemberOut]:
    """Who belongs to a group or did, with names. Reading it is noted in the audit."""
    group = await get_or_refuse(transaction, MentorGroup, mentor_group_id)
    members = (await transaction.scalars(select(Member).where(
        Member.mentor_group_id == group.id).order_by(col(Member.id)))).all()
    found = await details_of(transaction, [one.person_ref for one in members], about=f"mentor_group/{group.id}")
    return [_out(member, found.get(member.person_ref)) for member in members]


@router.put("/{member_id}")
async def change_member(
    member_id: UUID, body: MemberChange, transaction: Transaction, expected: Expected, response: Response,
) -> MemberOut:
    """The coordinator corrects who a member is, or makes them a main contact."""
    member, group = await _locked(transaction, member_id, expected)
    before = await contact_refs(transaction, group.id)
    member.gender, member.is_main_contact = body.gender, body.is_main_contact
    await contact_changed(transaction, member, body.contact)
    await members_changed(transaction, group, before)
    return await _shown(transaction, member, response)


@router.post("/{member_id}/record")
async def note_member_record(
    member_id: UUID, body: RecordIn, transaction: Transaction, expected: Expected, response: Response,
) -> MemberOut:
    """The coordinator has seen a member's criminal-record certificate (section 72a SGB VIII); only that is noted."""
    refuse_future(body.seen_on, transaction.clock.now(), "seen_on")
    member, group = await _locked(transaction, member_id, expected)
    member.note_record(**body.model_dump())
    await record_noted(transaction, member, group)
    return await _shown(transaction, member, response)


@router.post("/{member_id}/record/withdraw")
async def withdraw_member_record(
    member_id: UUID, body: TakingBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> MemberOut:
    """A member's certificate was noted as seen by mistake, or counts no longer; nothing of it is kept."""
    member, group = await _locked(transaction, member_id, expected)
    member.withdraw_record()
    await taken_back(transaction, f"mentor_group/{group.id}/record", body.reason, member.person_ref)
    await record_noted(transaction, member, group)
    return await _shown(transaction, member, response)


@router.post("/{member_id}/trainings")
async def note_training_shown(
    member_id: UUID, body: TrainingShownIn, transaction: Transaction, expected: Expected, response: Response,
) -> MemberOut:
    """The coordinator has seen that a member was trained elsewhere; the certificate's code is the evidence.

    It stands with the member alone; the checklist refers to them.
    """
    refuse_future(body.attended_on, transaction.clock.now(), "attended_on")
    member, group = await _locked(transaction, member_id, expected)
    member.note_training(**body.model_dump())
    await training_noted(transaction, member, group)
    return await _shown(transaction, member, response)


@router.post("/{member_id}/trainings/withdraw")
async def withdraw_training_shown(
    member_id: UUID, body: TakingTrainingBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> MemberOut:
    """A training that a member had shown counts no longer; what the events service recorded stays as it is."""
    member, group = await _locked(transaction, member_id, expected)
    member.withdraw_training(body.training_code)
    about = f"mentor_group/{group.id}/training/{body.training_code}"
    await taken_back(transaction, about, body.reason, member.person_ref)
    await training_noted(transaction, member, group)
    return await _shown(transaction, member, response)


@router.post("/{member_id}/leave")
async def leave_group(
    member_id: UUID, transaction: Transaction, expected: Expected, response: Response, body: EndingWhyIn | None = None,
) -> MemberOut:
    """A member leaves; what the checklist asks of members is checked again. With the last one the group ends."""
    member, group = await _locked(transaction, member_id, expected)
    await decided(transaction, group, Decided.LEFT, subject=f"member/{member.id}", why=body.why if body else None)
    await left_group(transaction, member, group)
    return await _shown(transaction, member, response)


async def join(
    transaction: OpenTransaction, group: MentorGroup, body: PersonIn, *, member_id: UUID | None = None,
) -> Member:
    """Meet a person and make them a member of the locked group; they get the link to their own data."""
    refuse_future(body.consented_on, transaction.clock.now(), "consented_on")
    person_ref = await met(transaction, body.contact, region=group.region, partner_id=group.partner_id)
    member = Member(id=member_id or uuid7(), mentor_group_id=group.id, region=group.region, person_ref=person_ref,
                    gender=body.gender, is_main_contact=body.is_main_contact, consented_on=body.consented_on,
                    joined_on=today(transaction.clock.now()))
    transaction.add(member)
    purposes = (Purpose.MATCHING, *map(Purpose, body.consented_besides))
    what = Given(purposes, body.consented_on, body.consent_version, body.consent_language)
    await consent_given(transaction, person_ref, what, region=group.region, partner_id=group.partner_id)
    offered(transaction, member)
    return member


async def _locked(transaction: OpenTransaction, member_id: UUID, expected: int) -> tuple[Member, MentorGroup]:
    """The member and their group, the group locked first, as everything that checks it does."""
    member = await get_or_refuse(transaction, Member, member_id)
    group = await group_to_change(transaction, member.mentor_group_id)
    return await get_or_refuse(transaction, Member, member_id, version=expected, lock=True), group


async def _shown(transaction: OpenTransaction, member: Member, response: Response) -> MemberOut:
    await transaction.flush()
    found = await details_of(transaction, [member.person_ref], about=f"mentor_group/{member.mentor_group_id}")
    tag(response, member.version)
    return _out(member, found.get(member.person_ref))


def _out(member: Member, details: PersonDetails | None) -> MemberOut:
    known = details.model_dump() if details else {"name": None, "email": None, "phone": None}
    return MemberOut(**member.model_dump(), **known)
