"""What every noun of matching reads: what lies inside a caller's scope, and who somebody is and how to reach them."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, false, literal, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, or_, select

from libs.common.audit import audited
from libs.common.callers import Scope
from libs.common.db import OpenTransaction, touch
from libs.common.persons import PersonDetails, change_person, details_of, languages_of, meet
from libs.common.refusals import NotFound, Stale
from libs.common.tables import person
from services.matching.profiles.rules import ContactIn, ContactOut, TakenBack, details

Row = TypeVar("Row")
MOST_MARK = (1 << 24) - 1


def inside(kind: Any, scope: Scope) -> ColumnElement[bool]:
    """The rows of a table inside the scope: by region, and by partner where the table has one."""
    if scope.everything:
        return true()
    own = [col(kind.region).startswith(prefix) for prefix in scope.regions]
    if hasattr(kind, "partner_id") and scope.partners:
        own.append(col(kind.partner_id).in_(scope.partners))
    return or_(*own) if own else false()


# For a question that is planned for longer than it takes to answer: it is not planned anew for the values of each time.
PLANNED_ONCE = ("plan_cache_mode", "force_generic_plan")


async def beyond_scope(transaction: OpenTransaction, *besides: tuple[str, str]) -> None:
    """From here on this transaction also reaches what lies outside the caller's scope.

    Called once the thing that the caller acts on has been found inside it: what follows may reach further. A place is
    counted wherever it was given, and a household in the next district waits again when its mentor pauses.
    besides: what else is set until the transaction ends.
    """
    wanted = (("lotse.scope", "all"), *besides)
    await transaction.write("SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in wanted))


def among(column: Any, ids: Iterable[UUID]) -> ColumnElement[bool]:
    """Whether the column is one of these ids, however many they are."""
    found: ColumnElement[bool] = column == any_(literal(list(ids), ARRAY(Uuid)))
    return found


async def locked(
    transaction: OpenTransaction, kind: type[Row], row_id: UUID, *, version: int | None = None,
) -> Row:
    """The row as it is now, which no other transaction may change until this one ends.

    NotFound when there is none, Stale when its version is another than asked.
    """
    await transaction.flush()  # what was changed here must not be read over
    table: Any = kind
    query = select(kind).where(table.id == row_id).with_for_update().execution_options(populate_existing=True)
    found: Row | None = (await transaction.scalars(query)).one_or_none()
    if found is None:
        raise NotFound("not-found", "There is no such {noun}.", noun=kind)
    if version is not None and version != found.version:  # type: ignore[attr-defined]
        raise Stale("stale", "This was changed by someone else in the meantime; read it again.")
    return found


async def contact_out(transaction: OpenTransaction, person_ref: UUID, about: str) -> ContactOut:
    """A person's name and addresses; NotFound once they have been erased. The reading is audited as about `about`."""
    found = (await details_of(transaction, [person_ref], about=about)).get(person_ref)
    if found is None:
        raise NotFound("person-erased", "This person's data has been erased.")
    languages = await languages_of(transaction, person_ref)
    return ContactOut(person_ref=person_ref, **found.model_dump(), written_in=list(languages))


async def met(
    transaction: OpenTransaction, given: ContactIn, *, region: str, partner_id: UUID | None,
) -> UUID:
    """Keep a person whom matching meets first; returns the new person_ref."""
    return await meet(transaction, PersonDetails(**details(given)), languages=given.written_in,
                      region=region, partner_id=partner_id)


async def contact_changed(transaction: OpenTransaction, row: Any, given: ContactIn) -> None:
    """Replace the name and addresses of the row's person, and count the row as changed.

    NotFound once they have been erased.
    """
    await change_person(transaction, row.person_ref, PersonDetails(**details(given)), languages=given.written_in)
    touch(row)
    await transaction.flush()


async def taken_back(
    transaction: OpenTransaction, about: str, reason: TakenBack, person_ref: UUID | None = None,
) -> None:
    """What was noted counts no longer: by whom it was taken back, what and why stands in the audit, and only there."""
    await audited(transaction, "withdraw", f"{about}/{reason.value}", person_ref)


async def is_erased(transaction: OpenTransaction, person_ref: UUID, *, lock: bool = False) -> bool:
    """Whether nothing is known of the person any more; locked, an erasure waits until this transaction ends."""
    query = select(person.c.erased_at).where(person.c.person_ref == person_ref)
    return await transaction.scalar(query.with_for_update(read=True) if lock else query) is not None


async def region_known(transaction: OpenTransaction, person_ref: UUID) -> str | None:
    """The region in which a person is known; None once they are erased."""
    region: str | None = await transaction.scalar(select(person.c.region).where(person.c.person_ref == person_ref))
    return region


async def address_mark(transaction: OpenTransaction, person_ref: UUID) -> int:
    """A number of 24 bits for the mail address that a person has now: another one for another; 0 without any."""
    index = await transaction.scalar(select(person.c.email_index).where(person.c.person_ref == person_ref))
    return 1 + int.from_bytes(sha256(index).digest()[:4]) % MOST_MARK if index else 0


async def sharing_address(transaction: OpenTransaction, person_ref: UUID) -> tuple[UUID, ...]:
    """The other persons with this person's mail address or telephone number, found by blind index."""
    own = (await transaction.execute(select(person.c.email_index, person.c.phone_index).where(
        person.c.person_ref == person_ref))).one_or_none()
    known = [column == index for column, index in zip((person.c.email_index, person.c.phone_index), own or (),
                                                      strict=False) if index is not None]
    if not known:
        return ()
    return tuple(await transaction.scalars(select(person.c.person_ref).where(
        or_(*known), person.c.person_ref != person_ref)))


def first_id(since: datetime) -> UUID:
    """The least id of what was made since then: ids are UUIDv7, and begin with the time in milliseconds since 1970."""
    return UUID(int=max(0, int(since.timestamp() * 1000)) << 80)
