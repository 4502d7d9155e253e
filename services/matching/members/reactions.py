"""What follows when the members of a group change: what it has to show, whom it fits, and its application."""

from uuid import UUID

from libs.common.audit import audited
from libs.common.db import OpenTransaction, touch
from services.matching.checkins.reactions import ask_others
from services.matching.consents.reactions import keep_application
from services.matching.members.model import Member
from services.matching.mentor_groups.model import MentorGroup
from services.matching.obstacles.reactions import check
from services.matching.persons.reactions import end_if_empty
from services.matching.profiles.rules import today
from services.matching.proposals.queries import lock_unit


async def group_to_change(transaction: OpenTransaction, mentor_group_id: UUID) -> MentorGroup:
    """The group, locked with lock_unit, unless it has ended."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id)
    group.refuse_ended()
    return group


async def members_changed(transaction: OpenTransaction, group: MentorGroup) -> None:
    """Who its members are has changed, and with it the group: what it has to show, whom it fits, who speaks for it."""
    touch(group)
    await check(transaction, group)
    await ask_others(transaction, group)
    await keep_application(transaction, group)


async def left_group(transaction: OpenTransaction, member: Member, group: MentorGroup) -> None:
    """A locked member leaves their group, which is looked at again; with the last one it ends."""
    member.leave(today(transaction.clock.now()))
    await audited(transaction, "change", f"mentor_group/{group.id}", member.person_ref)
    await members_changed(transaction, group)
    await end_if_empty(transaction, group)
