"""The HTTP door of proposals: approve, invite and note what became of it; and both sides' answers by link."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body, Line
from libs.common.codes.types import Day
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import Side
from libs.common.links import Holding, by_link
from libs.common.refusals import Invalid, Refused
from services.matching.households.model import Household
from services.matching.links.queries import ANSWER, asking_page, done, turned_down
from services.matching.obstacles.rules import Obstacle, told
from services.matching.profiles.queries import beyond_scope, inside
from services.matching.profiles.rules import refuse_before, refuse_future, today
from services.matching.proposals.model import (
    OF_SYSTEM,
    OPEN,
    ApproveReason,
    DeclineReason,
    DismissReason,
    Proposal,
    ProposalState,
)
from services.matching.proposals.queries import (
    Pair,
    locked_proposal,
    shared_now,
    side_of,
    told_before,
    was_not_reached,
)
from services.matching.proposals.reactions import accepted, approved, declined, dismissed, invited
from services.matching.proposals.rules import reasons_of

router = APIRouter(prefix="/proposals", tags=["proposals"])
Invited = Annotated[Holding, by_link(ANSWER.name)]
# Buttons for the commonest reasons; a program may give any.
OFFERED_REASONS = (DeclineReason.NO_TIME, DeclineReason.DISTANCE, DeclineReason.WISH_NOT_MET,
                   DeclineReason.NO_REASON_GIVEN)


class DecisionIn(Body):
    """What an authority decided, and where that can be looked up; no person's name."""

    decided_on: Day
    reference: Line = Field(examples=["Az. 12-2026"])


class ApprovalIn(Body):
    """Why, if there is more to it than that it was proposed; and the authority's decision where one chooses."""

    reason: ApproveReason | None = None
    decision: DecisionIn | None = None


class DismissalIn(Body):
    """Why the coordinator does not bring them together."""

    reason: DismissReason = Field(examples=["not_suitable"])


class SaidIn(Body):
    """What a side said on the telephone or in person."""

    side: Side
    accepted: bool
    reason: DeclineReason | None = Field(None, description="Of a no; `no_reason_given`, if they gave none.")


class MetIn(Body):
    """The day on which they met for the first time."""

    on: Day


class ProposalOut(BaseModel):
    """A proposal: who, how many points for what, and why in German and English; no names."""

    id: UUID
    version: int
    run_id: UUID | None
    region: str
    programme_id: UUID
    household_id: UUID
    mentor_id: UUID | None
    mentor_group_id: UUID | None
    state: ProposalState
    score: int
    bonus: int
    worth: int
    unit_price: int
    points: dict[str, int]
    reasons: list[dict[str, Any]] = Field(
        description="In the words of today. `found`: where a side has changed since, those that the points are for.")
    besides: dict[str, list[str]] = Field(description="As of when they were found, like all points.")
    obstacles: list[Obstacle]
    next_best: dict[str, Any] | None
    approved_at: datetime | None
    approved_reason: ApproveReason | None
    decided_on: date | None
    decision_reference: str | None
    dismissed_reason: DismissReason | None
    invited_at: datetime | None
    expires_at: datetime | None
    mentors_accepted_at: datetime | None
    household_accepted_at: datetime | None
    mentors_not_reached_since: datetime | None
    household_not_reached_since: datetime | None
    declined_side: Side | None
    declined_reason: DeclineReason | None
    first_meeting_on: date | None

    @classmethod
    def of(cls, proposal: Proposal, now: dict[str, Any]) -> "ProposalOut":
        """The answer's form of a proposal; now: what the two have in common today."""
        reasons, besides = reasons_of(proposal, now)
        return cls(**proposal.model_dump() | {
            "reasons": reasons, "besides": besides, "obstacles": told(proposal.obstacles)})


class AnsweredOut(BaseModel):
    """What became of an invitation by this answer."""

    state: ProposalState
    side: Side


@router.get("")
async def list_proposals(
    transaction: Transaction, paging: PageOf, run_id: UUID | None = None, state: ProposalState | None = None,
    household_id: UUID | None = None, mentor_id: UUID | None = None, mentor_group_id: UUID | None = None,
    with_obstacles: Annotated[bool, Query(description="Who were invited, and no longer fit together.")] = False,  # noqa: FBT002
    not_reached: Annotated[bool, Query(description="Whose invitation did not reach a side; telephone.")] = False,  # noqa: FBT002
) -> Page[ProposalOut]:
    """The proposals inside the caller's scope, oldest first."""
    query = select(Proposal).where(inside(Proposal, transaction.caller.scope))
    for name, given in (("run_id", run_id), ("state", state), ("household_id", household_id),
                        ("mentor_id", mentor_id), ("mentor_group_id", mentor_group_id)):
        query = query.where(getattr(Proposal, name) == given) if given is not None else query
    if with_obstacles:
        query = query.where(col(Proposal.state).in_(OPEN), col(Proposal.obstacles) != [])
    query = query.where(was_not_reached()) if not_reached else query
    rows, following = await page(transaction, query, paging, col(Proposal.id))
    now = await shared_now(transaction, rows)
    return Page(items=[ProposalOut.of(row, now[row.id]) for row in rows], next=following)


@router.get("/{proposal_id}")
async def read_proposal(proposal_id: UUID, transaction: Transaction, response: Response) -> ProposalOut:
    """One proposal with its reasons. Reading it is noted in the audit."""
    proposal = await get_or_refuse(transaction, Proposal, proposal_id)
    await beyond_scope(transaction)  # they may have moved since
    household = await transaction.get_one(Household, proposal.household_id)
    await audited(transaction, "read", f"proposal/{proposal.id}", household.person_ref)
    return await shown(transaction, proposal, response)


@router.post("/{proposal_id}/approve")
async def approve_proposal(
    proposal_id: UUID, body: ApprovalIn, transaction: Transaction, expected: Expected, response: Response,
) -> ProposalOut:
    """The coordinator approves a proposal; where an authority chooses, its decision is recorded."""
    proposal, pair = await locked_proposal(transaction, proposal_id, version=expected)
    decision = body.decision
    if decision:
        refuse_future(decision.decided_on, transaction.clock.now(), "decision")
    await approved(transaction, proposal, pair, body.reason, decision.decided_on if decision else None,
                   decision.reference if decision else None)
    return await _told(transaction, proposal, pair.household, response)


@router.post("/{proposal_id}/dismiss")
async def dismiss_proposal(
    proposal_id: UUID, body: DismissalIn, transaction: Transaction, expected: Expected, response: Response,
) -> ProposalOut:
    """The coordinator does not bring them together; the household waits again, and the pair does not come back.

    It may come back when the reason is only of this moment: `computed_anew` or `postponed`.
    """
    if body.reason in OF_SYSTEM:
        raise Invalid("reason-of-system", "This reason is given by the system alone; give your own.", field="reason")
    proposal, pair = await locked_proposal(transaction, proposal_id, version=expected)
    await dismissed(transaction, proposal, pair, body.reason, transaction.caller.principal)
    return await _told(transaction, proposal, pair.household, response)


@router.post("/{proposal_id}/invite")
async def invite_both(
    proposal_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ProposalOut:
    """Ask both sides, each by a link of its own; for seven days a place is held for them, and never two.

    Where a side has no mail address the answer says that it is not reached (`…_not_reached_since`): telephone.
    """
    proposal, pair = await locked_proposal(transaction, proposal_id, version=expected)
    await invited(transaction, proposal, pair)
    return await _told(transaction, proposal, pair.household, response)


@router.post("/{proposal_id}/answers")
async def note_answer(
    proposal_id: UUID, body: SaidIn, transaction: Transaction, expected: Expected, response: Response,
) -> ProposalOut:
    """The coordinator notes what a side said on the telephone, or after the first meeting; a no with its reason."""
    proposal, pair = await locked_proposal(transaction, proposal_id, version=expected)
    if body.accepted:
        await accepted(transaction, proposal, pair, body.side)
    elif body.reason is None:
        raise Invalid("decline-reason-missing", "Say why the side declines; no_reason_given, if it gave no reason.",
                      field="reason")
    else:
        await declined(transaction, proposal, pair, body.side, body.reason)
    proposal.note_answer_by(body.side, transaction.caller.principal)
    return await _told(transaction, proposal, pair.household, response)


@router.post("/{proposal_id}/first_meeting")
async def note_first_meeting(
    proposal_id: UUID, body: MetIn, transaction: Transaction, expected: Expected, response: Response,
) -> ProposalOut:
    """They have met for the first time, with the coordinator; if both want to try it, a tandem is begun."""
    now = transaction.clock.now()
    refuse_future(body.on, now, "on")
    proposal, pair = await locked_proposal(transaction, proposal_id, version=expected)
    proposal.meet(body.on)
    if proposal.approved_at:
        # A clock that was ahead then keeps nobody from meeting today.
        refuse_before(body.on, today(min(proposal.approved_at, now)), "on")
    return await _told(transaction, proposal, pair.household, response)


@router.get("/invitations/{token}", response_class=HTMLResponse)
async def show_invitation(request: Request, holding: Invited) -> HTMLResponse:
    """What a side learns before it answers: reasons in its language, no names. Opening it changes nothing."""
    proposal, pair = await _invitation(holding)
    side = await side_of(holding.transaction, pair, holding.link.person_ref)
    paragraphs = await told_before(holding.transaction, proposal, pair, side, holding.link.person_ref)
    token = request.path_params["token"]
    buttons = [("accept", f"{token}/accept"),
               *((f"decline_{reason.value}", f"{token}/decline?reason={reason.value}") for reason in OFFERED_REASONS)]
    return await asking_page(holding, "invitation", paragraphs, buttons)


@router.post("/invitations/{token}/accept", response_model=AnsweredOut)
async def accept_invitation(request: Request, holding: Invited) -> Any:
    """A side accepts by its link; of several answers at the same time the first counts."""
    try:
        proposal, pair = await _invitation(holding)
        side = await side_of(holding.transaction, pair, holding.link.person_ref)
        await accepted(holding.transaction, proposal, pair, side)
        await audited(holding.transaction, "change", f"proposal/{proposal.id}", holding.link.person_ref)
    except Refused as refused:
        return await turned_down(request, holding, refused)
    return await done(request, holding, "accepted", AnsweredOut(state=proposal.state, side=side))


@router.post("/invitations/{token}/decline", response_model=AnsweredOut)
async def decline_invitation(
    request: Request, holding: Invited, reason: DeclineReason = DeclineReason.NO_REASON_GIVEN,
) -> Any:
    """A side declines by its link; the place is free again."""
    try:
        proposal, pair = await _invitation(holding)
        side = await side_of(holding.transaction, pair, holding.link.person_ref)
        await declined(holding.transaction, proposal, pair, side, reason)
        await audited(holding.transaction, "change", f"proposal/{proposal.id}", holding.link.person_ref)
    except Refused as refused:
        return await turned_down(request, holding, refused)
    return await done(request, holding, "declined", AnsweredOut(state=proposal.state, side=side))


async def _invitation(holding: Holding) -> tuple[Proposal, Pair]:
    return await locked_proposal(holding.transaction, holding.link.about)


async def _told(
    transaction: OpenTransaction, proposal: Proposal, household: Household, response: Response,
) -> ProposalOut:
    await audited(transaction, "change", f"proposal/{proposal.id}", household.person_ref)
    await transaction.flush()
    return await shown(transaction, proposal, response)


async def shown(transaction: OpenTransaction, proposal: Proposal, response: Response) -> ProposalOut:
    """The proposal as it is answered, with its version."""
    now = await shared_now(transaction, [proposal])
    tag(response, proposal.version)
    return ProposalOut.of(proposal, now[proposal.id])
