"""The HTTP door of oversight: how fair a run was, which data moved what in it, and who decided what and why."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.callers import Role
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Transaction
from libs.common.sheets import as_csv
from services.matching.profiles.queries import among, inside
from services.matching.proposals.model import Proposal
from services.matching.proposals.queries import bool_column
from services.matching.runs.model import CancelReason, PairReason, Run
from services.matching.runs.reading import BONUS, CRITERIA, HARD, told
from services.matching.runs.releases import figures

router = APIRouter(prefix="/runs", tags=["runs"])
COLUMNS = ("proposal_id", "household_id", "unit_id", "score", *CRITERIA, "bonus", "state", "proposed_by",
           "proposed_reason", "approved_by", "approved_at", "approved_reason", "decided_on", "decision_reference",
           "dismissed_by", "dismissed_reason", "invited_by", "invited_at", "mentors_accepted_at",
           "mentors_answer_noted_by", "household_accepted_at", "household_answer_noted_by", "declined_side",
           "declined_reason", "first_meeting_on", "ended_at", "pinned", "pin_reason", "worth",
           "unit_price", "gain", "weights_version")


class GroupOut(BaseModel):
    """A group of households; what tells of fewer than five is hidden (null), and what it could be reckoned from."""

    dimension: str = Field(examples=["language"])
    value: str = Field(examples=["ar"])
    waited: int | None
    served: int | None
    served_share: float | None
    median_before: float | None = Field(description="Days.")
    p95_before: int | None
    median_after: float | None
    p95_after: int | None
    as_of_run: UUID = Field(description="The run whose figures of this dimension these are.")


class FairnessOut(BaseModel):
    """How long groups of households had waited before a run and wait after it, and which share of them it served."""

    run_id: UUID
    groups: list[GroupOut]


class CriterionOut(BaseModel):
    """What a criterion can give, and the data that it reads."""

    most: int | None
    data: list[str]


class AccountOut(BaseModel):
    """For who looks after data protection: with what a run computed, who started it, and which data moved what."""

    run_id: UUID
    started_by: str
    started_at: datetime
    finished_at: datetime | None
    cancelled_by: str | None
    cancelled_why: CancelReason | None
    rules_valid_from: date | None
    computing_version: str | None
    weights_version: str | None
    solver: str | None
    inputs_hash: str | None
    certified: bool | None
    criteria: dict[str, CriterionOut]
    hard: dict[str, list[str]]
    pinned: list[list[str]]
    forbidden: list[list[str]]
    pinned_reasons: list[PairReason | None] = Field(description="In the order of the pairs; null: nobody told.")
    forbidden_reasons: list[PairReason | None]


@router.get("/{run_id}/fairness")
async def read_fairness(run_id: UUID, transaction: Transaction) -> FairnessOut:
    """Waiting and served share by language, gender, age band and region; small cells are hidden.

    Who may read no household is told a dimension anew only where no count of it is nearly, but not quite, what was
    told before (`as_of_run`): else two runs would tell of the one household that came in between.
    """
    run = await get_or_refuse(transaction, Run, run_id)
    run.refuse_unless_done()
    if transaction.caller.role is Role.COORDINATOR or run.released is None:
        rows = [row | {"as_of_run": run.id} for row in run.fairness]
    else:
        rows = await figures(transaction, run)
    return FairnessOut(run_id=run.id, groups=[GroupOut.model_validate(one) for one in rows])


@router.get("/{run_id}/account")
async def read_account(run_id: UUID, transaction: Transaction) -> AccountOut:
    """Which data of the two sides each hard constraint and each criterion read, and with which weights."""
    run = await get_or_refuse(transaction, Run, run_id)
    weights = run.weights or {}
    criteria = {name: CriterionOut(most=weights.get(name), data=told(data)) for name, data in CRITERIA.items()}
    criteria["bonus"] = CriterionOut(
        most=weights["waiting_most"] + 3 * weights["urgency_bonus"] if weights else None, data=list(BONUS))
    return AccountOut(run_id=run.id, criteria=criteria, hard={code: told(data) for code, data in HARD.items()},
                      **{name: getattr(run, name) for name in AccountOut.model_fields
                         if name not in {"run_id", "criteria", "hard"}})


@router.get("/{run_id}/decisions.csv", response_class=Response, responses={
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The decisions as CSV (UTF-8)."}})
async def export_decisions(run_id: UUID, transaction: Transaction) -> Response:
    """Every proposal of a run with its points, and what people decided: who, when, and for which reason; no names.

    approved_reason: empty beside approved_by where the coordinator followed the proposal without a word. pin_reason:
    why who started the run wanted the pair. gain: worth less unit_price, by which options are ordered.
    …_answer_noted_by: which coordinator noted what a side said; empty: it answered by its link. declined_reason: empty
    beside declined_side where that side takes part no longer. ended_at: when it was dismissed, declined or expired.
    Reading it is noted in the audit.
    """
    run = await get_or_refuse(transaction, Run, run_id)
    await audited(transaction, "read", f"run/{run.id}/decisions")
    return await decisions_file(transaction, f"decisions-{run.id}.csv", bool_column(Proposal.run_id == run.id))


async def decisions_file(transaction: OpenTransaction, name: str, which: ColumnElement[bool]) -> Response:
    """The decisions on these proposals inside the caller's scope, in the order in which they were made."""
    query = select(Proposal).where(which, inside(Proposal, transaction.caller.scope)).order_by(col(Proposal.id))
    found = (await transaction.scalars(query)).all()
    runs = await transaction.scalars(select(Run).where(among(Run.id, {one.run_id for one in found if one.run_id})))
    of_run = {run.id: (run.weights_version, run.why_pinned()) for run in runs}
    rows = [_decision(one, *(of_run[one.run_id] if one.run_id else (one.weights_version, {}))) for one in found]
    return Response(as_csv(COLUMNS, rows), media_type="text/csv; charset=utf-8",
                    headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _decision(
    proposal: Proposal, weights_version: str | None, why_pinned: dict[tuple[str, ...], str | None],
) -> dict[str, Any]:
    return {name: getattr(proposal, name) for name in COLUMNS if hasattr(proposal, name)} | {
        "proposal_id": proposal.id, **{name: proposal.points.get(name) for name in CRITERIA},
        "pin_reason": why_pinned.get((str(proposal.household_id), str(proposal.unit_id))),
        "gain": proposal.worth - proposal.unit_price, "weights_version": weights_version}
