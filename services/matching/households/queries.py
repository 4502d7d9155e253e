"""Reads about households: for whom somebody is looked for, and who spoke for one before."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlmodel import col

from libs.common.db import OpenTransaction
from libs.common.tables import audit
from services.matching.households.model import Household, HouseholdState


def waits() -> ColumnElement[bool]:
    """The households that wait, and do not pause."""
    return and_(col(Household.state) == HouseholdState.WAITING, col(Household.paused_on).is_(None))


async def was_contact(transaction: OpenTransaction, household: Household, person_ref: UUID) -> bool:
    """Whether somebody was a household's contact before another."""
    return await spoke_until(transaction, household, person_ref) is not None


async def spoke_until(transaction: OpenTransaction, household: Household, person_ref: UUID) -> datetime | None:
    """Until when somebody was a household's contact before another. That is kept nowhere else than in the audit."""
    if household.person_ref == person_ref:
        return None
    until: datetime | None = await transaction.scalar(select(func.max(audit.c.at)).where(
        audit.c.person_ref == person_ref, audit.c.about == f"household/{household.id}", audit.c.action == "change"))
    return until


async def spoke_before(
    transaction: OpenTransaction, person_refs: Iterable[UUID],
) -> list[tuple[Household, UUID, datetime]]:
    """The households whose contact these persons were before another: which, who, and until when."""
    noun = "household/"
    rows = await transaction.execute(select(audit.c.about, audit.c.person_ref, func.max(audit.c.at)).where(
        audit.c.person_ref.in_(list(person_refs)), audit.c.about.startswith(noun), audit.c.action == "change",
    ).group_by(audit.c.about, audit.c.person_ref).order_by(audit.c.about))
    found = [(await transaction.get_one(Household, UUID(about.removeprefix(noun))), ref, until)
             for about, ref, until in rows]
    return [(household, ref, until) for household, ref, until in found if household.person_ref != ref]
