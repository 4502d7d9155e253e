"""What attendance asks the registry for, what it announces, and what is left of it when a person is erased."""

from collections.abc import Collection
from uuid import UUID

from sqlmodel import col, select

from libs.common.asks import ask
from libs.common.db import OpenTransaction
from libs.common.facts.registry import CountSecretAsked, ErasureRequested
from libs.common.outbox import announce
from libs.common.persons import PersonDetails, count_key
from libs.common.reactions import reacts_to
from services.events.attendance.model import Attendance, new_certificate
from services.events.attendance.rules import Present, recorded_fact
from services.events.events.model import Event
from services.events.events.rules import day_of
from services.events.registrations.queries import note_erased


async def count_secret(transaction: OpenTransaction, project_id: UUID | None) -> str | None:
    """The project's secret for count keys, or None without a project or when it is closed; Unavailable when away."""
    if project_id is None:
        return None
    return (await ask(transaction.bus, CountSecretAsked(project_id=project_id))).secret


def record(
    transaction: OpenTransaction, event: Event, present: Present, details: PersonDetails | None, secret: str | None,
    *, there: Collection[int] = (),
) -> list[Attendance]:
    """Keep and announce that a party was there, each person by itself but those who are noted already."""
    recorded = []
    for member in range(present.persons):
        if member in there:
            continue
        first = member == 0
        attendance = Attendance(
            event_id=event.id, region=event.region, partner_id=event.partner_id, project_id=event.project_id,
            registration_id=present.registration_id, walk_in_id=present.walk_in_id, member=member,
            person_ref=present.person_ref if first else None, known_elsewhere=first and present.known_elsewhere,
            kind=event.kind, training_code=event.training_code, on=day_of(event), certificate=new_certificate(),
            recorded_at=transaction.clock.now())
        transaction.add(attendance)
        key, is_random = key_of(attendance, details if first else None, secret)
        announce(transaction, recorded_fact(attendance, present, key, is_random=is_random))
        recorded.append(attendance)
    return recorded


def key_of(attendance: Attendance, details: PersonDetails | None, secret: str | None) -> tuple[str | None, bool]:
    """The key by which the project counts this person, and whether it is random for want of a contact."""
    if attendance.known_elsewhere and attendance.person_ref:
        # Stands for the address that this service does not have: the same person is counted once.
        return count_key(secret, email=f"person:{attendance.person_ref}", phone=None)
    known = details or PersonDetails(name="")
    return count_key(secret, email=known.email, phone=known.phone)


@reacts_to(ErasureRequested)
async def forget_attendance(transaction: OpenTransaction, fact: ErasureRequested) -> None:
    """Whose attendance it was is no longer known; that somebody was there stays, and so does the certificate."""
    await note_erased(transaction, fact.person_refs)  # what is being recorded of them now is waited for
    query = select(Attendance).where(col(Attendance.person_ref).in_(fact.person_refs))
    for attendance in await transaction.scalars(query.with_for_update()):
        attendance.person_ref = None
