"""What follows when something that a checklist asks for has changed: rule sets, attendances, members, documents."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select as select_rows
from sqlmodel import select

from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.events import AttendanceCorrected, AttendanceRecorded
from libs.common.facts.matching import MentorGroupReady, PrerequisiteExpired, PrerequisiteFulfilled
from libs.common.facts.registry import ProgrammeRulesChanged
from libs.common.outbox import announce
from libs.common.reactions import keeps_copy
from libs.common.tables import person
from services.matching.members.model import Member
from services.matching.mentor_groups.model import ENDED, WITH_HOUSEHOLD, GroupState, MentorGroup
from services.matching.mentors.model import record_deleted_at
from services.matching.prerequisites.model import AttendedTraining, Demand, Prerequisite, RuleSet, Standing
from services.matching.prerequisites.queries import (
    checklist,
    contact_refs,
    has_accompanied,
    members_of,
    refuse_unprepared,
    rules_on,
    stand_of,
)
from services.matching.prerequisites.rules import CheckKey, GroupStand, demanded, is_complete, shown


async def recheck(transaction: OpenTransaction, group: MentorGroup) -> None:
    """Compare the group with its rule set: tick and un-tick its checklist, let it become ready or fall back, and tell.

    The group must be locked. With a household it falls back no more, but its checklist says what is missing; once the
    tandem has begun it asks for what it asked for then. When the group has ended the checklist rests.
    """
    await transaction.flush()
    if group.state in ENDED:
        return
    rules = await rules_on(transaction, group.programme_id, group.interested_on)
    if rules is None and group.state not in WITH_HOUSEHOLD:
        return
    runs = group.state is GroupState.ACCOMPANYING
    known, lines = await _lines(transaction, group, None if runs or rules is None else demanded(rules))
    await _weigh(transaction, group, known, lines, await stand_of(transaction, group))
    if group.check(everything_there=is_complete(lines), now=transaction.clock.now()):
        announce(transaction, MentorGroupReady(
            mentor_group_id=group.id, programme_id=group.programme_id, region=group.region,
            contact_refs=await contact_refs(transaction, group.id)))
    await transaction.flush()


async def ask_again(transaction: OpenTransaction, group: MentorGroup) -> None:
    """A tandem of the locked group begins: what its rule set asks for is there at this moment, or waived."""
    await recheck(transaction, group)
    await refuse_unprepared(transaction, group)


async def _lines(
    transaction: OpenTransaction, group: MentorGroup, wanted: dict[CheckKey, int] | None,
) -> tuple[set[CheckKey], list[Prerequisite]]:
    """The checklist as the rule set wants it, lines added, changed and taken away; and which were there before.

    None: as it is.
    """
    there = {(line.demand, line.subject): line for line in await checklist(transaction, group.id)}
    if wanted is None:
        return set(there), list(there.values())
    for key in there.keys() - wanted.keys():
        await transaction.delete(there[key])
    lines = []
    for key, needed in wanted.items():
        line = there.get(key) or Prerequisite(
            mentor_group_id=group.id, region=group.region, demand=key[0], subject=key[1], needed=needed)
        line.needed = needed
        transaction.add(line)
        lines.append(line)
    return set(there), lines


async def _weigh(
    transaction: OpenTransaction, group: MentorGroup, known: set[CheckKey], lines: list[Prerequisite],
    stand: GroupStand,
) -> None:
    """What a line is when it comes on the list is not told: nothing about it has changed."""
    kinds = {Standing.FULFILLED: PrerequisiteFulfilled, Standing.EXPIRED: PrerequisiteExpired}
    for line in lines:
        key = (line.demand, line.subject)
        changed = line.weigh(*shown(key, stand), transaction.clock.now())
        if changed is not None and key in known:
            announce(transaction, kinds[changed](
                prerequisite_id=line.id, mentor_group_id=group.id, rule=line.rule, region=group.region,
                contact_refs=await contact_refs(transaction, group.id)))


async def forget_evidence(transaction: OpenTransaction, group: MentorGroup, person_ref: UUID) -> None:
    """Nothing on a group's checklist refers to a person any more, also when the checklist rests."""
    attended = await transaction.scalars(select(AttendedTraining.id).where(AttendedTraining.person_ref == person_ref))
    gone = {f"person/{person_ref}", *(f"attendance/{one}" for one in attended)}
    for line in await checklist(transaction, group.id):
        line.evidence = [one for one in line.evidence if one not in gone]


async def group_ended(transaction: OpenTransaction, group: MentorGroup) -> None:
    """A locked group has ended: what was noted of its members' certificates goes in time."""
    await end_records(transaction, group, await members_of(transaction, group.id))


async def end_records(transaction: OpenTransaction, group: MentorGroup, members: Iterable[Member]) -> None:
    """These members take part no longer, or their group has ended: what was noted of certificates goes in three months.

    At once where they accompanied nobody. The group must be locked.
    """
    for member in members:
        if member.record_seen_on is None:
            continue
        if await has_accompanied(transaction, member):
            gone_at = record_deleted_at(transaction.clock.now())
            await schedule(transaction, "member_record_deletion", member.id, gone_at)
        else:
            await forget_record(transaction, group, member)


async def forget_record(transaction: OpenTransaction, group: MentorGroup, member: Member) -> None:
    """Nothing says any more that a member's certificate was seen, nor does a checklist that rests."""
    member.forget_record()
    for kind in ("member_record_due", "member_record_deletion"):
        await cancel(transaction, kind, member.id)
    for line in await checklist(transaction, group.id):
        if line.demand is Demand.RECORD:
            line.evidence = [one for one in line.evidence if one != f"person/{member.person_ref}"]


@keeps_copy(ProgrammeRulesChanged)
async def know_rules(transaction: OpenTransaction, fact: ProgrammeRulesChanged) -> None:
    """Keep the rule set as it is now."""
    values = fact.model_dump(mode="json", exclude={"valid_from", "valid_until", "programme_id"})
    rules = (await transaction.scalars(select(RuleSet).where(
        RuleSet.programme_id == fact.programme_id, RuleSet.valid_from == fact.valid_from).with_for_update())).first()
    rules = rules or RuleSet(programme_id=fact.programme_id, valid_from=fact.valid_from, **values)
    for name, value in (values | {"valid_until": fact.valid_until}).items():
        setattr(rules, name, value)
    transaction.add(rules)
    await transaction.flush()


@keeps_copy(AttendanceRecorded)
async def know_training(transaction: OpenTransaction, fact: AttendanceRecorded) -> None:
    """A person whom matching knows attended a training."""
    if fact.person_ref is None or fact.training_code is None or not await _is_known(transaction, fact.person_ref):
        return
    attended = await transaction.get(AttendedTraining, fact.attendance_id, with_for_update=True)
    attended = attended or AttendedTraining(id=fact.attendance_id, person_ref=fact.person_ref, region=fact.region,
                                            training_code=fact.training_code)
    attended.attended_on, attended.counts = fact.on, True
    transaction.add(attended)


@keeps_copy(AttendanceCorrected)
async def correct_training(transaction: OpenTransaction, fact: AttendanceCorrected) -> None:
    """An attendance did not take place, or did after all."""
    attended = await transaction.get(AttendedTraining, fact.attendance_id, with_for_update=True)
    if attended is None and fact.counts and fact.person_ref and fact.training_code:
        if not await _is_known(transaction, fact.person_ref):
            return
        attended = AttendedTraining(id=fact.attendance_id, person_ref=fact.person_ref, region=fact.region,
                                    training_code=fact.training_code)
        transaction.add(attended)
    if attended is not None:
        attended.counts = fact.counts


async def _is_known(transaction: OpenTransaction, person_ref: UUID) -> bool:
    """Whether matching owns this person and has not erased them: a late fact brings nobody back."""
    return bool(await transaction.scalar(select_rows(person.c.person_ref).where(
        person.c.person_ref == person_ref, person.c.erased_at.is_(None))))
