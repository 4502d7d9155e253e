"""The HTTP door of runs: start one, see how far it is, and read why households stayed without a proposal."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import col, not_, select

from libs.common.audit import audited
from libs.common.bodies import Body
from libs.common.codes.types import Ags
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from libs.common.due import schedule
from libs.common.refusals import Invalid, NotFound, Refused
from services.matching.households.model import Household
from services.matching.prerequisites.queries import rules_or_refuse
from services.matching.profiles.queries import among, beyond_scope, inside
from services.matching.profiles.rules import refuse_future, refuse_outside, today
from services.matching.proposals.model import ApproveReason, DismissReason, Proposal, ProposalState
from services.matching.proposals.queries import lock_pairs, locked_proposal
from services.matching.proposals.reactions import approved, released
from services.matching.proposals.routes import DecisionIn
from services.matching.runs import comparing
from services.matching.runs.model import CancelReason, PairReason, Run, RunPair, RunState, Unserved
from services.matching.runs.steps import Step
from services.matching.runs.wanted import PairIn, Pinned, refuse_too_many, refuse_unknown, written
from services.matching.runs.words import Failed
from services.matching.weights.routes import FullWeights, tried

router = APIRouter(prefix="/runs", tags=["runs"])


class SimulationIn(Body):
    """Which programme is tried, in which region with everything in it; with which weights and pairs."""

    programme_id: UUID
    region: Ags = Field(examples=["15087"])
    pinned: Pinned = Field(default=[], max_length=500, description="Part of it whatever else were better.")
    forbidden: list[PairIn] = Field(default=[], max_length=500, description="Ruled out for this run.")
    weights: FullWeights | None = Field(None, description="To be tried; what is left out is as in the programme.")


class RunIn(SimulationIn):
    """Which programme is matched, in which region with everything in it; and what somebody wants for this run.

    A simulated run proposes nothing: it shows what other weights or other pairs would bring.
    """

    simulate: bool = False
    weights: FullWeights | None = Field(
        None, description="To be tried, in a simulated run only; what is left out is as in the programme.")

    def refuse_real_trial(self) -> None:
        """Nobody is proposed by weights that are not the programme's."""
        if self.weights and not self.simulate:
            raise Invalid("weights-only-tried", "Weights are tried in a simulated run only; for others they are set for"
                          " the programme.", field="weights")


class ApprovalsIn(Body):
    """Which of a run's proposals the coordinator approves, and why, if they say so; the others stay."""

    proposal_ids: list[UUID] = Field(min_length=1, max_length=500)
    reason: ApproveReason | None = None
    decision: DecisionIn | None = Field(None, description="Where an authority chooses: what it decided on all of them.")


class ReleaseIn(Body):
    """Why the rest of a run is let go; no pair is barred by it."""

    reason: Literal[DismissReason.COMPUTED_ANEW, DismissReason.POSTPONED] = Field(examples=["computed_anew"])


class RunOut(BaseModel):
    """A run: how far it is, what it found, and the proof that nothing better exists: objective and bound are equal."""

    id: UUID
    region: str
    programme_id: UUID
    state: RunState
    cancelled_by: str | None
    cancelled_why: CancelReason | None
    started_at: datetime
    finished_at: datetime | None
    simulated: bool
    step: Step | None = Field(description="What is being done while it runs.")
    step_count: int = Field(description="How much of it: people, pairs, rounds, proposals.")
    today: date | None
    rules_valid_from: date | None = Field(description="Since when the rule set holds that it computed with.")
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
    failed_with: Failed | None = Field(description="failed_because says the same in words.")
    failed_because: dict[str, list[str]] = Field(description="By language, why it failed; of others nothing.")
    failed_pair: list[str] | None = Field(description="The pair that cannot be pinned, and the hard codes against it.")

    @classmethod
    def of(cls, run: Run) -> "RunOut":
        """The answer's form of a run."""
        return cls.model_validate(run, from_attributes=True)


class ProvenOut(RunOut):
    """A run with its proof: what one more place would add, by unit, and what each household gains; 0 left out."""

    unit_prices: dict[str, int]
    household_values: dict[str, int]
    weights: dict[str, int] | None
    pinned: list[list[str]]
    forbidden: list[list[str]]
    pinned_reasons: list[PairReason | None] = Field(description="In the order of the pairs.")
    forbidden_reasons: list[PairReason | None]


class PairOut(BaseModel):
    """A pair as a run found it, with its points by criterion."""

    household_id: UUID
    unit_id: UUID
    score: int
    worth: int
    unit_price: int
    pinned: bool
    points: dict[str, int]

    @classmethod
    def of(cls, pair: RunPair) -> "PairOut":
        """The answer's form of a pair."""
        return cls.model_validate(pair, from_attributes=True)


class UnservedOut(BaseModel):
    """A household without a proposal: how many each hard code took from it, alone or with others, and in words."""

    household_id: UUID
    possible: int
    removed: dict[str, int]
    alone: dict[str, int]
    missing: dict[str, list[str]]


class UnservedInOut(UnservedOut):
    """The same of one run, with the region that was matched, and when."""

    run_id: UUID
    region: str
    finished_at: datetime | None


@router.post("", status_code=202)
async def start_run(body: RunIn, transaction: Transaction, once: Creation, response: Response) -> RunOut:
    """Match everyone who waits, exactly; the answer says where to look for the result."""
    body.refuse_real_trial()
    return await _started(body, transaction, once, response, simulated=body.simulate)


@router.post("/simulate", status_code=202)
async def simulate_run(body: SimulationIn, transaction: Transaction, once: Creation, response: Response) -> RunOut:
    """Try weights or pairs on everyone who waits, before weights are set or a run is started: nobody is proposed."""
    return await _started(body, transaction, once, response, simulated=True)


@router.get("")
async def list_runs(transaction: Transaction, paging: PageOf, programme_id: UUID | None = None) -> Page[RunOut]:
    """The runs inside the caller's scope, oldest first."""
    query = select(Run).where(inside(Run, transaction.caller.scope))
    if programme_id:
        query = query.where(Run.programme_id == programme_id)
    rows, following = await page(transaction, query, paging, col(Run.id))
    return Page(items=[RunOut.of(row) for row in rows], next=following)


@router.get("/unserved")
async def list_unserved_runs(household_id: UUID, transaction: Transaction, paging: PageOf) -> Page[UnservedInOut]:
    """The runs that found nobody for a household, the first first, and why not: also those of a larger region.

    Such a run is closed to who coordinates a part of it; simulated ones are left out. Reading it is noted in the audit.
    """
    household = await get_or_refuse(transaction, Household, household_id)
    await audited(transaction, "read", f"household/{household.id}", household.person_ref)
    await beyond_scope(transaction)
    query = select(Unserved).join(Run, col(Run.id) == col(Unserved.run_id)).where(
        Unserved.household_id == household.id, inside(Unserved, transaction.caller.scope), not_(col(Run.simulated)))
    rows, following = await page(transaction, query, paging, col(Unserved.id))
    runs = {run.id: run for run in await transaction.scalars(select(Run).where(among(Run.id, [
        row.run_id for row in rows])))}
    return Page(items=[UnservedInOut(**row.model_dump() | {
        "region": runs[row.run_id].region, "finished_at": runs[row.run_id].finished_at}) for row in rows],
        next=following)


@router.get("/{run_id}")
async def read_run(run_id: UUID, transaction: Transaction) -> ProvenOut:
    """One run with its proof."""
    return ProvenOut.model_validate(await get_or_refuse(transaction, Run, run_id), from_attributes=True)


@router.get("/{run_id}/unserved")
async def list_unserved(run_id: UUID, transaction: Transaction, paging: PageOf) -> Page[UnservedOut]:
    """The households that this run found nobody for, and why not. Reading it is noted in the audit."""
    run = await get_or_refuse(transaction, Run, run_id)
    await audited(transaction, "read", f"run/{run.id}/unserved")
    query = select(Unserved).where(Unserved.run_id == run.id, inside(Unserved, transaction.caller.scope))
    rows, following = await page(transaction, query, paging, col(Unserved.id))
    return Page(items=[UnservedOut.model_validate(row, from_attributes=True) for row in rows], next=following)


@router.get("/{run_id}/pairs")
async def list_pairs(run_id: UUID, transaction: Transaction, paging: PageOf) -> Page[PairOut]:
    """The pairs that a run found, as it found them; also those of a simulated one. Reading it is noted in the audit."""
    run = await get_or_refuse(transaction, Run, run_id)
    await audited(transaction, "read", f"run/{run.id}/pairs")
    pair = comparing.found_pairs(run.id)
    query = select(pair).where(inside(pair, transaction.caller.scope))
    rows, following = await page(transaction, query, paging, col(pair.id))
    return Page(items=[PairOut.of(row) for row in rows], next=following)


@router.post("/{run_id}/approve")
async def approve_some(run_id: UUID, body: ApprovalsIn, transaction: Transaction) -> list[UUID]:
    """The coordinator approves several of a run's proposals at once: all of those named, or none.

    Those that were approved before stay as they are; a refusal names the proposal at fault.
    """
    run, decision = await get_or_refuse(transaction, Run, run_id), body.decision
    if decision:
        refuse_future(decision.decided_on, transaction.clock.now(), "decision")
    asked = sorted(set(body.proposal_ids))
    proposals = await _of_run(transaction, run, asked)
    await beyond_scope(transaction)
    await lock_pairs(transaction, proposals)
    for proposal_id in asked:
        proposal, pair = await locked_proposal(transaction, proposal_id)
        if proposal.stands_approved:
            continue
        if proposal.state is not ProposalState.PROPOSED:
            raise Refused("proposal-not-to-approve", "Proposal {proposal_id} is {state}; none of them was approved.",
                          field="proposal_ids", proposal_id=proposal_id, state=proposal.state)
        await approved(transaction, proposal, pair, body.reason, decision.decided_on if decision else None,
                       decision.reference if decision else None)
        await audited(transaction, "change", f"proposal/{proposal.id}", pair.household.person_ref)
    return asked


@router.post("/{run_id}/release")
async def release_rest(run_id: UUID, body: ReleaseIn, transaction: Transaction) -> list[UUID]:
    """Let go what nobody has approved of a run, 500 at a time: the households wait again, and no pair is barred.

    The answer tells which; sent again it goes on, until it tells none.
    """
    run = await get_or_refuse(transaction, Run, run_id)
    run.refuse_unless_done()
    return await released(transaction, run.id, body.reason)


async def _started(
    body: SimulationIn, transaction: OpenTransaction, once: Creation, response: Response, *, simulated: bool,
) -> RunOut:
    response.headers["Location"] = f"/v1/runs/{once.id}"
    if once.repeated:
        return RunOut.of(await get_or_refuse(transaction, Run, once.id))
    refuse_outside(transaction.caller.scope, body.region)
    await refuse_too_many(transaction)
    now = transaction.clock.now()
    await rules_or_refuse(transaction, body.programme_id, today(now))
    for field, pairs in (("pinned", body.pinned), ("forbidden", body.forbidden)):
        await refuse_unknown(transaction, body.programme_id, pairs, field)
    weights = await tried(transaction, body.programme_id, body.weights)
    run = Run(id=once.id, region=body.region, programme_id=body.programme_id, started_at=now,
              started_by=transaction.caller.principal, simulated=simulated, pinned=written(body.pinned),
              forbidden=written(body.forbidden), pinned_reasons=[one.reason for one in body.pinned],
              forbidden_reasons=[one.reason for one in body.forbidden],
              weights=weights)
    transaction.add(run)
    await schedule(transaction, "run", run.id, now)
    await transaction.flush()
    return RunOut.of(run)


async def _of_run(transaction: OpenTransaction, run: Run, asked: list[UUID]) -> list[Proposal]:
    """These proposals; refused unless every one is the run's."""
    own = {one.id: one for one in await transaction.scalars(
        select(Proposal).where(Proposal.run_id == run.id, among(Proposal.id, asked)))}
    for other in (one for one in asked if one not in own):
        raise NotFound("proposal-not-of-run", "This run has no proposal {proposal_id}; none of them was approved.",
                       field="proposal_ids", proposal_id=other)
    return list(own.values())
