"""Reads about rule sets and checklists."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam
from sqlmodel import and_, col, not_, or_, select

from libs.common.db import OpenTransaction
from libs.common.refusals import Invalid, Refused
from services.matching.members.model import Member
from services.matching.mentor_groups.model import WITH_HOUSEHOLD, MentorGroup
from services.matching.prerequisites.model import FINE, AttendedTraining, Demand, Prerequisite, RuleSet
from services.matching.prerequisites.rules import GroupStand
from services.matching.profiles.rules import begin_of, today
from services.matching.tandems.model import Tandem

# Put together once, since each question for options asks it.
RULES_ON = select(RuleSet).where(
    RuleSet.programme_id == bindparam("programme"), RuleSet.valid_from <= bindparam("day"),
    or_(col(RuleSet.valid_until).is_(None), col(RuleSet.valid_until) >= bindparam("day")),
).order_by(col(RuleSet.valid_from).desc()).limit(1)


async def rules_on(transaction: OpenTransaction, programme_id: UUID, day: date) -> RuleSet | None:
    """The programme's rule set that held on the day; None when none did."""
    return (await transaction.scalars(RULES_ON, {"programme": programme_id, "day": day})).first()


async def rules_or_refuse(transaction: OpenTransaction, programme_id: UUID, day: date) -> RuleSet:
    """The same; Invalid when none held, so that the programme is not known here."""
    found = await rules_on(transaction, programme_id, day)
    if found is None:
        raise Invalid("programme-unknown", "There is no programme with this id whose rules hold on that day.",
                      field="programme_id")
    return found


async def members_of(transaction: OpenTransaction, mentor_group_id: UUID) -> Sequence[Member]:
    """Who belongs to the group today, in the order they joined."""
    query = select(Member).where(Member.mentor_group_id == mentor_group_id, col(Member.left_on).is_(None))
    return (await transaction.scalars(query.order_by(col(Member.id)))).all()


async def contact_refs(transaction: OpenTransaction, mentor_group_id: UUID) -> tuple[UUID, ...]:
    """The persons to be told about the group: its main contacts, or all members as long as it has none."""
    members = await members_of(transaction, mentor_group_id)
    main = tuple(member.person_ref for member in members if member.is_main_contact)
    return main or tuple(member.person_ref for member in members)


def with_record_due(day: date) -> ColumnElement[bool]:
    """Groups in which a member has to show a certificate again by the day, or that have a household and too few."""
    due = col(MentorGroup.id).in_(select(Member.mentor_group_id).where(
        col(Member.left_on).is_(None), col(Member.record_next_due) <= day))
    return or_(due, and_(col(MentorGroup.state).in_(WITH_HOUSEHOLD), _misses(Prerequisite.demand == Demand.RECORD)))


def still_prepared() -> ColumnElement[bool]:
    """Groups that have a household, and nothing open on their checklist."""
    return and_(col(MentorGroup.state).in_(WITH_HOUSEHOLD), not_(_misses()))


def no_longer_prepared() -> ColumnElement[bool]:
    """Groups that have a household, and something open on their checklist again."""
    return and_(col(MentorGroup.state).in_(WITH_HOUSEHOLD), _misses())


def _misses(*which: Any) -> ColumnElement[bool]:
    return select(Prerequisite.id).where(
        Prerequisite.mentor_group_id == MentorGroup.id, *which, col(Prerequisite.standing).not_in(FINE)).exists()


async def checklist(transaction: OpenTransaction, mentor_group_id: UUID) -> Sequence[Prerequisite]:
    """The lines of a group's checklist."""
    query = select(Prerequisite).where(Prerequisite.mentor_group_id == mentor_group_id)
    return (await transaction.scalars(query.order_by(col(Prerequisite.id)))).all()


async def refuse_unprepared(transaction: OpenTransaction, group: MentorGroup) -> None:
    """Nothing begins with a group while something is open on its checklist."""
    missing: list[Demand] = sorted(
        {line.demand for line in await checklist(transaction, group.id) if line.standing not in FINE})
    if missing:
        raise Refused(
            "prerequisites-open", "Open on the group's checklist: {which}. It must be there again, or be waived.",
            which=missing)


async def stand_of(transaction: OpenTransaction, group: MentorGroup) -> GroupStand:
    """What the group has to show."""
    members = await members_of(transaction, group.id)
    refs, day = [member.person_ref for member in members], today(transaction.clock.now())
    trainings: dict[str, dict[UUID, str]] = defaultdict(dict)
    attended = await transaction.scalars(select(AttendedTraining).where(
        col(AttendedTraining.person_ref).in_(refs), col(AttendedTraining.counts)).order_by(col(AttendedTraining.id)))
    for one in attended:
        trainings[one.training_code].setdefault(one.person_ref, f"attendance/{one.id}")
    for member in members:
        for shown in member.trainings_shown:
            trainings[shown["training_code"]].setdefault(member.person_ref, f"person/{member.person_ref}")
    return GroupStand(
        members=tuple(refs), main_contacts=tuple(one.person_ref for one in members if one.is_main_contact),
        trainings=trainings, documents={one["document"]: one["seen_on"] for one in group.documents_seen},
        housing=group.housing,
        records=tuple(one.person_ref for one in members if one.has_valid_record(day)))


async def has_accompanied(transaction: OpenTransaction, member: Member) -> bool:
    """Whether the group accompanied a household while the member belonged to it."""
    query = select(Tandem.id).where(
        Tandem.mentor_group_id == member.mentor_group_id,
        or_(col(Tandem.ended_at).is_(None), col(Tandem.ended_at) >= begin_of(member.joined_on)))
    return (await transaction.scalars(query.limit(1))).first() is not None
