"""What follows for mentor groups: rule sets or attendances changed, or a home kept free no longer."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.events import AttendanceCorrected, AttendanceRecorded
from libs.common.facts.registry import ProgrammeRulesChanged
from libs.common.reactions import copies_made_anew, reacts_to, when_due
from services.matching.members.model import Member
from services.matching.mentor_groups.model import ENDED, MentorGroup
from services.matching.obstacles.reactions import check
from services.matching.prerequisites.model import AttendedTraining
from services.matching.profiles.rules import begin_of, today
from services.matching.proposals.queries import lock_unit, lock_units


@reacts_to(ProgrammeRulesChanged)
async def check_groups(transaction: OpenTransaction, fact: ProgrammeRulesChanged) -> None:
    """Groups that are bound by the rule set are checked against what it says now."""
    await _check_all(transaction, select(MentorGroup).where(
        MentorGroup.programme_id == fact.programme_id, col(MentorGroup.interested_on) >= fact.valid_from))


@copies_made_anew
async def check_all_groups(transaction: OpenTransaction) -> None:
    """What a wrong copy has done to a checklist is put right, and told."""
    await _check_all(transaction, select(MentorGroup))


@reacts_to(AttendanceRecorded, AttendanceCorrected)
async def check_group_of(transaction: OpenTransaction, fact: AttendanceRecorded | AttendanceCorrected) -> None:
    """A training ticks, or un-ticks, the checklist of the group whose member was there."""
    attended = await transaction.get(AttendedTraining, fact.attendance_id)
    if attended is None:
        return
    await _check_all(transaction, select(MentorGroup).join(
        Member, col(Member.mentor_group_id) == col(MentorGroup.id)).where(
            Member.person_ref == attended.person_ref, col(Member.left_on).is_(None)))


async def await_end_of_offer(transaction: OpenTransaction, group: MentorGroup) -> None:
    """A home that is kept free until a day no longer counts after it; without such a day there is nothing to await."""
    until = group.home_held_until
    if until is None:
        await cancel(transaction, "housing_offer_end", group.id)
    else:
        await schedule(transaction, "housing_offer_end", group.id, begin_of(until + timedelta(days=1)))


@when_due("housing_offer_end")
async def end_housing_offer(transaction: OpenTransaction, mentor_group_id: UUID) -> None:
    """The landlord keeps the home free no longer: unless a household lives there, the group is without one."""
    group = await lock_unit(transaction, MentorGroup, mentor_group_id)
    if group.lose_home(today(transaction.clock.now())):
        await audited(transaction, "change", f"mentor_group/{group.id}")
        await check(transaction, group)


async def _check_all(transaction: OpenTransaction, query: SelectOfScalar[MentorGroup]) -> None:
    query = query.where(col(MentorGroup.state).not_in(ENDED)).order_by(col(MentorGroup.id))
    groups = (await transaction.scalars(query)).all()
    await lock_units(transaction, groups)
    for group in groups:
        await check(transaction, group)
