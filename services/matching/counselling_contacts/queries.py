"""Reads about counselling contacts: one with its case, to be corrected; its note, sealed for whom it is about."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func
from sqlmodel import col, select

from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.privacy import seal, unseal
from services.matching.counselling_cases.model import CounsellingCase
from services.matching.counselling_cases.queries import spells_of, tell_beginning
from services.matching.counselling_contacts.model import SEALED_NOTE, CounsellingContact
from services.matching.households.model import Note
from services.matching.profiles.queries import locked


async def locked_with_cases(
    transaction: OpenTransaction, contact_id: UUID, *, version: int, other: UUID | None = None,
) -> tuple[CounsellingContact, CounsellingCase, CounsellingCase]:
    """A contact, its case, and another case, which is the same unless named; all inside the caller's scope, locked."""
    seen = await get_or_refuse(transaction, CounsellingContact, contact_id)
    wanted = (seen.counselling_case_id, other or seen.counselling_case_id)
    # The cases first, as whoever erases them does, and of two the earlier first.
    cases = {case_id: await get_or_refuse(transaction, CounsellingCase, case_id, lock=True)
             for case_id in sorted(set(wanted))}
    contact = await locked(transaction, CounsellingContact, contact_id, version=version)
    return contact, cases[wanted[0]], cases[wanted[1]]


async def begin_anew(transaction: OpenTransaction, case: CounsellingCase) -> None:
    """Contacts of a case have changed, or what is said of it: when it begins is reckoned anew, and told if need be."""
    told = case.opened_on
    await transaction.flush()
    days = await transaction.scalars(select(col(CounsellingContact.held_on)).where(_stands_in(case.id)).distinct())
    case.begin(await spells_of(transaction, case.id), days)
    tell_beginning(transaction, case, told=told)


async def last_contact_of(transaction: OpenTransaction, case_id: UUID, *, until: date | None = None) -> date | None:
    """The day of the last contact of a case, until a day, of those that were not struck; None without any."""
    return await transaction.scalar(select(func.max(CounsellingContact.held_on)).where(
        _stands_in(case_id), col(CounsellingContact.held_on) <= (until or date.max)))


def _stands_in(case_id: UUID) -> Any:
    return and_(col(CounsellingContact.counselling_case_id) == case_id, col(CounsellingContact.struck_at).is_(None))


async def resealed(
    transaction: OpenTransaction, contact: CounsellingContact, former: UUID, person_ref: UUID,
) -> bytes | None:
    """The note of a contact, which is about this person and not about the former; None where there is none."""
    note = await unseal(transaction, former, SEALED_NOTE, contact.note, Note)
    return None if note is None else await seal(transaction, person_ref, SEALED_NOTE, note)
