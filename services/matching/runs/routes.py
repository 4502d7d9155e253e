"""The HTTP door of runs: start one, see how far it is, and read why households stayed without a proposal."""

from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.bodies import Body
from libs.common.codes.types import Ags
from libs.common.db import get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from libs.common.due import schedule
from services.matching.prerequisites.queries import rules_or_refuse
from services.matching.profiles.queries import inside
from services.matching.profiles.rules import refuse_outside, today
from services.matching.runs.model import Run, RunState, Unserved

router = APIRouter(prefix="/runs", tags=["runs"])


class RunIn(Body):
    """Which programme is matched, and in which region with everything in it."""

    programme_id: UUID
    region: Ags = Field(examples=["15087"])


class RunOut(BaseModel):
    """A run: how far it is, what it found, and the proof that nothing better exists: objective and bound are equal."""

    id: UUID
    region: str
    programme_id: UUID
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    today: date | None
    households: int
    units: int
    inputs_hash: str | None
    computing_version: str | None
    weights_version: str | None
    solver: str | None
    possible_pairs: int | None
    objective: int | None
    bound: int | None
    certified: bool | None
    proposed: int
    dropped: int
    failed_with: str | None

    @classmethod
    def of(cls, run: Run) -> "RunOut":
        """The answer's form of a run."""
        return cls.model_validate(run, from_attributes=True)


class ProvenOut(RunOut):
    """A run with its proof: what one more place would add, by unit, and what each household gains; 0 left out."""

    unit_prices: dict[str, int]
    household_values: dict[str, int]


class UnservedOut(BaseModel):
    """A household without a proposal: how many each hard code took from it, alone or with others, and in words."""

    household_id: UUID
    possible: int
    removed: dict[str, int]
    alone: dict[str, int]
    missing: dict[str, list[str]]


@router.post("", status_code=202)
async def start_run(body: RunIn, transaction: Transaction, once: Creation, response: Response) -> RunOut:
    """Match everyone who waits, exactly; the answer says where to look for the result."""
    response.headers["Location"] = f"/v1/runs/{once.id}"
    if once.repeated:
        return RunOut.of(await get_or_refuse(transaction, Run, once.id))
    refuse_outside(transaction.caller.scope, body.region)
    now = transaction.clock.now()
    await rules_or_refuse(transaction, body.programme_id, today(now))
    run = Run(id=once.id, region=body.region, programme_id=body.programme_id, started_at=now,
              started_by=transaction.caller.principal)
    transaction.add(run)
    await schedule(transaction, "run", run.id, now)
    await transaction.flush()
    return RunOut.of(run)


@router.get("")
async def list_runs(transaction: Transaction, paging: PageOf, programme_id: UUID | None = None) -> Page[RunOut]:
    """The runs inside the caller's scope, oldest first."""
    query = select(Run).where(inside(Run, transaction.caller.scope))
    if programme_id:
        query = query.where(Run.programme_id == programme_id)
    rows, following = await page(transaction, query, paging, col(Run.id))
    return Page(items=[RunOut.of(row) for row in rows], next=following)


@router.get("/{run_id}")
async def read_run(run_id: UUID, transaction: Transaction) -> ProvenOut:
    """One run with its proof."""
    return ProvenOut.model_validate(await get_or_refuse(transaction, Run, run_id), from_attributes=True)


@router.get("/{run_id}/unserved")
async def list_unserved(run_id: UUID, transaction: Transaction, paging: PageOf) -> Page[UnservedOut]:
    """The households that this run found nobody for, and why not."""
    run = await get_or_refuse(transaction, Run, run_id)
    query = select(Unserved).where(Unserved.run_id == run.id, inside(Unserved, transaction.caller.scope))
    rows, following = await page(transaction, query, paging, col(Unserved.id))
    return Page(items=[UnservedOut.model_validate(row, from_attributes=True) for row in rows], next=following)
