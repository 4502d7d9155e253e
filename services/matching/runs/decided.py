"""Pairs that were decided before: what came to nothing does not come back."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, and_, bindparam, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import col

from libs.common.db import OpenTransaction
from services.matching.proposals.model import NOT_BARRING, Proposal, ProposalState
from services.matching.runs.model import Run
from services.matching.tandems.model import Tandem, TandemState

BARRING: tuple[Any, Any] = (Proposal, Tandem)


async def barred_pairs(
    transaction: OpenTransaction, programme_id: UUID, household_id: UUID | None = None,
) -> list[tuple[UUID, UUID]]:
    """(household, unit) of pairs that do not come back: declined, expired though both were reached, dismissed, parted.

    Of one household only where it is named.
    """
    rows = await transaction.execute(
        barring(of_household=household_id is not None), {"programme": programme_id, "household": household_id})
    return sorted({(household_id, unit_id) for household_id, unit_id in rows})


@lru_cache(maxsize=2)
def barring(*, of_household: bool) -> CompoundSelect[Any]:
    """These pairs of a `programme`, or of one `household` in it; made once, since options ask again and again."""
    proposals, tandems = (
        query.where(kind.household_id == bindparam("household")) if of_household else query
        for query, kind in zip(_barring(), BARRING, strict=True))
    return proposals.union_all(tandems)


async def barred_since(transaction: OpenTransaction, run: Run, moment: datetime) -> int:
    """How many pairs of the run's programme and region came to nothing since a moment, and do not come back."""
    proposals, tandems = (query.where(kind.ended_at >= moment, col(kind.region).startswith(run.region))
                          for query, kind in zip(_barring(), BARRING, strict=True))
    both = select_columns(func.count()).select_from(proposals.union(tandems).subquery())
    return await transaction.scalar(both, {"programme": run.programme_id}) or 0


def _barring() -> tuple[Select[Any], Select[Any]]:
    """The proposals, and the tandems, of a programme that bar their pair: household and unit."""
    said_no = or_(
        col(Proposal.state) == ProposalState.DECLINED,
        and_(col(Proposal.state) == ProposalState.EXPIRED,
             func.num_nonnulls(Proposal.mentors_not_reached_since, Proposal.household_not_reached_since) == 0),
        and_(col(Proposal.state) == ProposalState.DISMISSED, col(Proposal.dismissed_reason).not_in(NOT_BARRING)))
    proposals, tandems = (
        select_columns(kind.household_id, func.coalesce(kind.mentor_id, kind.mentor_group_id).label("unit_id")).where(
            kind.programme_id == bindparam("programme")) for kind in BARRING)
    return proposals.where(said_no), tandems.where(col(Tandem.state) == TandemState.ENDED_EARLY)
