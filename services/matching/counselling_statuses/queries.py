"""Reads about the history of a case."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from libs.common.db import OpenTransaction
from services.matching.counselling_statuses.model import CounsellingStatus


async def entries_of(transaction: OpenTransaction, case_id: UUID) -> Sequence[CounsellingStatus]:
    """All that was entered of a case, in the order in which it was."""
    query = select(CounsellingStatus).where(CounsellingStatus.counselling_case_id == case_id)
    return (await transaction.scalars(query.order_by(col(CounsellingStatus.id)))).all()
