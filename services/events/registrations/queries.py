"""Reads about registrations: the locked list of an event, who may see which, and what is told to whom."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, String, Uuid, bindparam, cast, func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from libs.common.callers import Role
from libs.common.db import OpenTransaction
from libs.common.facts.question import Words
from libs.common.links import Link
from libs.common.privacy import load_keys, new_person, seal
from libs.common.refusals import NotFound, Stale
from libs.common.tables import person, person_key
from services.events.events.model import Event
from services.events.events.queries import seen_by, words_of
from services.events.events.rules import BERLIN
from services.events.registrations.model import NOTE, Note, Registration, RegistrationState

CANCEL, ACCEPT = "cancel-registration", "accept-seat"
CANCEL_PATH, ACCEPT_PATH = "/v1/links/cancel_registration/{token}", "/v1/links/accept_seat/{token}"
# A link outlives what it is for by a day, so that who comes late reads what became of it.
LATE = timedelta(days=1)
COUNTED = ("seats_taken", "childcare_taken", "waiting", "arrivals")


# Statements of every registration are built once: that costs more than sending them.
_EVENT_ID = bindparam("event_id", type_=Uuid)
OPENED = func.set_config("lotse.event", cast(_EVENT_ID, String), True)  # noqa: FBT003 - SQL
OPEN_LIST = select(OPENED)
LOCKED = select(Event).where(col(Event.id) == _EVENT_ID).with_for_update().execution_options(populate_existing=True)
AS_ANYONE = select(func.set_config("lotse.scope", Role.PUBLIC.value, True))  # noqa: FBT003 - SQL


async def locked_event(transaction: OpenTransaction, event_id: UUID) -> Event:
    """The event as it is now, its list of registrations locked until this transaction ends.

    Row-level security opens this one list to the transaction, whoever calls: what a party gets depends on the others.
    """
    await transaction.execute(OPEN_LIST, {"event_id": event_id})
    return await locked_now(transaction, event_id)


async def open_list_of(transaction: OpenTransaction, event_id: UUID) -> Row[UUID, str, UUID, UUID | None]:
    """Open the list of an event that the caller sees, without locking it; NotFound when there is none.

    Returns id, region, partner_id and project_id: what does not change, and is needed before others have to wait.
    """
    found = await transaction.execute(_open_among(seen_by(transaction.caller)), {"event_id": event_id})
    event: Row[UUID, str, UUID, UUID | None] | None = found.one_or_none()
    if event is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="event")
    return event


async def locked_now(transaction: OpenTransaction, event_id: UUID) -> Event:
    """The event whose list is open already, locked."""
    return (await transaction.scalars(LOCKED, {"event_id": event_id})).one()


@lru_cache(maxsize=256)
def _open_among(events: Select[Any]) -> Select[Any]:
    """The statement that opens the list of one of these events; it answers nothing when the event is none of them."""
    fixed = (col(Event.id), col(Event.region), col(Event.partner_id), col(Event.project_id))
    return events.with_only_columns(*fixed, OPENED.label("opened")).where(col(Event.id) == _EVENT_ID)


async def take_over_counts(transaction: OpenTransaction, event: Event) -> None:
    """Write what has changed of a locked event's registrations, and take over how many places that leaves.

    The database counts where a registration changes (its migration); the event's version stays, nobody edited it.
    """
    await transaction.flush()
    await transaction.refresh(event, COUNTED)


async def waiting_line(transaction: OpenTransaction, event_id: UUID) -> Sequence[Registration]:
    """Who waits at this event, first come first."""
    query = select(Registration).where(
        Registration.event_id == event_id, Registration.state == RegistrationState.WAITLISTED)
    return (await transaction.scalars(query.order_by(col(Registration.place)))).all()


async def own_registration(transaction: OpenTransaction, registration_id: UUID) -> Registration:
    """A registration inside the caller's scope, or one that the caller made; else NotFound."""
    found, caller = await transaction.get(Registration, registration_id), transaction.caller
    if found is None or not (caller.scope.covers(found) or found.made_by == caller.principal):
        raise NotFound("not-found", "There is no such {noun}.", noun="registration")
    return found


async def locked_registration(
    transaction: OpenTransaction, registration_id: UUID, *, version: int | None = None,
) -> tuple[Registration, Event]:
    """A registration that the caller may touch, and its event, both locked; Stale when it is of another version."""
    registration = await own_registration(transaction, registration_id)
    event = await locked_event(transaction, registration.event_id)
    await transaction.refresh(registration)
    if version is not None and version != registration.version:
        raise Stale("stale", "This was changed by someone else in the meantime; read it again.")
    return registration, event


async def is_registered(transaction: OpenTransaction, event_id: UUID, person_ref: UUID) -> bool:
    """Whether this person still hopes to come to this event by another registration."""
    query = select(Registration).where(Registration.event_id == event_id, Registration.person_ref == person_ref)
    return any(one.alive for one in await transaction.scalars(query))


async def is_known_elsewhere(transaction: OpenTransaction, person_ref: UUID) -> bool:
    """Whether the person is not one of those whom the caller may read here; NotFound when they have been erased.

    From here on an erasure of theirs waits until this transaction ends. Call it before an event is locked.
    """
    await transaction.execute(select(func.pg_advisory_xact_lock_shared(_erasure_of(person_ref))))
    await load_keys(transaction, [person_ref])
    if transaction.person_keys.get(person_ref, b"") is None:
        raise NotFound("person-erased", "This person's data has been erased.")
    own = await transaction.scalars(select(person.c.person_ref).where(person.c.person_ref == person_ref))
    return own.first() is None


async def note_erased(transaction: OpenTransaction, person_refs: Iterable[UUID]) -> None:
    """Keep the opaque references of those who are known elsewhere as erased, so that nobody enters them anew."""
    refs = sorted(person_refs)
    for person_ref in refs:
        await transaction.execute(select(func.pg_advisory_xact_lock(_erasure_of(person_ref))))
    # No key was ever kept here: there is nothing to be wiped.
    now = transaction.clock.now()
    gone = [{"person_ref": ref, "wrapped": None, "destroyed_at": now, "wiped_at": now} for ref in refs]
    if gone:
        await transaction.execute(insert(person_key).values(gone).on_conflict_do_nothing())


def _erasure_of(person_ref: UUID) -> Any:
    return func.hashtextextended(f"erasure of {person_ref}", 0)


async def as_anyone(transaction: OpenTransaction, event: Any) -> None:
    """Outside the own scope a caller registers others as the public does: they may be added, and not be read."""
    if transaction.caller.role is not Role.PUBLIC and not transaction.caller.scope.covers(event):
        await transaction.execute(AS_ANYONE)


async def sealed_note(transaction: OpenTransaction, person_ref: UUID, text: str) -> bytes:
    """The note as it is kept: sealed with the person's key, made here if another service knows the person."""
    # Two registrations of one person at once must not both make the key.
    lock = func.pg_advisory_xact_lock(func.hashtextextended(str(person_ref), 0))
    await transaction.execute(select(lock))
    await load_keys(transaction, [person_ref])
    if person_ref not in transaction.person_keys:
        await new_person(transaction, person_ref)
    return await seal(transaction, person_ref, NOTE, Note(text=text))


async def words_about(transaction: OpenTransaction, about: str, person_ref: UUID) -> tuple[Words, Registration]:
    """What is said to a person about `registration/<id>`, or about `event/<id>` at which they are registered."""
    noun, _, row_id = about.partition("/")
    if noun not in {"registration", "event"}:
        raise NotFound("not-found", "There is no such {noun}.", noun=noun)
    query = select(Registration).where(
        col(Registration.id if noun == "registration" else Registration.event_id) == UUID(row_id),
        Registration.person_ref == person_ref)
    found = (await transaction.scalars(query.order_by(col(Registration.place).desc()).limit(1))).one_or_none()
    if found is None:
        raise NotFound("not-found", "There is no such {noun}.", noun=noun)
    words = await words_of(transaction, found.event_id)
    values = words.values | {"persons": str(found.seats)}
    expires = {"expires": found.offer_expires.astimezone(BERLIN).isoformat()} if found.offer_expires else {}
    return words.model_copy(update={"values": values, "times": words.times | expires}), found


def links_of(transaction: OpenTransaction, registration: Registration, event: Event) -> dict[str, str]:
    """The signed links that the party may use now, by what they are for."""
    links = {}
    if registration.alive:
        links["cancel"] = _link(transaction, CANCEL, CANCEL_PATH, registration, event.starts)
    if registration.state is RegistrationState.OFFERED and registration.offer_expires:
        links["accept"] = _link(transaction, ACCEPT, ACCEPT_PATH, registration, registration.offer_expires)
    return links


def _link(transaction: OpenTransaction, purpose: str, path: str, registration: Registration, until: datetime) -> str:
    left = max(until.astimezone(UTC) - transaction.clock.now(), timedelta()) + LATE
    link = Link(purpose, registration.id, registration.person_ref)
    return transaction.links.url(path, link, valid=left)
