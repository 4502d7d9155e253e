"""Reads of deliveries, and how they are queued: unique in the database, whoever tells the cause again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, false, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, or_, select, update

from libs.common.callers import Scope
from libs.common.db import OpenTransaction
from libs.common.facts.notify import DeliverySuppressed
from libs.common.logs import current_correlation
from libs.common.outbox import announce
from services.notify.deliveries.model import TO_SEND, Delivery, DeliveryState, Reason

UNIQUE = "uq_delivery_cause_person_ref_template_channel"
BATCH = 100
# Written out, so that the planner knows that the small index of unfinished deliveries will do.
UNSENT = text("delivery.state IN ('queued', 'failed')")


def inside(scope: Scope) -> ColumnElement[bool]:
    """The deliveries of the scope's regions."""
    if scope.everything:
        return true()
    return or_(false(), *(col(Delivery.region).startswith(own) for own in scope.regions))


@dataclass(frozen=True)
class Addressed:
    """Whom a notification is for, and the subscription it comes from, if any."""

    person_ref: UUID
    subscription_id: UUID | None = None


async def queue(
    transaction: OpenTransaction, to: Iterable[Addressed], *, cause: UUID, speaker: str, about: str, template: str,
    region: str | None,
) -> None:
    """Queue one delivery for each of them; those that the cause has brought about before stay as they are."""
    rows = [Delivery(
        cause=cause, speaker=speaker, about=about, person_ref=one.person_ref, subscription_id=one.subscription_id,
        template=template, region=region, correlation=current_correlation(), queued_at=transaction.clock.now(),
    ).model_dump() for one in to]
    if rows:
        await transaction.execute(insert(Delivery).values(rows).on_conflict_do_nothing(constraint=UNIQUE))


@dataclass(frozen=True)
class Due:
    """A delivery whose turn it is."""

    id: UUID
    person_ref: UUID
    speaker: str


async def due_deliveries(
    transaction: OpenTransaction, *, now: datetime, real_now: datetime, without: Sequence[str],
) -> list[Due]:
    """The next deliveries to send, the oldest first, but for those whose owners are away (`without`)."""
    query = select(Delivery.id, Delivery.person_ref, Delivery.speaker).where(
        UNSENT, col(Delivery.speaker).not_in(without),
        or_(col(Delivery.not_before).is_(None), col(Delivery.not_before) <= real_now),
        or_(col(Delivery.delayed_until).is_(None), col(Delivery.delayed_until) <= now),
    ).order_by(col(Delivery.id)).limit(BATCH)
    return [Due(*row) for row in await transaction.execute(query)]


async def left_in_sending(transaction: OpenTransaction) -> Sequence[Delivery]:
    """What an earlier sender had in its hands when it ended."""
    query = select(Delivery).where(text("delivery.state = 'sending'")).with_for_update()
    return (await transaction.scalars(query)).all()


async def to_forget(transaction: OpenTransaction) -> Sequence[UUID]:
    """Deliveries to persons who have been erased, whose mails may still lie in the folder."""
    query = select(Delivery.id).where(col(Delivery.to_forget), Delivery.state != DeliveryState.SENDING)
    return (await transaction.scalars(query.limit(BATCH))).all()


async def forget_persons(transaction: OpenTransaction, person_refs: Sequence[UUID]) -> None:
    """Send nothing more to these persons, and keep no language beside their references."""
    waiting = await transaction.scalars(select(Delivery).where(
        col(Delivery.person_ref).in_(person_refs), col(Delivery.state).in_(TO_SEND)).with_for_update())
    for delivery in waiting:
        suppress(transaction, delivery, Reason.ERASED)
    await transaction.flush()
    await transaction.execute(update(Delivery).where(col(Delivery.person_ref).in_(person_refs)).values(
        language=None, to_forget=True))


def suppress(transaction: OpenTransaction, delivery: Delivery, reason: Reason) -> None:
    """Do not send it, and tell."""
    delivery.suppress(reason)
    announce(transaction, DeliverySuppressed(
        delivery_id=delivery.id, cause=delivery.cause, template=delivery.template, channel=delivery.channel,
        person_ref=delivery.person_ref, reason=reason.value), region=delivery.region)


async def last_language(transaction: OpenTransaction, person_ref: UUID) -> str | None:
    """The language in which the person was written to last."""
    query = select(Delivery.language).where(Delivery.person_ref == person_ref, col(Delivery.language).is_not(None))
    return await transaction.scalar(query.order_by(col(Delivery.id).desc()).limit(1))
