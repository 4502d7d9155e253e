"""Reads of subscriptions: whom something new concerns, and what else an address has."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, or_, select

from libs.common.db import OpenTransaction
from libs.common.persons import erase_persons
from services.notify.subscriptions.model import Subscription, SubscriptionState

# The services' clocks may differ by so much.
CLOCKS_APART = timedelta(seconds=10)


async def subscribers(
    transaction: OpenTransaction, *, region: str, field: str | None, languages: Sequence[str], at: datetime,
) -> list[Subscription]:
    """The subscriptions that something new in this region concerns, the oldest of each person.

    A wish for a district takes in its municipalities, and what is offered to the whole Land around it. What happened
    (`at`) before somebody subscribed is no news to them: facts come late, or all of them again when notify is rebuilt.
    """
    query = select(Subscription).where(
        Subscription.state == SubscriptionState.ACTIVE, col(Subscription.confirmed_at) <= at + CLOCKS_APART,
        or_(func.starts_with(region, Subscription.region), func.starts_with(Subscription.region, region)),
    ).order_by(col(Subscription.id))
    found: dict[UUID, Subscription] = {}
    for one in await transaction.scalars(query):
        if one.wants(field, languages):
            found.setdefault(one.person_ref, one)
    return list(found.values())


async def others_of(transaction: OpenTransaction, subscription: Subscription) -> Sequence[Subscription]:
    """What else the same person has asked for and not ended."""
    query = select(Subscription).where(
        Subscription.person_ref == subscription.person_ref, Subscription.id != subscription.id,
        Subscription.state != SubscriptionState.ENDED)
    return (await transaction.scalars(query)).all()


async def forget_unless_needed(transaction: OpenTransaction, subscription: Subscription) -> None:
    """Erase the person of an ended subscription, unless another one of theirs still needs the address."""
    if not await others_of(transaction, subscription):
        await erase_persons(transaction, [subscription.person_ref])
