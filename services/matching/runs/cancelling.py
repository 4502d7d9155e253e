"""The HTTP door by which a run is cancelled: by whom, and why."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from libs.common.bodies import Body
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Transaction
from libs.common.refusals import Refused
from services.matching.runs.model import CancelReason, Run, RunState
from services.matching.runs.routes import RunOut

router = APIRouter(prefix="/runs", tags=["runs"])


class CancellingIn(Body):
    """Why nobody waits for the result any more."""

    reason: CancelReason = Field(examples=["started_by_mistake"])


@router.post("/{run_id}/cancel")
async def cancel_run(run_id: UUID, body: CancellingIn, transaction: Transaction) -> RunOut:
    """Nobody waits for its result any more: it is stopped within seconds, and proposes nothing.

    Who cancelled it first, and why, is kept with the run.
    """
    return await _cancelled(transaction, await get_or_refuse(transaction, Run, run_id, lock=True), body)


@router.post("/{run_id}/cancel_simulation")
async def cancel_simulation(run_id: UUID, body: CancellingIn, transaction: Transaction) -> RunOut:
    """The same of a simulated run, for whoever may only simulate."""
    run = await get_or_refuse(transaction, Run, run_id, lock=True)
    if not run.simulated:
        raise Refused("run-not-simulated", "This run is no simulation; a coordinator may cancel it.")
    return await _cancelled(transaction, run, body)


async def _cancelled(transaction: OpenTransaction, run: Run, body: CancellingIn) -> RunOut:
    if run.state is not RunState.CANCELLED:
        run.cancel(transaction.caller.principal, body.reason, transaction.clock.now())
    await transaction.flush()
    return RunOut.of(run)
