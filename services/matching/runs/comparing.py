"""Runs beside each other: who gains, who loses, and why."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, union_all
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from libs.common.db import OpenTransaction
from services.matching.households.model import Household
from services.matching.profiles.queries import among
from services.matching.proposals.model import Proposal
from services.matching.runs.model import Run, RunPair, Unserved

Change = tuple[str, RunPair | None, RunPair | None]
SIDES = ("households", "units")


def found_pairs(*runs: UUID) -> type[RunPair]:
    """The pairs that these runs found, as they found them: those that were proposed, and those of simulated runs."""
    names = [column.key for column in RunPair.__table__.columns]  # type: ignore[attr-defined] # SQLModel's annotations
    unit = {"unit_id": func.coalesce(col(Proposal.mentor_id), col(Proposal.mentor_group_id))}
    proposed = select_columns(*(unit.get(name, getattr(Proposal, name)).label(name) for name in names))
    simulated = select_columns(*(getattr(RunPair, name) for name in names)).join(
        Run, col(Run.id) == col(RunPair.run_id)).where(col(Run.simulated))
    both = union_all(proposed.where(col(Proposal.run_id).in_(runs)), simulated.where(col(RunPair.run_id).in_(runs)))
    return aliased(RunPair, both.subquery())


async def totals(transaction: OpenTransaction, before: UUID, after: UUID) -> dict[str, int]:
    """How many households keep their unit, get another, gain one or lose theirs; and the sums of the scores."""
    old, new = (select(found_pairs(run_id)).subquery() for run_id in (before, after))
    both = old.c.household_id == new.c.household_id
    same = old.c.unit_id == new.c.unit_id
    counted = select_columns(
        func.count().filter(same).label("same"), func.count().filter(old.c.unit_id != new.c.unit_id).label("other"),
        func.count().filter(old.c.id.is_(None)).label("gained"), func.count().filter(new.c.id.is_(None)).label("lost"),
        func.coalesce(func.sum(old.c.score), 0).label("score_before"),
        func.coalesce(func.sum(new.c.score), 0).label("score_after"),
    ).select_from(old.outerjoin(new, both, full=True))
    row = (await transaction.execute(counted)).mappings().one()
    return {name: int(value) for name, value in row.items()}


def differing(before: UUID, after: UUID) -> SelectOfScalar[Household]:
    """The households that are with somebody else, or with somebody in one of the two runs only."""
    pair = found_pairs(before, after)
    ids = select_columns(col(pair.household_id)).group_by(col(pair.household_id)).having(
        (func.count() < len({before, after})) | (func.count(col(pair.unit_id).distinct()) > 1))
    return select(Household).where(col(Household.id).in_(ids))


async def changes_of(
    transaction: OpenTransaction, before: UUID, after: UUID, households: Sequence[UUID],
) -> dict[UUID, Change]:
    """By household: gained, lost or other, and its pairs in both runs."""
    found: dict[UUID, dict[UUID, RunPair]] = {one: {} for one in households}
    both = found_pairs(before, after)
    for pair in await transaction.scalars(select(both).where(among(both.household_id, households))):
        found[pair.household_id][pair.run_id] = pair
    return {one: (_kind(pairs.get(before), pairs.get(after)), pairs.get(before), pairs.get(after))
            for one, pairs in found.items()}


def _kind(before: RunPair | None, after: RunPair | None) -> str:
    if before is None:
        return "gained"
    return "lost" if after is None else "other"


async def missing_in(
    transaction: OpenTransaction, run_id: UUID, households: Sequence[UUID],
) -> dict[UUID, dict[str, list[str]]]:
    """Why these households got nobody in a run, in words by language."""
    rows = await transaction.scalars(
        select(Unserved).where(Unserved.run_id == run_id, among(Unserved.household_id, households)))
    return {one.household_id: one.missing for one in rows}
