"""How an erasure goes on: the registry's own part, the others' as they are told, reminders, and the receipt."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from libs.common.asks import ask
from libs.common.db import Database, OpenTransaction
from libs.common.due import schedule
from libs.common.facts.events import EventsPersonErased, EventsPersonsByAddress
from libs.common.facts.matching import MatchingPersonErased, MatchingPersonsByAddress
from libs.common.facts.notify import NotifyPersonErased, NotifyPersonsByAddress
from libs.common.facts.question import PersonsAsked
from libs.common.facts.registry import (
    ErasureCompleted,
    ErasureRequested,
    RegistryPersonErased,
    RegistryPersonsByAddress,
)
from libs.common.outbox import announce
from libs.common.persons import persons_at
from libs.common.reactions import answers, reacts_to, when_due
from services.registry.erasures.model import Erasure, ErasurePart, ErasureState, missing
from services.registry.erasures.queries import erase_here, parts_of
from services.registry.erasures.rules import hash_of, receipt_of

OWN = "registry"
SIGNED_AS = "erasure receipt"
# A service that was away hears the fact when it is back; it is told again in case its database was restored since.
REMINDED_AFTER = timedelta(hours=1)
PersonErased = EventsPersonErased | MatchingPersonErased | NotifyPersonErased


async def persons_behind(database: Database, address: str) -> set[UUID]:
    """Whom the four services hold under a mail address or telephone number; Unavailable while one of them is away.

    Looked for everywhere, as the others do: a person wants to be forgotten in the whole network.
    """
    asked = (EventsPersonsByAddress(address=address), MatchingPersonsByAddress(address=address),
             NotifyPersonsByAddress(address=address))
    answered = await asyncio.gather(*(ask(database.bus, question) for question in asked))
    async with database.transaction() as transaction:
        found = set(await persons_at(transaction, address))
    return found.union(*(answer.person_refs for answer in answered))


async def begin(transaction: OpenTransaction, erasure: Erasure) -> None:
    """Tell everyone, and let the registry's own part fall due at once."""
    _tell(transaction, erasure)
    await schedule(transaction, "erasure", erasure.id, transaction.clock.now())


@answers(RegistryPersonsByAddress)
async def say_who(transaction: OpenTransaction, question: RegistryPersonsByAddress) -> PersonsAsked:
    """Whom the registry holds under an address."""
    return PersonsAsked(person_refs=await persons_at(transaction, question.address))


@when_due("erasure")
async def go_on(transaction: OpenTransaction, erasure_id: UUID) -> None:
    """First the registry's own part; as long as another's is missing, everyone is told again every hour."""
    erasure = await transaction.get_one(Erasure, erasure_id, with_for_update=True)
    if erasure.state is ErasureState.COMPLETED:
        return
    await schedule(transaction, "erasure", erasure.id, transaction.clock.now() + REMINDED_AFTER)
    if OWN not in missing(list(await parts_of(transaction, [erasure.id]))):
        erasure.reminders += 1
        _tell(transaction, erasure)
        return
    stores = await erase_here(transaction, erasure.person_refs)
    erased = RegistryPersonErased(erasure_id=erasure.id, service=OWN, stores=stores)
    announce(transaction, erased, region=erasure.region)
    await _add(transaction, erasure, OWN, stores, transaction.clock.now())


@reacts_to(EventsPersonErased, MatchingPersonErased, NotifyPersonErased)
async def note_part(transaction: OpenTransaction, fact: PersonErased) -> None:
    """A service has done its part."""
    heard = transaction.hearing
    erasure = await transaction.get(Erasure, fact.erasure_id, with_for_update=True)
    if erasure is not None and heard is not None:
        await _add(transaction, erasure, fact.speaker(), fact.stores, heard.time)


async def _add(
    transaction: OpenTransaction, erasure: Erasure, service: str, stores: Iterable[str], at: datetime,
) -> None:
    parts = list(await parts_of(transaction, [erasure.id]))
    if service not in missing(parts):
        return
    part = ErasurePart(erasure_id=erasure.id, region=erasure.region, service=service, stores=list(stores), erased_at=at)
    transaction.add(part)
    erasure.go_on()
    await transaction.flush()
    if not missing([*parts, part]):
        await _complete(transaction, erasure, [*parts, part])


async def _complete(transaction: OpenTransaction, erasure: Erasure, parts: list[ErasurePart]) -> None:
    now = transaction.clock.now()
    receipt = receipt_of(erasure, parts, network=transaction.network, now=now)
    signature = transaction.vault.sign(SIGNED_AS, receipt.encode()).hex()
    erasure.complete(receipt, signature, hash_of(receipt), now)
    announce(transaction, ErasureCompleted(erasure_id=erasure.id, receipt_hash=hash_of(receipt)), region=erasure.region)


def _tell(transaction: OpenTransaction, erasure: Erasure) -> None:
    announce(transaction, ErasureRequested(erasure_id=erasure.id, person_refs=tuple(erasure.person_refs)),
             region=erasure.region)
