"""What follows for mentor groups when rule sets or attendances have changed: checklists, and whom they fit with."""

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from libs.common.db import OpenTransaction
from libs.common.facts.events import AttendanceCorrected, AttendanceRecorded
from libs.common.facts.registry import ProgrammeRulesChanged
from libs.common.reactions import copies_made_anew, reacts_to
from services.matching.members.model import Member
from services.matching.mentor_groups.model import BEFORE_HOUSEHOLD, MentorGroup
from services.matching.obstacles.reactions import check
from services.matching.prerequisites.model import AttendedTraining
from services.matching.proposals.queries import lock_units


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


async def _check_all(transaction: OpenTransaction, query: SelectOfScalar[MentorGroup]) -> None:
    query = query.where(col(MentorGroup.state).in_(BEFORE_HOUSEHOLD)).order_by(col(MentorGroup.id))
    groups = (await transaction.scalars(query)).all()
    await lock_units(transaction, groups)
    for group in groups:
        await check(transaction, group)
