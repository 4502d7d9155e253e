"""Reads of what persons have said, and the consents they gave."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.refusals import NotFound
from services.notify.recipients.model import PURPOSE, Consent, Recipient


async def recipient_of(transaction: OpenTransaction, person_ref: UUID) -> Recipient | None:
    """What this person has said; None when nothing."""
    return (await transaction.scalars(select(Recipient).where(Recipient.person_ref == person_ref))).one_or_none()


async def recipient_to_change(transaction: OpenTransaction, person_ref: UUID) -> Recipient:
    """The person's row, locked; made when there is none yet. NotFound when the person has been erased."""
    fresh = Recipient(person_ref=person_ref).model_dump()
    await transaction.execute(insert(Recipient).values(**fresh).on_conflict_do_nothing(index_elements=["person_ref"]))
    query = select(Recipient).where(Recipient.person_ref == person_ref).with_for_update()
    recipient = (await transaction.scalars(query)).one()
    if recipient.erased_at:
        raise NotFound("person-erased", "This person's data has been erased.")
    return recipient


async def consents_of(transaction: OpenTransaction, person_ref: UUID) -> Sequence[Consent]:
    """The consents that hold."""
    query = select(Consent).where(Consent.person_ref == person_ref, Consent.purpose == PURPOSE)
    return (await transaction.scalars(query.where(col(Consent.withdrawn_at).is_(None)))).all()
