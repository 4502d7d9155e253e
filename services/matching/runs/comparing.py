"""Runs beside each other: who gains, who loses, and why."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, Uuid, cast, false, func, not_, or_, union_all
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from libs.common.db import OpenTransaction
from services.matching.households.model import Household
from services.matching.profiles.queries import among
from services.matching.proposals.model import Proposal
from services.matching.runs.model import Run, RunPair, RunPool, Unserved

Change = tuple[str, RunPair | None, RunPair | None]


def found_pairs(*runs: UUID) -> type[RunPair]:
    """The pairs that these runs found, as they found them: those that were proposed, and those of simulated runs."""
    names = [column.key for column in RunPair.__table__.columns]  # type: ignore[attr-defined] # SQLModel's annotations
    unit = {"unit_id": func.coalesce(col(Proposal.mentor_id), col(Proposal.mentor_group_id))}
    proposed = select_columns(*(unit.get(name, getattr(Proposal, name)).label(name) for name in names))
    simulated = select_columns(*(getattr(RunPair, name) for name in names)).join(
        Run, col(Run.id) == col(RunPair.run_id)).where(col(Run.simulated))
    both = union_all(proposed.where(col(Proposal.run_id).in_(runs)), simulated.where(col(RunPair.run_id).in_(runs)))
    return aliased(RunPair, both.subquery())


def looked_at(run_id: UUID) -> Subquery:
    """The households that a run looked at."""
    ids = cast(func.jsonb_object_keys(col(RunPool.households)), Uuid)
    return select_columns(ids.label("household_id")).where(col(RunPool.id) == run_id).subquery()


async def totals(transaction: OpenTransaction, before: UUID, after: UUID) -> dict[str, int]:
    """How many households keep their unit, get another, gain one or lose theirs; and the sums of the scores.

    not_in_pool: those with somebody in one of the runs that the other did not look at: they gain and lose nothing.
    """
    old, new = (select(found_pairs(run_id)).subquery() for run_id in (before, after))
    household, pairs = func.coalesce(old.c.household_id, new.c.household_id), old.outerjoin(
        new, old.c.household_id == new.c.household_id, full=True)
    elsewhere: ColumnElement[bool] = false()
    for run_id in await _with_pool(transaction, before, after):
        seen = looked_at(run_id)
        pairs = pairs.outerjoin(seen, seen.c.household_id == household)
        elsewhere = or_(elsewhere, seen.c.household_id.is_(None))
    gained, lost = old.c.id.is_(None), new.c.id.is_(None)
    counted = select_columns(
        func.count().filter(old.c.unit_id == new.c.unit_id).label("same"),
        func.count().filter(old.c.unit_id != new.c.unit_id).label("other"),
        func.count().filter(gained, not_(elsewhere)).label("gained"),
        func.count().filter(lost, not_(elsewhere)).label("lost"), func.count().filter(elsewhere).label("not_in_pool"),
        func.coalesce(func.sum(old.c.score), 0).label("score_before"),
        func.coalesce(func.sum(new.c.score), 0).label("score_after"),
    ).select_from(pairs)
    row = (await transaction.execute(counted)).mappings().one()
    return {name: int(value) for name, value in row.items()}


async def _with_pool(transaction: OpenTransaction, *runs: UUID) -> list[UUID]:
    """Those of which is kept whom they looked at; of others it is taken that they looked at everybody."""
    return sorted(await transaction.scalars(select(RunPool.id).where(col(RunPool.id).in_(runs))))


def differing(before: UUID, after: UUID) -> SelectOfScalar[Household]:
    """The households that are with somebody else, or with somebody in one of the two runs only."""
    pair = found_pairs(before, after)
    ids = select_columns(col(pair.household_id)).group_by(col(pair.household_id)).having(
        (func.count() < len({before, after})) | (func.count(col(pair.unit_id).distinct()) > 1))
    return select(Household).where(col(Household.id).in_(ids))


async def changes_of(
    transaction: OpenTransaction, before: UUID, after: UUID, households: Sequence[UUID],
) -> dict[UUID, Change]:
    """By household: gained, lost, other or not_in_pool, and its pairs in both runs."""
    found: dict[UUID, dict[UUID, RunPair]] = {one: {} for one in households}
    both = found_pairs(before, after)
    for pair in await transaction.scalars(select(both).where(among(both.household_id, households))):
        found[pair.household_id][pair.run_id] = pair
    there = set(households)
    for run_id in await _with_pool(transaction, before, after):
        seen = looked_at(run_id).c.household_id
        there &= set(await transaction.scalars(select_columns(seen).where(among(seen, households))))
    return {one: (_kind(pairs.get(before), pairs.get(after), in_both=one in there), pairs.get(before), pairs.get(after))
            for one, pairs in found.items()}


def _kind(before: RunPair | None, after: RunPair | None, *, in_both: bool) -> str:
    if before and after:
        return "other"
    if not in_both:
        return "not_in_pool"
    return "lost" if before else "gained"


async def missing_in(
    transaction: OpenTransaction, run_id: UUID, households: Sequence[UUID],
) -> dict[UUID, dict[str, list[str]]]:
    """Why these households got nobody in a run, in words by language."""
    rows = await transaction.scalars(
        select(Unserved).where(Unserved.run_id == run_id, among(Unserved.household_id, households)))
    return {one.household_id: one.missing for one in rows}
