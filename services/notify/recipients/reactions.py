"""Erasure of persons, and which subscribers are behind an address."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from libs.common.db import OpenTransaction
from libs.common.facts.notify import NotifyPersonErased, NotifyPersonsByAddress
from libs.common.facts.question import PersonsAsked
from libs.common.facts.registry import ErasureRequested
from libs.common.outbox import announce
from libs.common.persons import erase_persons, persons_at
from libs.common.reactions import answers, reacts_to
from services.notify.deliveries.queries import forget_persons
from services.notify.recipients.model import Consent, Recipient
from services.notify.subscriptions.model import Subscription

STORES = ("person", "recipient", "consent", "subscription", "delivery")


@reacts_to(ErasureRequested)
async def erase(transaction: OpenTransaction, fact: ErasureRequested) -> None:
    """Destroy what is kept of these persons, send them nothing more, and tell that it is done; may be repeated.

    What stays is the opaque reference with a note that it is erased, so that no late fact reaches anyone by it.
    """
    await erase_persons(transaction, fact.person_refs)
    await _forget(transaction, fact.person_refs)
    await forget_persons(transaction, fact.person_refs)
    announce(transaction, NotifyPersonErased(erasure_id=fact.erasure_id, service="notify", stores=STORES))


@answers(NotifyPersonsByAddress)
async def who_is_at(transaction: OpenTransaction, question: NotifyPersonsByAddress) -> PersonsAsked:
    """The subscribers under a mail address, for an erasure."""
    return PersonsAsked(person_refs=await persons_at(transaction, question.address))


async def _forget(transaction: OpenTransaction, person_refs: Sequence[UUID]) -> None:
    now = transaction.clock.now()
    for person_ref in person_refs:
        row = Recipient(person_ref=person_ref)
        row.forget(now)
        fields = row.model_dump()
        erased = {name: value for name, value in fields.items() if name not in {"id", "version", "person_ref"}}
        await transaction.execute(
            insert(Recipient).values(**fields).on_conflict_do_update(index_elements=["person_ref"], set_=erased))
    await transaction.execute(delete(Subscription).where(col(Subscription.person_ref).in_(person_refs)))
    await transaction.execute(update(Consent).where(
        col(Consent.person_ref).in_(person_refs)).values(language="", withdrawn_at=now))
