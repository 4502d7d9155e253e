"""Reads about mentors: of whom a certificate is to be seen, and which trainings they have yet to attend."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, or_, select

from libs.common.db import OpenTransaction
from services.matching.mentors.model import VETTED, Mentor, MentorState
from services.matching.prerequisites.model import AttendedTraining, RuleSet
from services.matching.prerequisites.rules import holding_on, trainings_missing
from services.matching.profiles.queries import beyond_scope


def without_record_by(day: date) -> ColumnElement[bool]:
    """Of those who have not left: whose certificate is to be seen again by a day, or who were vetted and have none."""
    return and_(col(Mentor.state) != MentorState.LEFT, or_(
        col(Mentor.record_next_due) <= day,
        and_(col(Mentor.state).in_(VETTED), col(Mentor.record_next_due).is_(None))))


async def trainings_missing_of(transaction: OpenTransaction, mentors: Sequence[Mentor]) -> dict[UUID, list[str]]:
    """By id which trainings they have not attended, of those that their programme asked for when they registered.

    Of who has left nothing is asked. One that was shown to be attended elsewhere counts too, and one in whichever
    district it was: this reaches beyond the scope.
    """
    asked = await _asked_of(transaction, [one for one in mentors if one.takes_part])
    attended = {one.person_ref: {shown["training_code"] for shown in one.trainings_shown} for one in mentors}
    if refs := [one.person_ref for one in mentors if trainings_missing(asked.get(one.id), ())]:
        await beyond_scope(transaction)
        for one in await transaction.scalars(select(AttendedTraining).where(
                col(AttendedTraining.person_ref).in_(refs), col(AttendedTraining.counts))):
            attended[one.person_ref].add(one.training_code)
    return {one.id: trainings_missing(asked.get(one.id), attended[one.person_ref]) for one in mentors}


async def _asked_of(transaction: OpenTransaction, mentors: Sequence[Mentor]) -> dict[UUID, RuleSet | None]:
    rule_sets: dict[UUID, list[RuleSet]] = defaultdict(list)
    for rules in await transaction.scalars(select(RuleSet).where(
            col(RuleSet.programme_id).in_({one.programme_id for one in mentors}))):
        rule_sets[rules.programme_id].append(rules)
    return {one.id: holding_on(rule_sets[one.programme_id], one.registered_day) for one in mentors}
