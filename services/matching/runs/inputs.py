"""The HTTP door to what a run computed from: its pool as it is by now, as a file that can be matched again."""

from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy import select as select_columns
from sqlmodel import col

from libs.common.audit import audited
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Transaction
from services.matching.households.model import Household, HouseholdState
from services.matching.households.queries import waits
from services.matching.profiles.queries import beyond_scope
from services.matching.proposals.model import OPEN, PENDING, Proposal
from services.matching.runs.decided import barred_pairs
from services.matching.runs.model import Run
from services.matching.runs.process import Process, called, end_with_parent
from services.matching.runs.queries import copied_households, copied_units, in_pool, kept_pairs, rules_of_day

router = APIRouter(prefix="/runs", tags=["runs"])
IDLE_SECONDS = 5.0
TOLD = ("inputs_hash", "computing_version", "weights_version", "solver", "numpy", "objective", "rules_valid_from",
        "started_at")
FILES = Process(IDLE_SECONDS, end_with_parent)


@router.get("/{run_id}/inputs", response_class=Response, responses={
    200: {"content": {"application/json": {"schema": {"type": "object"}}},
          "description": "A file for `lotse match`; `of_run.same_inputs` says whether it is what the run saw."},
    409: {"description": "The run has no result."}})
async def read_run_inputs(run_id: UUID, transaction: Transaction) -> Response:
    """The pool of a run as it is by now, with the run's day, rules and weights, to be matched again; without names.

    What the run itself proposed is taken back as long as no tandem has come of it: right after the run it is the very
    pool that it saw. Reading is noted in the audit.
    """
    run = await get_or_refuse(transaction, Run, run_id)
    run.refuse_unless_done()
    await audited(transaction, "read", f"run/{run.id}/inputs")
    await beyond_scope(transaction)
    told = {"id": str(run.id)} | {name: getattr(run, name) for name in TOLD}
    text = await _file(await pool_of(transaction, run), told)
    return Response(text, media_type="application/json", headers={
        "Content-Disposition": f'attachment; filename="inputs-{run.id}.json"'})


async def pool_of(transaction: OpenTransaction, run: Run) -> dict[str, Any]:
    """What `load_pool` reads for a run, for one that is done: as if it had proposed nobody."""
    which, rules = partial(in_pool, run=run), await rules_of_day(transaction, run.programme_id, run.today)
    rules["weights"] = (run.weights or {}) | {"weights_version": run.weights_version}
    proposed = select_columns(col(Proposal.household_id)).where(
        col(Proposal.run_id) == run.id, col(Proposal.state).in_(OPEN | PENDING))

    def waited(kind: Any) -> ColumnElement[bool]:
        return and_(which(kind), or_(waits(), and_(
            kind.state == HouseholdState.PROPOSED, col(Household.id).in_(proposed))))

    return rules | {
        "declined": await barred_pairs(transaction, run.programme_id),
        "pinned": kept_pairs(run.pinned), "forbidden": kept_pairs(run.forbidden),
        "households": await copied_households(transaction, waited),
        "units": await copied_units(transaction, which, rules, besides=run)}


async def _file(pool: dict[str, Any], told: dict[str, Any]) -> bytes:
    """Made in a process of its own, in which the computing core is loaded; once more where that was killed."""
    asked = (called, "services.matching.runs.what_if_file", "file_of", pool, told)
    try:
        text: bytes = await FILES.call(*asked)
    except BrokenProcessPool:
        FILES.drop()
        text = await FILES.call(*asked)
    return text
