"""The HTTP door of mentor groups: interest, members, home and documents, and each step on the way."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.codes.types import Ags
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import MentorGroupInterestRegistered
from libs.common.outbox import announce
from services.matching.consents.queries import refuse_application
from services.matching.decisions.model import Decided
from services.matching.decisions.reactions import decided
from services.matching.members.routes import PersonIn, join
from services.matching.mentor_groups.model import GroupState, MentorGroup
from services.matching.mentor_groups.reactions import await_end_of_offer
from services.matching.mentor_groups.rules import (
    DocumentIn,
    GroupFields,
    GroupOut,
    HousingIn,
    ReasonIn,
    TakingDocumentBackIn,
)
from services.matching.obstacles.reactions import check, unit_described
from services.matching.pauses.queries import whys_of
from services.matching.prerequisites.queries import contact_refs, no_longer_prepared, rules_or_refuse, with_record_due
from services.matching.prerequisites.reactions import group_ended, recheck
from services.matching.profiles.queries import inside, taken_back
from services.matching.profiles.rules import (
    LocalAgs,
    TakingBackIn,
    columns_of,
    refuse_future,
    refuse_outside,
    today,
)
from services.matching.proposals.queries import awaited_of, lock_unit
from services.matching.proposals.reactions import let_go

router = APIRouter(prefix="/mentor_groups", tags=["mentor_groups"])
BEYOND = {"region", "partner_id", "programme_id", "label", "members"}


class GroupIn(GroupFields):
    """A group that wants to accompany a household, with those of its members who are known."""

    region: LocalAgs = Field(examples=["15087"])
    partner_id: UUID | None = None
    programme_id: UUID
    members: list[PersonIn] = Field(default=[], max_length=20)


@router.post("", status_code=201)
async def register_interest(body: GroupIn, transaction: Transaction, once: Creation, response: Response) -> GroupOut:
    """The coordinator enters a group that wants to accompany a household; its checklist is that of this day."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, MentorGroup, once.id), response)
    refuse_outside(transaction.caller.scope, body.region, body.partner_id)
    day = today(transaction.clock.now())
    await rules_or_refuse(transaction, body.programme_id, day)
    group = MentorGroup(id=once.id, region=body.region, partner_id=body.partner_id, programme_id=body.programme_id,
                        label=body.label, interested_on=day)
    transaction.add(group)
    await unit_described(transaction, group, columns_of(body, without=BEYOND))
    for member in body.members:
        await join(transaction, group, member)
    announce(transaction, MentorGroupInterestRegistered(
        mentor_group_id=group.id, programme_id=group.programme_id, region=group.region,
        contact_refs=await contact_refs(transaction, group.id)))
    await recheck(transaction, group)
    return await told(transaction, group, response)


@router.get("")
async def list_mentor_groups(
    transaction: Transaction, paging: PageOf, region: Ags | None = None, programme_id: UUID | None = None,
    state: GroupState | None = None,
    record_due_by: Annotated[date | None, Query(
        description="Those of which a member has to show a certificate again by then.")] = None,
    held_back: Annotated[bool, Query(description="Those that take in nobody for somebody's safety.")] = False,  # noqa: FBT002
    no_longer_ready: Annotated[bool, Query(  # noqa: FBT002
        description="Those that have a household, and something open on their checklist again.")] = False,
    paused: Annotated[bool, Query(description="Those that pause, in whatever state.")] = False,  # noqa: FBT002
) -> Page[GroupOut]:
    """The groups inside the caller's scope, oldest first."""
    query = select(MentorGroup).where(inside(MentorGroup, transaction.caller.scope))
    for given, condition in (
        (region, col(MentorGroup.region).startswith(region or "")), (state, col(MentorGroup.state) == state),
        (programme_id, col(MentorGroup.programme_id) == programme_id),
        (record_due_by, with_record_due(record_due_by or date.max)),
        (held_back or None, col(MentorGroup.held_back_on).is_not(None)),
        (paused or None, col(MentorGroup.paused_on).is_not(None)),
    ):
        query = query.where(condition) if given is not None else query
    query = query.where(no_longer_prepared()) if no_longer_ready else query
    rows, following = await page(transaction, query, paging, col(MentorGroup.id))
    whys = await whys_of(transaction, rows)
    return Page(items=[GroupOut.of(row, whys[row.id]) for row in rows], next=following)


@router.get("/{mentor_group_id}")
async def read_mentor_group(mentor_group_id: UUID, transaction: Transaction, response: Response) -> GroupOut:
    """One group."""
    return await _shown(transaction, await get_or_refuse(transaction, MentorGroup, mentor_group_id), response)


@router.put("/{mentor_group_id}")
async def change_mentor_group(
    mentor_group_id: UUID, body: GroupFields, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """What the group says of itself has changed; its proposal or tandem is looked at again."""
    group = await _group(transaction, mentor_group_id, expected)
    group.label = body.label
    await unit_described(transaction, group, columns_of(body, without=BEYOND))
    return await told(transaction, group, response)


@router.put("/{mentor_group_id}/housing")
async def set_housing(
    mentor_group_id: UUID, body: HousingIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The home that the group has found, or another in its place, and for how many months its rent is secured."""
    group = await _group(transaction, mentor_group_id, expected)
    group.hold_home(body.model_dump(mode="json"), today(transaction.clock.now()))
    await await_end_of_offer(transaction, group)
    await check(transaction, group)
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/housing/withdraw")
async def withdraw_housing(
    mentor_group_id: UUID, body: TakingBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The home was entered by mistake, or the landlord no longer gives it; the group is without one."""
    group = await _group(transaction, mentor_group_id, expected)
    group.withdraw_home()
    await taken_back(transaction, f"mentor_group/{group.id}/housing", body.reason)
    await await_end_of_offer(transaction, group)
    await check(transaction, group)
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/documents")
async def note_document(
    mentor_group_id: UUID, body: DocumentIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The coordinator has seen a document that the rule set asks for."""
    refuse_future(body.seen_on, transaction.clock.now(), "seen_on")
    group = await _group(transaction, mentor_group_id, expected)
    group.note_document(body.document, body.seen_on, transaction.caller.principal)
    await check(transaction, group)
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/documents/withdraw")
async def withdraw_document(
    mentor_group_id: UUID, body: TakingDocumentBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """A document that was noted as seen counts no longer: it was another group's, or it holds no longer."""
    group = await _group(transaction, mentor_group_id, expected)
    group.withdraw_document(body.document)
    await taken_back(transaction, f"mentor_group/{group.id}/document/{body.document}", body.reason)
    await check(transaction, group)
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/form")
async def form_mentor_group(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The first talk was held; the group looks for its members."""
    group = await _group(transaction, mentor_group_id, expected)
    group.form()
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/prepare")
async def prepare_mentor_group(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The group works through its checklist; from here it becomes ready by itself once nothing on it is open."""
    group = await _group(transaction, mentor_group_id, expected)
    group.prepare()
    await recheck(transaction, group)
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/apply")
async def apply_mentor_group(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The group has applied to the authority; only in programmes in which an authority chooses."""
    group = await _group(transaction, mentor_group_id, expected)
    rules = await rules_or_refuse(transaction, group.programme_id, group.interested_on)
    await refuse_application(transaction, group)
    group.apply(authority_chooses=rules.authority_chooses)
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/list")
async def list_for_placement(
    mentor_group_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The authority has put the group on its placement list; only in programmes in which an authority chooses."""
    group = await _group(transaction, mentor_group_id, expected)
    rules = await rules_or_refuse(transaction, group.programme_id, group.interested_on)
    await refuse_application(transaction, group)
    group.list_for_placement(authority_chooses=rules.authority_chooses)
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/reject")
async def reject_mentor_group(
    mentor_group_id: UUID, body: ReasonIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The network does not take the group; its proposals that nobody was invited to are dismissed."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    awaited = await awaited_of(transaction, group)
    group.reject(body.reason, transaction.clock.now(), awaited=awaited)
    await decided(transaction, group, Decided.REJECTED, why=body.reason)
    await group_ended(transaction, group)
    await let_go(transaction, group)
    return await told(transaction, group, response)


@router.post("/{mentor_group_id}/withdraw")
async def withdraw_mentor_group(
    mentor_group_id: UUID, body: ReasonIn, transaction: Transaction, expected: Expected, response: Response,
) -> GroupOut:
    """The group does not go on; its proposals that nobody was invited to are dismissed."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    awaited = await awaited_of(transaction, group)
    group.withdraw(body.reason, transaction.clock.now(), awaited=awaited)
    await decided(transaction, group, Decided.WITHDRAWN, why=body.reason)
    await group_ended(transaction, group)
    await let_go(transaction, group)
    return await told(transaction, group, response)


async def _group(transaction: OpenTransaction, mentor_group_id: UUID, expected: int) -> MentorGroup:
    """The group, locked with whom it is brought together with, unless it has ended."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id, version=expected)
    group.refuse_ended()
    return group


async def told(transaction: OpenTransaction, group: MentorGroup, response: Response) -> GroupOut:
    """A group that was changed is audited, and answered as it is now."""
    await audited(transaction, "change", f"mentor_group/{group.id}")
    await transaction.flush()
    return await _shown(transaction, group, response)


async def _shown(transaction: OpenTransaction, group: MentorGroup, response: Response) -> GroupOut:
    tag(response, group.version)
    return GroupOut.of(group, (await whys_of(transaction, [group]))[group.id])
