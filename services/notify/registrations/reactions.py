"""What events tells of registrations: the copy is made, and ends with them."""

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from libs.common.db import OpenTransaction
from libs.common.facts.events import (
    EventCancelled,
    EventHeld,
    RegistrationCancelled,
    RegistrationConfirmed,
    RegistrationDeclined,
    RegistrationFact,
    RegistrationOfferExpired,
    RegistrationReceived,
    RegistrationSeatOffered,
    RegistrationWaitlisted,
)
from libs.common.facts.registry import ErasureRequested
from libs.common.reactions import keeps_copy
from services.notify.registrations.model import KnownRegistration


@keeps_copy(RegistrationReceived, RegistrationConfirmed, RegistrationWaitlisted, RegistrationSeatOffered)
async def know(transaction: OpenTransaction, fact: RegistrationFact) -> None:
    """Someone hopes to come."""
    row = KnownRegistration(**fact.model_dump(include={"registration_id", "event_id", "person_ref", "region"}))
    await transaction.execute(
        insert(KnownRegistration).values(**row.model_dump()).on_conflict_do_nothing(index_elements=["registration_id"]))


@keeps_copy(RegistrationDeclined, RegistrationOfferExpired, RegistrationCancelled)
async def forget(transaction: OpenTransaction, fact: RegistrationFact) -> None:
    """Someone does not come."""
    await transaction.execute(
        delete(KnownRegistration).where(col(KnownRegistration.registration_id) == fact.registration_id))


@keeps_copy(EventHeld, EventCancelled)
async def forget_all(transaction: OpenTransaction, fact: EventHeld | EventCancelled) -> None:
    """The event is over."""
    await transaction.execute(delete(KnownRegistration).where(col(KnownRegistration.event_id) == fact.event_id))


@keeps_copy(ErasureRequested)
async def erase(transaction: OpenTransaction, fact: ErasureRequested) -> None:
    """Persons are erased: their registrations here too."""
    await transaction.execute(
        delete(KnownRegistration).where(col(KnownRegistration.person_ref).in_(fact.person_refs)))
