"""Reads about attendance: what was recorded of an event, and a certificate by its code."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.refusals import NotFound
from services.events.attendance.model import Attendance, Tally


async def recorded_for(transaction: OpenTransaction, registration_ids: Collection[UUID]) -> Sequence[Attendance]:
    """What has been recorded for these registrations."""
    query = select(Attendance).where(col(Attendance.registration_id).in_(registration_ids))
    return (await transaction.scalars(query.order_by(col(Attendance.id)))).all()


async def walked_in(transaction: OpenTransaction, walk_in_id: UUID) -> Sequence[Attendance]:
    """What has been recorded of one party that came without registration."""
    query = select(Attendance).where(Attendance.walk_in_id == walk_in_id)
    return (await transaction.scalars(query.order_by(col(Attendance.member)))).all()


async def is_tallied(transaction: OpenTransaction, event_id: UUID) -> bool:
    """Whether the event has a tally."""
    return await transaction.get(Tally, event_id) is not None


async def is_listed(transaction: OpenTransaction, event_id: UUID) -> bool:
    """Whether anyone's attendance at the event counts by the list."""
    query = select(Attendance.id).where(Attendance.event_id == event_id, col(Attendance.counts)).limit(1)
    return (await transaction.scalars(query)).first() is not None


async def by_certificate(transaction: OpenTransaction, certificate: str) -> Attendance:
    """The attendance that a certificate's code stands for; row-level security opens just this one to whoever has it."""
    await transaction.execute(select(func.set_config("lotse.certificate", certificate, True)))  # noqa: FBT003 - SQL
    query = select(Attendance).where(Attendance.certificate == certificate)
    found = (await transaction.scalars(query)).one_or_none()
    if found is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="certificate")
    return found
