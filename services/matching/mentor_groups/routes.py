"""The HTTP door of mentor groups: interest, members, home and documents, and each step on the way."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body, Line
from libs.common.codes.lists import Cefr
from libs.common.codes.types import Ags, Code, Day
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import MentorGroupInterestRegistered
from libs.common.outbox import announce
from services.matching.consents.queries import refuse_application
from services.matching.members.routes import PersonIn, join
from services.matching.mentor_groups.model import GroupState, MentorGroup
from services.matching.mentor_groups.reactions import await_end_of_offer
from services.matching.obstacles.reactions import check, look_again
from services.matching.prerequisites.queries import contact_refs, rules_or_refuse, with_record_due
from services.matching.prerequisites.reactions import group_ended, recheck
from services.matching.profiles.queries import inside
from services.matching.profiles.rules import (
    AccompanyingIn,
    LocalAgs,
    columns_of,
    refuse_future,
    refuse_outside,
    slots_of,
    today,
)
from services.matching.proposals.queries import has_open_invitation, lock_unit
from services.matching.proposals.reactions import let_go

router = APIRouter(prefix="/mentor_groups", tags=["mentor_groups"])
BEYOND = {"region", "partner_id", "programme_id", "label", "members"}


class GroupFields(AccompanyingIn):
    """What describes a group."""

    label: Line = Field(description="What to call the group; no person's name.", examples=["Gruppe Kupferkreis"])
    largest: int = Field(12, ge=1, le=30, description="Persons in the largest household they can take in.")


class GroupIn(GroupFields):
    """A group that wants to accompany a household, with those of its members who are known."""

    region: LocalAgs = Field(examples=["15087"])
    partner_id: UUID | None = None
    programme_id: UUID
    members: list[PersonIn] = Field(default=[], max_length=20)


class HousingIn(Body):
    """What a landlord offers: a home, for how many persons, its rent, for how many months that is secured, and when."""

    rooms: int = Field(ge=1, le=30)
    square_metres: int | None = Field(None, ge=5, le=2_000)
    max_persons: int = Field(ge=1, le=30)
    barrier_free: bool = False
    net_cold_rent: int = Field(ge=0, le=1_000_000, description="In cents a month.", examples=[58000])
    secured_months: int = Field(ge=0, le=120, examples=[12])
    rent_limit_ok: bool | None = Field(None, description=(
        "Whether the rent is within what the authority pays later; with a rent above it none counts as secured."))
    available_from: Day = Field(description="From when one can move in; a day that has passed: at once.")
    offered_until: Day | None = Field(None, description=(
        "Until when the landlord keeps it free for the group; without a tandem by then it no longer counts."))


class DocumentIn(Body):
    """Which document was seen, and when; the document itself is not taken."""

    document: Code = Field(examples=["support_plan"])
    seen_on: Day


class ReasonIn(Body):
    """Why; no person's name."""

    reason: Line = Field(examples=["Die Gruppe macht nächstes Jahr einen neuen Anlauf."])


class GroupOut(BaseModel):
    """A mentor group, without names; members are listed by themselves."""

    id: UUID
    version: int
    region: str
    partner_id: UUID | None
    programme_id: UUID
    label: str
    state: GroupState
    interested_on: date
    ready_at: datetime | None
    languages: dict[str, Cefr]
    slots: list[str]
    radius_km: int | None
    postcode: str | None
    largest: int
    offers: list[str]
    interests: list[str]
    childcare: bool
    step_free: bool
    housing: dict[str, Any] | None
    housing_lapsed_on: date | None
    documents_seen: list[dict[str, Any]]
    end_reason: str | None

    @classmethod
    def of(cls, group: MentorGroup) -> "GroupOut":
        """The answer's form of a group."""
        return cls(**group.model_dump() | {"slots": slots_of(group.slots)})


@router.post("", status_code=201)
async def register_interest(body: GroupIn, transaction: Transaction, once: Creation, response: Response) -> GroupOut:
    """The coordinator enters a group that wants to accompany a household; its checklist is that of this day."""
    if once.repeated:
        return _shown(await get_or_refuse(transaction, MentorGroup, once.id), response)
    refuse_outside(transaction.caller.scope, body.region, body.partner_id)
    day = today(transaction.clock.now())
    await rules_or_refuse(transaction, body.programme_id, day)
    group = MentorGroup(id=once.id, region=body.region, partner_id=body.partner_id, programme_id=body.programme_id,
                        label=body.label, interested_on=day)
    group.describe(columns_of(body, without=BEYOND))
    transaction.add(group)
    await transaction.flush()
    for member in body.members:
        await join(transaction, group, member)
    announce(transaction, MentorGroupInterestRegistered(
        mentor_group_id=group.id, programme_id=group.programme_id, region=group.region,
        contact_refs=await contact_refs(transaction, group.id)))
    await recheck(transaction, group)
    return await _told(transaction, group, response)


@router.get("")
async def list_mentor_groups(
    transaction: Transaction, paging: PageOf, region: Ags | None = None, programme_id: UUID | None = None,
    state: GroupState | None = None,
    record_due_by: Annotated[date | None, Query(
        description="Those of which a member has to show a certificate again by then.")] = None,
) -> Page[GroupOut]:
    """The groups inside the caller's scope, oldest first."""
    query = select(MentorGroup).where(inside(MentorGroup, transaction.caller.scope))
    for given, condition in (
        (region, col(MentorGroup.region).startswith(region or "")), (state, col(MentorGroup.state) == state),
        (programme_id, col(MentorGroup.programme_id) == programme_id),
        (record_due_by, with_record_due(record_due_by or date.max)),
    ):
        query = query.where(condition) if given is not None else query
    rows, following = await page(transaction, query, paging, col(MentorGroup.id))
    return Page(items=[GroupOut.of(row) for row in rows], next=following)


@router.get("/{mentor_group_id}")
async def read_mentor_group(mentor_group_id: UUID, transaction: Transaction, response: Response) -> GroupOut:
    """One group."""
    return _shown(await get_or_refuse(transaction, MentorGroup, mentor_group_id), response)


@router.put("/{mentor_group_id}")
async def change_mentor_group(
    mentor_group_id: UUID, body: GroupFields, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """What the group says of itself has changed; its proposal or tandem is looked at again."""
    group = await _group(transaction, mentor_group_id, expected)
    group.label = body.label
    group.describe(columns_of(body, without=BEYOND))
    await look_again(transaction, group)
    return await _told(transaction, group, response)


@router.put("/{mentor_group_id}/housing")
async def set_housing(
    mentor_group_id: UUID, body: HousingIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The home that the group has found, or another in its place, and for how many months its rent is secured."""
    group = await _group(transaction, mentor_group_id, expected)
    group.hold_home(body.model_dump(mode="json"), today(transaction.clock.now()))
    await await_end_of_offer(transaction, group)
    await check(transaction, group)
    return await _told(transaction, group, response)


@router.post("/{mentor_group_id}/documents")
async def note_document(
    mentor_group_id: UUID, body: DocumentIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The coordinator has seen a document that the rule set asks for."""
    refuse_future(body.seen_on, transaction.clock.now(), "seen_on")
    group = await _group(transaction, mentor_group_id, expected)
    group.note_document(body.document, body.seen_on, transaction.caller.principal)
    await check(transaction, group)
    return await _told(transaction, group, response)


@router.post("/{mentor_group_id}/form")
async def form_mentor_group(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The first talk was held; the group looks for its members."""
    group = await _group(transaction, mentor_group_id, expected)
    group.form()
    return await _told(transaction, group, response)


@router.post("/{mentor_group_id}/prepare")
async def prepare_mentor_group(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The group works through its checklist; from here it becomes ready by itself once nothing on it is open."""
    group = await _group(transaction, mentor_group_id, expected)
    group.prepare()
    await recheck(transaction, group)
    return await _told(transaction, group, response)


@router.post("/{mentor_group_id}/apply")
async def apply_mentor_group(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The group has applied to the authority; only in programmes in which an authority chooses."""
    group = await _group(transaction, mentor_group_id, expected)
    rules = await rules_or_refuse(transaction, group.programme_id, group.interested_on)
    await refuse_application(transaction, group)
    group.apply(authority_chooses=rules.authority_chooses)
    return await _told(transaction, group, response)


@router.post("/{mentor_group_id}/list")
async def list_for_placement(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The authority has put the group on its placement list; only in programmes in which an authority chooses."""
    group = await _group(transaction, mentor_group_id, expected)
    rules = await rules_or_refuse(transaction, group.programme_id, group.interested_on)
    await refuse_application(transaction, group)
    group.list_for_placement(authority_chooses=rules.authority_chooses)
    return await _told(transaction, group, response)


@router.post("/{mentor_group_id}/reject")
async def reject_mentor_group(
    mentor_group_id: UUID, body: ReasonIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The network does not take the group; its proposals that nobody was invited to are dismissed."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    invited = await has_open_invitation(transaction, group)
    group.reject(body.reason, transaction.clock.now(), invited=invited)
    await group_ended(transaction, group)
    await let_go(transaction, group)
    return await _told(transaction, group, response)


@router.post("/{mentor_group_id}/withdraw")
async def withdraw_mentor_group(
    mentor_group_id: UUID, body: ReasonIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The group does not go on; its proposals that nobody was invited to are dismissed."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    invited = await has_open_invitation(transaction, group)
    group.withdraw(body.reason, transaction.clock.now(), invited=invited)
    await group_ended(transaction, group)
    await let_go(transaction, group)
    return await _told(transaction, group, response)


async def _group(transaction: OpenTransaction, mentor_group_id: UUID, expected: int) -> MentorGroup:
    """The group, locked with whom it is brought together with, unless it has ended."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    group.refuse_ended()
    return group


async def _told(transaction: OpenTransaction, group: MentorGroup, response: Response) -> GroupOut:
    await audited(transaction, "change", f"mentor_group/{group.id}")
    await transaction.flush()
    return _shown(group, response)


def _shown(group: MentorGroup, response: Response) -> GroupOut:
    tag(response, group.version)
    return GroupOut.of(group)
