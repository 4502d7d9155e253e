"""What falls due for subscriptions: the mail that asks for confirmation, and forgetting who does not answer."""

from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.persons import details_of, erase_persons, persons_at
from libs.common.reactions import when_due
from services.notify.deliveries.queries import Addressed, queue
from services.notify.subscriptions.model import MOST_UNCONFIRMED, Subscription, SubscriptionState
from services.notify.subscriptions.queries import forget_unless_needed, others_of


@when_due("subscription_confirmation")
async def ask_to_confirm(transaction: OpenTransaction, subscription_id: UUID) -> None:
    """Send the link, unless the address has several unanswered ones already: nobody is flooded by a stranger."""
    subscription = await transaction.get(Subscription, subscription_id, with_for_update=True)
    if subscription is None or subscription.state is not SubscriptionState.PENDING:
        return
    await _same_person(transaction, subscription)
    others = await others_of(transaction, subscription)
    if sum(other.state is SubscriptionState.PENDING for other in others) >= MOST_UNCONFIRMED:
        return
    await queue(
        transaction, [Addressed(subscription.person_ref, subscription.id)], cause=subscription.id, speaker="notify",
        about=f"subscription/{subscription.id}", template="subscription_confirmation", region=subscription.region)


async def _same_person(transaction: OpenTransaction, subscription: Subscription) -> None:
    """One mailbox is one subscriber: who was met here before under the same address is kept, the newcomer forgotten.

    Here and not in the request, since the public sees no persons, not even whether there is one.
    """
    newcomer = subscription.person_ref
    details = await details_of(transaction, [newcomer], about=f"subscription/{subscription.id}")
    address = details[newcomer].email if newcomer in details else None
    known = await persons_at(transaction, address) if address else ()
    if known and min(known) != newcomer:
        subscription.person_ref = min(known)
        await transaction.flush()
        await erase_persons(transaction, [newcomer])


@when_due("subscription_unconfirmed")
async def forget_unconfirmed(transaction: OpenTransaction, subscription_id: UUID) -> None:
    """Nobody confirmed in time: the address is not kept."""
    subscription = await transaction.get(Subscription, subscription_id, with_for_update=True)
    if subscription is None or subscription.state is not SubscriptionState.PENDING:
        return
    subscription.end(transaction.clock.now())
    await transaction.flush()
    await forget_unless_needed(transaction, subscription)
