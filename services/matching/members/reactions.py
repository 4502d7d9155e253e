"""What follows when the members of a group change: what it has to show, whom it fits, and its application."""

from collections.abc import Collection
from uuid import UUID

from libs.common.audit import audited
from libs.common.db import OpenTransaction, touch
from libs.common.due import schedule
from libs.common.reactions import when_due
from services.matching.checkins.reactions import ask_others
from services.matching.consents.reactions import keep_application
from services.matching.members.model import Member
from services.matching.mentor_groups.model import ENDED, MentorGroup
from services.matching.obstacles.reactions import check
from services.matching.persons.reactions import end_if_empty
from services.matching.prerequisites.queries import contact_refs
from services.matching.prerequisites.reactions import end_records, forget_record
from services.matching.profiles.queries import locked
from services.matching.profiles.rules import begin_of, today
from services.matching.proposals.queries import lock_unit
from services.matching.proposals.reactions import invite_others


async def group_to_change(transaction: OpenTransaction, mentor_group_id: UUID) -> MentorGroup:
    """The group, locked with lock_unit, unless it has ended."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id)
    group.refuse_ended()
    return group


async def members_changed(transaction: OpenTransaction, group: MentorGroup, before: Collection[UUID]) -> None:
    """Who its members are has changed, and with it the group: what it has to show, whom it fits, who speaks for it.

    before: who spoke for it until now.
    """
    touch(group)
    await check(transaction, group)
    await invite_others(transaction, group, before)
    await ask_others(transaction, group, before)
    await keep_application(transaction, group)


async def left_group(transaction: OpenTransaction, member: Member, group: MentorGroup) -> None:
    """A locked member leaves their group, which is looked at again; with the last one it ends.

    What was noted of their certificate goes in time.
    """
    before = await contact_refs(transaction, group.id)
    member.leave(today(transaction.clock.now()))
    await end_records(transaction, group, [member])
    await audited(transaction, "change", f"mentor_group/{group.id}", member.person_ref)
    await members_changed(transaction, group, before)
    await end_if_empty(transaction, group)


async def record_noted(transaction: OpenTransaction, member: Member, group: MentorGroup) -> None:
    """A locked member's certificate was seen, has a relevant entry or was taken back: their group is checked again."""
    if member.record_next_due:
        await schedule(transaction, "member_record_due", member.id, begin_of(member.record_next_due))
    else:
        await forget_record(transaction, group, member)
    await audited(transaction, "change", f"mentor_group/{group.id}", member.person_ref)
    await check(transaction, group)


async def training_noted(transaction: OpenTransaction, member: Member, group: MentorGroup) -> None:
    """What a locked member has shown of trainings elsewhere is another: their group's checklist is checked again."""
    await audited(transaction, "change", f"mentor_group/{group.id}", member.person_ref)
    await check(transaction, group)


@when_due("member_record_due")
async def follow_lapsed_member_record(transaction: OpenTransaction, member_id: UUID) -> None:
    """A certificate is to be seen again from today on: the group no longer has it to show."""
    member = await transaction.get_one(Member, member_id)
    await check(transaction, await lock_unit(transaction, MentorGroup, member.mentor_group_id))


@when_due("member_record_deletion")
async def delete_member_record(transaction: OpenTransaction, member_id: UUID) -> None:
    """Three months after the member or the group ended nothing is known any more of a certificate that was seen."""
    group_id = (await transaction.get_one(Member, member_id)).mentor_group_id
    group = await lock_unit(transaction, MentorGroup, group_id)
    member = await locked(transaction, Member, member_id)
    if group.state in ENDED or not member.takes_part:
        await forget_record(transaction, group, member)
        await audited(transaction, "erase", f"mentor_group/{group.id}", member.person_ref)
