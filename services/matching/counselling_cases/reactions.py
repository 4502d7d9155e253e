"""What falls due for counselling cases, and what an erasure leaves of them."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.matching import CounsellingCaseClosed
from libs.common.reactions import when_due
from services.matching.counselling_cases.model import KEPT, CounsellingCase
from services.matching.counselling_cases.queries import spells_of, tell
from services.matching.counselling_contacts.model import CounsellingContact
from services.matching.counselling_statuses.model import CounsellingStatus
from services.matching.counselling_statuses.rules import Attribute
from services.matching.profiles.queries import locked
from services.matching.profiles.rules import today
from services.matching.referrals.reactions import end_referrals, erase_referrals

DELETION = "counselling_deletion"


async def plan_deletion(transaction: OpenTransaction, case: CounsellingCase) -> None:
    """Three years after a case was closed its notes go; not while it is open again."""
    if case.closed_on is None:
        await cancel(transaction, DELETION, case.id)
    else:
        await schedule(transaction, DELETION, case.id, datetime.combine(case.closed_on + KEPT, time(), UTC))


@when_due(DELETION)
async def delete_notes(transaction: OpenTransaction, case_id: UUID) -> None:
    """Three years after the end of counselling nobody knows any more what was noted; how often it was, stays."""
    case = await locked(transaction, CounsellingCase, case_id)
    if not case.is_open:
        case.forget()
        await end_referrals(transaction, case_id)
        await _forget_notes(transaction, [case_id])
        await audited(transaction, "erase", f"counselling_case/{case.id}", case.person_ref)


async def erase_cases(transaction: OpenTransaction, refs: Iterable[UUID]) -> bool:
    """The cases of these persons lose what leads to them; returns whether there were any.

    Contacts stay counted, by the region of the world and by the residence status of their day too.
    """
    cases = (await transaction.scalars(select(CounsellingCase).where(
        col(CounsellingCase.person_ref).in_(list(refs))).order_by(col(CounsellingCase.id)).with_for_update())).all()
    ids = [case.id for case in cases]
    day = today(transaction.clock.now())
    for case in cases:
        spell = (await spells_of(transaction, case.id))[-1]
        if case.is_open:
            tell(transaction, CounsellingCaseClosed, case, day, spell)
        case.erase(spell, day)
        await cancel(transaction, DELETION, case.id)
    await erase_referrals(transaction, ids)
    await _forget_notes(transaction, ids)
    await transaction.execute(delete(CounsellingStatus).where(
        col(CounsellingStatus.counselling_case_id).in_(ids),
        col(CounsellingStatus.attribute) != Attribute.RESIDENCE_STATUS))
    await transaction.flush()
    return bool(cases)


async def _forget_notes(transaction: OpenTransaction, case_ids: list[UUID]) -> None:
    """What was noted of the contacts of these cases goes."""
    noted = update(CounsellingContact).where(
        col(CounsellingContact.counselling_case_id).in_(case_ids), col(CounsellingContact.note).is_not(None))
    await transaction.execute(noted.values(note=None, version=CounsellingContact.version + 1))
