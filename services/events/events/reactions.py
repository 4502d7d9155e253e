"""What the clock does with events, what follows when one is published or cancelled, and what is said about one."""

from uuid import UUID

from sqlmodel import select

from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.events import EventCancelled, EventHeld, EventPublished, EventsWordsAsked
from libs.common.facts.question import Words
from libs.common.outbox import announce
from libs.common.reactions import answers, when_due
from libs.common.refusals import NotFound
from services.events.events.model import Event, RegistrationMode
from services.events.events.queries import words_of
from services.events.events.rules import event_fact
from services.events.partners.model import KnownPartner, refuse_unless_verified
from services.events.projects.model import KnownProject, refuse_unless_open
from services.events.registrations.queries import locked_event
from services.events.registrations.reactions import cancel_all

OPENS, CLOSES, STARTS, ENDS = "event_opens", "event_closes", "event_starts", "event_ends"


async def refuse_foreign_names(transaction: OpenTransaction, partner_id: UUID, project_id: UUID | None) -> None:
    """An event is organised by a verified partner, and counts for an open project if for any."""
    refuse_unless_verified(await transaction.get(KnownPartner, partner_id))
    if project_id:
        refuse_unless_open(await transaction.get(KnownProject, project_id))


async def publish_now(transaction: OpenTransaction, event: Event) -> None:
    """Show a draft to those it is meant for, and let its times fall due."""
    await refuse_foreign_names(transaction, event.partner_id, event.project_id)
    event.publish(transaction.clock.now())
    await keep_times(transaction, event)
    announce(transaction, event_fact(EventPublished, event))


async def cancel_now(transaction: OpenTransaction, event_id: UUID, reason: str | None) -> Event:
    """The event does not take place; everyone registered is told. A draft that nobody saw just ends."""
    event = await locked_event(transaction, event_id)
    event.cancel(reason, transaction.clock.now())
    for kind in (OPENS, CLOSES, STARTS, ENDS):
        await cancel(transaction, kind, event.id)
    if event.published_at is not None:
        announce(transaction, event_fact(EventCancelled, event))
    await cancel_all(transaction, event)
    return event


async def keep_times(transaction: OpenTransaction, event: Event) -> None:
    """What falls due for a published event: its window of registration, its beginning and its end."""
    await schedule(transaction, STARTS, event.id, event.starts)
    await schedule(transaction, ENDS, event.id, event.ends)
    if event.registration_mode is RegistrationMode.NONE:
        return
    for kind, at in ((OPENS, event.registration_opens), (CLOSES, event.registration_closes)):
        if at:
            await schedule(transaction, kind, event.id, at)
        else:
            await cancel(transaction, kind, event.id)


@when_due(OPENS)
async def open_in_time(transaction: OpenTransaction, event_id: UUID) -> None:
    """Registration opens at its time."""
    event = await _locked(transaction, event_id)
    event.open_when_due(transaction.clock.now())


@when_due(CLOSES)
async def close_in_time(transaction: OpenTransaction, event_id: UUID) -> None:
    """Registration closes at its time."""
    event = await _locked(transaction, event_id)
    event.close_when_due()


@when_due(STARTS)
async def begin_in_time(transaction: OpenTransaction, event_id: UUID) -> None:
    """The event begins."""
    event = await _locked(transaction, event_id)
    event.begin(transaction.clock.now())


@when_due(ENDS)
async def hold_in_time(transaction: OpenTransaction, event_id: UUID) -> None:
    """The event ends: it was held, unless the organiser said so before."""
    event = await _locked(transaction, event_id)
    if event.hold_when_due(transaction.clock.now()):
        announce(transaction, event_fact(EventHeld, event))


async def _locked(transaction: OpenTransaction, event_id: UUID) -> Event:
    return (await transaction.scalars(select(Event).where(Event.id == event_id).with_for_update())).one()


@answers(EventsWordsAsked)
async def say(transaction: OpenTransaction, question: EventsWordsAsked) -> Words:
    """Title, place and times of an event; nothing personal."""
    noun, _, event_id = question.about.partition("/")
    if noun != "event":
        raise NotFound("not-found", "There is no such {noun}.", noun=noun)
    return await words_of(transaction, UUID(event_id))
