"""Persons: whom a service meets first it owns: name and addresses sealed with the person's key, opaque elsewhere."""

import base64
import hmac
import secrets
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import or_, select, update
from uuid_utils.compat import uuid7

from libs.common.addresses import email_index, normalised_email, normalised_phone, phone_index
from libs.common.audit import audited, entry
from libs.common.db import OpenTransaction
from libs.common.facts.question import Addressee, Words
from libs.common.privacy import destroy_key, fresh_key, load_keys, seal, unseal
from libs.common.refusals import NotFound
from libs.common.tables import person

SEALED = "person.details"


# The person, the key and the note of it in one statement: a round trip is dearer than a row.
MEET = """
WITH key AS (INSERT INTO person_key (person_ref, wrapped) VALUES ($1, $2)),
     noted AS (
        INSERT INTO audit (principal, role, action, about, person_ref, correlation) VALUES ($3, $4, $5, $6, $1, $7))
INSERT INTO person (person_ref, region, partner_id, languages, details, email_index, phone_index)
VALUES ($1, $8, $9, $10, $11, $12, $13)
"""


class PersonDetails(BaseModel):
    """Who someone is and how to reach them; all of it sealed."""

    name: str
    email: str | None = None
    phone: str | None = None


async def meet(
    transaction: OpenTransaction, details: PersonDetails, *, languages: Sequence[str] = (),
    region: str | None = None, partner_id: UUID | None = None,
) -> UUID:
    """Keep a person whom this service meets first; returns the new person_ref. Region and partner say who sees them."""
    person_ref: UUID = uuid7()
    vault, wrapped = transaction.vault, fresh_key(transaction, person_ref)
    note = entry(transaction, "change", f"person/{person_ref}", person_ref)
    await transaction.write(
        MEET, person_ref, wrapped, note["principal"], note["role"], note["action"], note["about"], note["correlation"],
        region, partner_id, list(languages), await seal(transaction, person_ref, SEALED, details),
        email_index(vault, details.email), phone_index(vault, details.phone))
    return person_ref


async def change_person(
    transaction: OpenTransaction, person_ref: UUID, details: PersonDetails, *, languages: Sequence[str] | None = None,
) -> None:
    """Replace what is known of a person; NotFound when they have been erased, or lie outside the caller's scope."""
    vault = transaction.vault
    values: dict[str, Any] = {
        "details": await seal(transaction, person_ref, SEALED, details),
        "email_index": email_index(vault, details.email), "phone_index": phone_index(vault, details.phone)}
    if languages is not None:
        values["languages"] = list(languages)
    changed = await transaction.execute(update(person).where(person.c.person_ref == person_ref).values(**values))
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise NotFound("not-found", "There is no such {noun}.", noun="person")
    await audited(transaction, "change", f"person/{person_ref}", person_ref)


async def details_of(
    transaction: OpenTransaction, person_refs: Iterable[UUID], *, about: str,
) -> dict[UUID, PersonDetails]:
    """What is known of these persons, without those who were erased; each reading is audited as about `<noun>/<id>`."""
    refs = list(set(person_refs))
    await load_keys(transaction, refs)
    rows = await transaction.execute(select(person.c.person_ref, person.c.details).where(person.c.person_ref.in_(refs)))
    found = {}
    for person_ref, details in rows:
        opened = await unseal(transaction, person_ref, SEALED, details, PersonDetails)
        if opened:
            found[person_ref] = opened
            await audited(transaction, "read", about, person_ref)
    return found


async def languages_of(transaction: OpenTransaction, person_ref: UUID) -> tuple[str, ...]:
    """The languages that the person wishes to be written to in, the dearest first."""
    return tuple(await transaction.scalar(select(person.c.languages).where(person.c.person_ref == person_ref)) or ())


async def addressee(
    transaction: OpenTransaction, person_ref: UUID, words: Words, *, template: str, links: dict[str, str] | None = None,
) -> Addressee:
    """All that one delivery to this person needs; without an address when unknown here or erased. Audited."""
    details = (await details_of(transaction, [person_ref], about=f"template/{template}")).get(person_ref)
    if details is None:
        return Addressee(**words.model_dump())
    return Addressee(**words.model_dump(), name=details.name, email=details.email, links=links or {},
                     languages=await languages_of(transaction, person_ref))


async def persons_at(transaction: OpenTransaction, address: str) -> tuple[UUID, ...]:
    """The persons with this mail address or telephone number, found by blind index."""
    vault = transaction.vault
    indexes = []
    if email := email_index(vault, address):
        indexes.append(person.c.email_index == email)
    if phone := phone_index(vault, address):
        indexes.append(person.c.phone_index == phone)
    if not indexes:
        return ()  # without an address there is nobody, not everybody without one
    return tuple(await transaction.scalars(select(person.c.person_ref).where(or_(*indexes))))


async def erase_persons(transaction: OpenTransaction, person_refs: Iterable[UUID]) -> list[UUID]:
    """Destroy the keys of those whom this service owns and blank their rows; returns whom it owned. May be repeated.

    A row is blanked even when its key is gone already, as after a restore that destroys keys first.
    """
    now, refs = transaction.clock.now(), list(person_refs)
    owned = {person_ref for person_ref in refs if await destroy_key(transaction, person_ref, now)}
    blanked = update(person).where(person.c.person_ref.in_(refs), person.c.erased_at.is_(None)).values(
        details=None, email_index=None, phone_index=None, languages=[], region=None, partner_id=None, erased_at=now)
    owned |= set(await transaction.scalars(blanked.returning(person.c.person_ref)))
    for person_ref in owned:
        await audited(transaction, "erase", f"person/{person_ref}", person_ref)
    return [person_ref for person_ref in refs if person_ref in owned]


def count_key(secret: str | None, *, email: str | None, phone: str | None) -> tuple[str | None, bool]:
    """The key by which a project counts distinct persons without names, and whether it is random.

    secret: the project's, in base64, as the registry answers it; None (no project, or closed): no key. Without a
    mail address and telephone number the key is random, and the figure says how many such there are.
    """
    if secret is None:
        return None, False
    address = normalised_email(email) if email else normalised_phone(phone) if phone else None
    if address is None:
        return secrets.token_urlsafe(16), True
    mac = hmac.digest(base64.b64decode(secret), address.encode(), "sha256")[:16]
    return base64.urlsafe_b64encode(mac).decode().rstrip("="), False
