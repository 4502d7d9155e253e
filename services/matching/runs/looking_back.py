"""The HTTP door to runs that are done: what another run would change, and whether what was found still holds."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel import col

from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Page, PageOf, Transaction, page
from libs.common.refusals import Invalid
from services.matching.households.model import Household
from services.matching.profiles.queries import beyond_scope, inside
from services.matching.runs import comparing, staleness
from services.matching.runs.explanation import in_words
from services.matching.runs.model import Run
from services.matching.runs.routes import PairOut

router = APIRouter(prefix="/runs", tags=["runs"])


class ComparisonOut(BaseModel):
    """Two runs beside each other: how many households keep their unit, get another, gain one or lose theirs.

    Only whom both looked at gains or loses.
    """

    before: UUID
    after: UUID
    same: int
    other: int
    gained: int
    lost: int
    not_in_pool: int = Field(description="With somebody in one run, and not looked at by the other.")
    score_before: int
    score_after: int
    same_inputs: bool


class ChangeOut(BaseModel):
    """What another run means for a household: its pairs, how the points differ, and why it got nobody where it did."""

    household_id: UUID
    kind: Literal["gained", "lost", "other", "not_in_pool"]
    before: PairOut | None
    after: PairOut | None
    points: dict[str, int] = Field(description="After less before, by criterion.")
    missing: dict[str, list[str]] = Field(description="In words, by language.")


class SinceOut(BaseModel):
    """What has changed since the run looked at the pool: what it found may be outdated then.

    What still stands of its own proposals is no change. Null is what an earlier version did not keep of its runs.
    """

    run_id: UUID
    changed: bool | None = Field(description="Null: nothing that is known of, but not all is known.")
    households_new: int | None
    households_gone: int | None
    households_changed: int | None
    units_new: int | None
    units_gone: int | None
    units_changed: int | None
    units_places: int | None = Field(description="Mentors and groups of whose places another number is free.")
    pairs_barred: int | None = Field(description="Pairs that came to nothing since, and do not come back.")
    weights_changed: bool | None = Field(description="The programme has other weights than the run computed with.")
    rules_changed: bool | None = Field(description="Whether a home is asked for, for how long, and who chooses.")


@router.get("/{run_id}/changed_since")
async def read_changed_since(run_id: UUID, transaction: Transaction) -> SinceOut:
    """Whether the pool, or what the programme asks of a run, is another by now than the run saw it."""
    run = await get_or_refuse(transaction, Run, run_id)
    run.refuse_unless_done()
    await beyond_scope(transaction)
    counted = await staleness.changed_since(transaction, run)
    return SinceOut.model_validate({"run_id": run.id, "changed": staleness.is_changed(counted)} | counted)


@router.get("/{run_id}/comparison")
async def compare_runs(run_id: UUID, other: UUID, transaction: Transaction) -> ComparisonOut:
    """What another run would change for the households of this one, in numbers."""
    before, after = await _both(transaction, run_id, other)
    return ComparisonOut(before=before.id, after=after.id, same_inputs=before.inputs_hash == after.inputs_hash,
                         **await comparing.totals(transaction, before.id, after.id))


@router.get("/{run_id}/comparison/households")
async def list_changes(run_id: UUID, other: UUID, transaction: Transaction, paging: PageOf) -> Page[ChangeOut]:
    """Which households another run would help, or cost something, and why."""
    before, after = await _both(transaction, run_id, other)
    query = comparing.differing(before.id, after.id).where(inside(Household, transaction.caller.scope))
    rows, following = await page(transaction, query, paging, col(Household.id))
    ids = [row.id for row in rows]
    changes = await comparing.changes_of(transaction, before.id, after.id, ids)
    nobody = [await comparing.missing_in(transaction, one.id, ids) for one in (before, after)]
    return Page(items=[_change(one, changes[one], {**nobody[0].get(one, {}), **nobody[1].get(one, {})})
                       for one in ids], next=following)


async def _both(transaction: OpenTransaction, *runs: UUID) -> tuple[Run, Run]:
    before, after = [await get_or_refuse(transaction, Run, one) for one in runs]
    for run in (before, after):
        run.refuse_unless_done()
    if before.programme_id != after.programme_id:
        raise Invalid("programmes-differ", "The two runs are of different programmes; compare runs of one.",
                      field="other")
    return before, after


def _change(household_id: UUID, change: comparing.Change, missing: dict[str, list[str]]) -> ChangeOut:
    kind, before, after = change
    names = sorted({*(before.points if before else ()), *(after.points if after else ())})
    points = {name: (after.points.get(name, 0) if after else 0) - (before.points.get(name, 0) if before else 0)
              for name in names}
    return ChangeOut.model_validate({
        "household_id": household_id, "kind": kind, "points": points,
        "missing": in_words("not_looked_at") if kind == "not_in_pool" else missing,
        "before": PairOut.of(before) if before else None, "after": PairOut.of(after) if after else None})
