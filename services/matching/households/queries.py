"""Reads about households: for whom somebody is looked for, and who spoke for one before."""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlmodel import col

from libs.common.db import OpenTransaction
from libs.common.tables import audit
from services.matching.households.model import Household, HouseholdState


def waits() -> ColumnElement[bool]:
    """The households that wait, and do not pause."""
    return and_(col(Household.state) == HouseholdState.WAITING, col(Household.paused_on).is_(None))


async def was_contact(transaction: OpenTransaction, household: Household, person_ref: UUID) -> bool:
    """Whether somebody was a household's contact before another. That is kept nowhere else than in the audit."""
    if household.person_ref == person_ref:
        return False
    return await transaction.scalar(select(audit.c.id).where(
        audit.c.person_ref == person_ref, audit.c.about == f"household/{household.id}",
        audit.c.action == "change").limit(1)) is not None
