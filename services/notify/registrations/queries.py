"""Reads of known registrations."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from services.notify.registrations.model import KnownRegistration


async def registered_for(transaction: OpenTransaction, event_id: UUID) -> Sequence[UUID]:
    """The persons who hope to come to this event, each once."""
    query = select(KnownRegistration.person_ref).where(KnownRegistration.event_id == event_id).distinct()
    return (await transaction.scalars(query.order_by(col(KnownRegistration.person_ref)))).all()
