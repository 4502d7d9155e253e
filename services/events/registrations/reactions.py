"""What follows when places fall free, an offer runs out or a person is erased, and who registered, when asked."""

from typing import Any
from uuid import UUID

from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.events import (
    EventsAddresseeAsked,
    EventsPersonErased,
    EventsPersonsByAddress,
    RegistrationCancelled,
    RegistrationConfirmed,
    RegistrationFact,
    RegistrationOfferExpired,
    RegistrationSeatOffered,
    RegistrationWaitlisted,
)
from libs.common.facts.question import Addressee, PersonsAsked
from libs.common.facts.registry import ErasureRequested
from libs.common.outbox import announce
from libs.common.persons import addressee, erase_persons, persons_at
from libs.common.reactions import answers, reacts_to, when_due
from services.events.events.model import Event
from services.events.registrations.model import ALIVE, Registration, RegistrationState
from services.events.registrations.queries import (
    links_of,
    locked_event,
    locked_registration,
    note_erased,
    take_over_counts,
    waiting_line,
    words_about,
)
from services.events.registrations.rules import Party, fits_at_once, next_in_line

SEAT_OFFER = "seat_offer"
# Who keeps the names and addresses of those whom a coordinator or counsellor registers as known: mentors, households.
KEEPER = "matching"
# What of a person events erases: their sealed details, the codes of their registrations, whose attendance it was.
STORES = ("person", "registration", "attendance")


def tell(
    transaction: OpenTransaction, kind: type[RegistrationFact], registration: Registration, **more: Any,
) -> None:
    """Announce what became of the registration."""
    announce(transaction, kind(registration_id=registration.id, event_id=registration.event_id,
                               person_ref=registration.person_ref, region=registration.region, **more))


async def fill_free_places(transaction: OpenTransaction, event: Event) -> None:
    """Offer what is free at a locked event to those who are next in line."""
    await take_over_counts(transaction, event)
    now = transaction.clock.now()
    if not event.waiting or event.full or not event.may_promote(now):
        return
    waiting = {registration.id: registration for registration in await waiting_line(transaction, event.id)}
    line = [Party(registration.id, registration.needs) for registration in waiting.values()]
    served = next_in_line(event.places, event.taken, line, fill_gaps=event.fill_gaps)
    for registration_id in served:
        registration = waiting[registration_id]
        expires = registration.offer(now, event.starts, event.offer_hours)
        await schedule(transaction, SEAT_OFFER, registration.id, expires)
        tell(transaction, RegistrationSeatOffered, registration, expires=expires)
    if served:
        await take_over_counts(transaction, event)


async def shorten_offers(transaction: OpenTransaction, event: Event) -> None:
    """A locked event takes place earlier: nothing is kept for anyone beyond its beginning."""
    query = select(Registration).where(
        Registration.event_id == event.id, Registration.state == RegistrationState.OFFERED,
        col(Registration.offer_expires) > event.starts)
    for registration in await transaction.scalars(query):
        registration.offer_expires = event.starts
        await schedule(transaction, SEAT_OFFER, registration.id, event.starts)


async def withdraw(transaction: OpenTransaction, registration: Registration, *, by_organiser: bool = False) -> None:
    """The party does not come, and is told so; the event's places are to be filled afterwards."""
    if registration.state is RegistrationState.OFFERED:
        await cancel(transaction, SEAT_OFFER, registration.id)
    registration.cancel()
    tell(transaction, RegistrationCancelled, registration, by_organiser=by_organiser)


async def cancel_all(transaction: OpenTransaction, event: Event) -> None:
    """A locked event does not take place: everyone who hoped to come is told."""
    query = select(Registration).where(Registration.event_id == event.id, col(Registration.state).in_(ALIVE))
    for registration in await transaction.scalars(query.order_by(col(Registration.place))):
        await withdraw(transaction, registration, by_organiser=True)
    await take_over_counts(transaction, event)


async def let_in(transaction: OpenTransaction, event: Event, registration: Registration) -> None:
    """Confirm a pending party when everything that it needs is free and nobody before it waits; else it waits."""
    registration.admit(fits=fits_at_once(
        event.places, event.taken, registration.needs, someone_waits=event.waiting > 0, fill_gaps=event.fill_gaps))
    confirmed = registration.state is RegistrationState.CONFIRMED
    tell(transaction, RegistrationConfirmed if confirmed else RegistrationWaitlisted, registration)
    if event.waiting:
        await fill_free_places(transaction, event)


async def accept_seat(transaction: OpenTransaction, registration: Registration) -> None:
    """The party takes the places that were kept for it; they were counted already."""
    registration.accept(transaction.clock.now())
    await cancel(transaction, SEAT_OFFER, registration.id)
    tell(transaction, RegistrationConfirmed, registration)


async def give_up(transaction: OpenTransaction, event: Event, registration: Registration) -> None:
    """The party does not come; its places go to those who are next in line."""
    event.refuse_if_begun(transaction.clock.now())
    await withdraw(transaction, registration)
    await fill_free_places(transaction, event)


async def mark_no_shows(transaction: OpenTransaction, event_id: UUID) -> None:
    """Who was confirmed for a reported event and did not come."""
    query = select(Registration).where(
        Registration.event_id == event_id, Registration.state == RegistrationState.CONFIRMED)
    for registration in await transaction.scalars(query):
        registration.miss()


@when_due(SEAT_OFFER)
async def expire_offer(transaction: OpenTransaction, registration_id: UUID) -> None:
    """The party did not take the places in time: they go to those who are next in line."""
    registration, event = await locked_registration(transaction, registration_id)
    if registration.expire():
        tell(transaction, RegistrationOfferExpired, registration)
        await fill_free_places(transaction, event)


@reacts_to(ErasureRequested)
async def erase(transaction: OpenTransaction, fact: ErasureRequested) -> None:
    """Destroy the keys of these persons, blank the codes of their registrations, and free the places they held."""
    await note_erased(transaction, fact.person_refs)
    await erase_persons(transaction, fact.person_refs)
    query = select(Registration).where(col(Registration.person_ref).in_(fact.person_refs))
    found = list(await transaction.scalars(query.order_by(col(Registration.event_id), col(Registration.id))))
    for event_id in dict.fromkeys(registration.event_id for registration in found):
        event = await locked_event(transaction, event_id)
        for registration in [one for one in found if one.event_id == event_id]:
            await transaction.refresh(registration)
            if registration.alive and event.may_promote(transaction.clock.now()):
                await withdraw(transaction, registration)
            registration.blank()
            await audited(transaction, "erase", f"registration/{registration.id}", registration.person_ref)
        await fill_free_places(transaction, event)
    announce(transaction, EventsPersonErased(erasure_id=fact.erasure_id, service="events", stores=STORES))


@answers(EventsAddresseeAsked)
async def reach(transaction: OpenTransaction, question: EventsAddresseeAsked) -> Addressee:
    """How to reach who registered, what to say, and their own links; noted in the audit."""
    words, registration = await words_about(transaction, question.about, question.person_ref)
    links = links_of(transaction, registration, await transaction.get_one(Event, registration.event_id))
    found = await addressee(transaction, question.person_ref, words, template=question.template, links=links)
    # Whoever registered them may not have seen that events itself knows them.
    if registration.known_elsewhere and found.email is None:
        return found.model_copy(update={"links": links, "keeper": KEEPER})
    return found


@answers(EventsPersonsByAddress)
async def find(transaction: OpenTransaction, question: EventsPersonsByAddress) -> PersonsAsked:
    """Which persons events holds under a mail address or telephone number, for an erasure."""
    return PersonsAsked(person_refs=await persons_at(transaction, question.address))
