"""The HTTP door of tandems: begin on trial, pause, end; and both sides' consent by link."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.codes.lists import TandemKind
from libs.common.codes.types import Day
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import Side, TandemPaused, TandemResumed
from libs.common.links import Holding, by_link
from libs.common.outbox import announce
from libs.common.persons import languages_of
from libs.common.refusals import Refused
from services.matching.checkins.reactions import go_on, rest
from services.matching.decisions.model import Decided
from services.matching.decisions.reactions import decided
from services.matching.links.queries import CONSENT, asking_page, done, say, turned_down
from services.matching.mentor_groups.model import MentorGroup
from services.matching.obstacles.queries import refuse_obstacles
from services.matching.obstacles.rules import Obstacle, told
from services.matching.prerequisites.queries import rules_on
from services.matching.prerequisites.reactions import ask_again
from services.matching.profiles.queries import inside, locked
from services.matching.profiles.rules import refuse_before, refuse_future, today
from services.matching.projects.queries import refuse_unless_open
from services.matching.proposals.queries import Pair, locked_proposal
from services.matching.tandems.model import RUNNING, EndReason, Tandem, TandemState
from services.matching.tandems.queries import locked_tandem, met_on, persons_of_tandem, side_in
from services.matching.tandems.reactions import begun, consented, correct_beginning, count_tandem_anew, ended_early
from services.matching.tandems.rules import (
    USUAL_MONTHS,
    USUAL_TRIAL_DAYS,
    ConsentingIn,
    EndingIn,
    PlanIn,
    SignedIn,
    TandemIn,
    began_at,
    planned_end,
    talk_days,
    tandem_fact,
    trial_end,
)

router = APIRouter(prefix="/tandems", tags=["tandems"])
Consenting = Annotated[Holding, by_link(CONSENT.name)]


class TandemOut(BaseModel):
    """A tandem, without names; former_project_ids: for which what lies in their terms alone still counts."""

    id: UUID
    version: int
    proposal_id: UUID
    region: str
    programme_id: UUID
    project_id: UUID | None
    former_project_ids: list[UUID]
    household_id: UUID
    mentor_id: UUID | None
    mentor_group_id: UUID | None
    kind: TandemKind
    state: TandemState
    goals: list[str]
    started_on: date
    started_at: datetime
    trial_until: datetime
    planned_until: date
    mentors_consented_at: datetime | None
    household_consented_at: datetime | None
    confirmed_at: datetime | None
    agreement_signed_on: date | None
    ended_at: datetime | None
    end_reason: EndReason | None
    obstacles: list[Obstacle]

    @classmethod
    def of(cls, tandem: Tandem) -> "TandemOut":
        """The answer's form of a tandem."""
        return cls(**tandem.model_dump() | {"started_on": tandem.started_on, "obstacles": told(tandem.obstacles)})


class ConsentedOut(BaseModel):
    """What became of a trial by this answer."""

    state: TandemState
    side: Side


@router.post("", status_code=201)
async def start_tandem(body: TandemIn, transaction: Transaction, once: Creation, response: Response) -> TandemOut:
    """They have met and want to try it: a tandem begins, on trial.

    One that began before says so (`started_on`): it counts as begun then, in a term that has that day in it, and its
    trial and check-ins are reckoned from then.
    """
    if once.repeated:
        return _shown(await get_or_refuse(transaction, Tandem, once.id), response)
    proposal, pair = await locked_proposal(transaction, body.proposal_id)
    now = transaction.clock.now()
    began = began_at(body.started_on, now)
    if body.planned_until:
        refuse_before(body.planned_until, today(now), "planned_until")
    await refuse_unless_open(
        transaction, body.project_id, region=proposal.region, since=today(began), until=today(now))
    if isinstance(pair.unit, MentorGroup):
        await ask_again(transaction, pair.unit)
    await refuse_obstacles(transaction, proposal)
    proposal.become_tandem(now)
    bound_on = pair.unit.interested_on if isinstance(pair.unit, MentorGroup) else today(now)
    rules = await rules_on(transaction, proposal.programme_id, bound_on)
    trial_days = rules.trial_days if rules else USUAL_TRIAL_DAYS
    tandem = Tandem(
        id=once.id, proposal_id=proposal.id, region=proposal.region, programme_id=proposal.programme_id,
        project_id=body.project_id, household_id=proposal.household_id, mentor_id=proposal.mentor_id,
        mentor_group_id=proposal.mentor_group_id, kind=body.kind, goals=sorted(set(body.goals)), started_at=began,
        trial_until=trial_end(began, trial_days),
        planned_until=body.planned_until or planned_end(began, rules.support_months if rules else USUAL_MONTHS))
    await begun(transaction, tandem, pair, talk_days(rules.checkin_days if rules else [], trial_days))
    return await _told(transaction, tandem, pair, response)


@router.get("")
async def list_tandems(
    transaction: Transaction, paging: PageOf, state: TandemState | None = None, household_id: UUID | None = None,
    mentor_id: UUID | None = None, mentor_group_id: UUID | None = None,
    trial_overdue: Annotated[bool, Query(description="Whose trial is over without both consents.")] = False,  # noqa: FBT002
    with_obstacles: Annotated[bool, Query(description="Running, and no longer fitting together.")] = False,  # noqa: FBT002
    without_agreement: Annotated[bool, Query(  # noqa: FBT002
        description="Running, and no signed agreement is noted.")] = False,
    term_over_by: Annotated[Day | None, Query(description="Running, and planned until then at the latest.")] = None,
) -> Page[TandemOut]:
    """The tandems inside the caller's scope, oldest first."""
    query = select(Tandem).where(inside(Tandem, transaction.caller.scope))
    for name, given in (("state", state), ("household_id", household_id), ("mentor_id", mentor_id),
                        ("mentor_group_id", mentor_group_id)):
        query = query.where(getattr(Tandem, name) == given) if given is not None else query
    if trial_overdue:
        query = query.where(col(Tandem.state) == TandemState.TRIAL, col(Tandem.trial_until) <= transaction.clock.now())
    if with_obstacles:
        query = query.where(col(Tandem.state).in_(RUNNING), col(Tandem.obstacles) != [])
    if without_agreement:
        query = query.where(col(Tandem.state).in_(RUNNING), col(Tandem.agreement_signed_on).is_(None))
    if term_over_by:
        query = query.where(col(Tandem.state).in_(RUNNING), col(Tandem.planned_until) <= term_over_by)
    rows, following = await page(transaction, query, paging, col(Tandem.id))
    return Page(items=[TandemOut.of(row) for row in rows], next=following)


@router.get("/{tandem_id}")
async def read_tandem(tandem_id: UUID, transaction: Transaction, response: Response) -> TandemOut:
    """One tandem."""
    return _shown(await get_or_refuse(transaction, Tandem, tandem_id), response)


@router.put("/{tandem_id}")
async def change_tandem(
    tandem_id: UUID, body: PlanIn, transaction: Transaction, expected: Expected, response: Response,
) -> TandemOut:
    """The coordinator plans a running tandem anew, or corrects for which project it counts or when it began.

    What happened in the term of the project counts for it, also before it was named; the rest for the project that the
    tandem had then. Without a project nothing counts any more. What a project's report was made of stays in it. Of a
    tandem that has ended only the project is changed.
    """
    tandem, pair = await locked_tandem(transaction, tandem_id, version=expected)
    told_as = tandem.started_on
    if body.started_on:
        await correct_beginning(transaction, tandem, body.started_on)
    if body.project_id != tandem.project_id:
        await refuse_unless_open(transaction, body.project_id, region=tandem.region, since=tandem.started_on,
                                 until=today(tandem.ended_at or transaction.clock.now()))
    refuse_before(body.planned_until, tandem.started_on, "planned_until")
    tandem.plan(body.planned_until, sorted(set(body.goals)), body.project_id)
    await count_tandem_anew(transaction, tandem, told_as)
    return await _told(transaction, tandem, pair, response)


@router.post("/{tandem_id}/agreement")
async def note_agreement(
    tandem_id: UUID, body: SignedIn, transaction: Transaction, expected: Expected, response: Response,
) -> TandemOut:
    """Both have signed their agreement."""
    refuse_future(body.signed_on, transaction.clock.now(), "signed_on")
    tandem, pair = await locked_tandem(transaction, tandem_id, version=expected)
    tandem.sign(body.signed_on)
    refuse_before(body.signed_on, await met_on(transaction, tandem), "signed_on")
    return await _told(transaction, tandem, pair, response)


@router.post("/{tandem_id}/consents")
async def note_consent_of_side(
    tandem_id: UUID, body: ConsentingIn, transaction: Transaction, expected: Expected, response: Response,
) -> TandemOut:
    """The coordinator notes that a side wants to go on after the trial."""
    tandem, pair = await locked_tandem(transaction, tandem_id, version=expected)
    await consented(transaction, tandem, body.side)
    return await _told(transaction, tandem, pair, response)


@router.post("/{tandem_id}/pause")
async def pause_tandem(tandem_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> TandemOut:
    """The tandem rests for a while; its place stays taken, and nobody is asked how it goes."""
    tandem, pair = await locked_tandem(transaction, tandem_id, version=expected)
    tandem.pause()
    await rest(transaction, tandem)
    await decided(transaction, tandem, Decided.PAUSED)
    announce(transaction, tandem_fact(TandemPaused, tandem, await persons_of_tandem(transaction, tandem)))
    return await _told(transaction, tandem, pair, response)


@router.post("/{tandem_id}/resume")
async def resume_tandem(tandem_id: UUID, transaction: Transaction, expected: Expected, response: Response) -> TandemOut:
    """The tandem goes on."""
    tandem, pair = await locked_tandem(transaction, tandem_id, version=expected)
    tandem.resume()
    await go_on(transaction, tandem)
    await decided(transaction, tandem, Decided.BACK)
    announce(transaction, tandem_fact(TandemResumed, tandem, await persons_of_tandem(transaction, tandem)))
    return await _told(transaction, tandem, pair, response)


@router.post("/{tandem_id}/end_early")
async def end_tandem_early(
    tandem_id: UUID, body: EndingIn, transaction: Transaction, expected: Expected, response: Response,
) -> TandemOut:
    """The tandem ends before its time; unless said otherwise the household waits for somebody else.

    For somebody's safety (`safeguarding`) the mentor pauses, or the group is held back, until a coordinator resumes it.
    """
    tandem, pair = await locked_tandem(
        transaction, tandem_id, version=expected, whole_unit=body.reason is EndReason.SAFEGUARDING)
    await ended_early(transaction, tandem, pair, body.reason, rematch=body.rematch)
    await decided(transaction, tandem, Decided.ENDED_EARLY, reason=body.reason.value)
    return await _told(transaction, tandem, pair, response)


@router.get("/consents/{token}", response_class=HTMLResponse)
async def show_consent(request: Request, holding: Consenting) -> HTMLResponse:
    """The page on which a side says whether to go on after the trial. Opening it changes nothing."""
    tandem = await get_or_refuse(holding.transaction, Tandem, holding.link.about)
    await side_in(holding.transaction, tandem, holding.link.person_ref)
    languages, token = await languages_of(holding.transaction, holding.link.person_ref), request.path_params["token"]
    return await asking_page(holding, "consent", [say("consent_text", languages).text], [
        ("consent_yes", f"{token}/give"), ("consent_no", f"{token}/refuse")])


@router.post("/consents/{token}/give", response_model=ConsentedOut)
async def give_consent(request: Request, holding: Consenting) -> Any:
    """A side wants to go on; with the second consent the tandem is active."""
    transaction, person_ref = holding.transaction, holding.link.person_ref
    try:
        tandem = await locked(transaction, Tandem, holding.link.about)
        side = await side_in(transaction, tandem, person_ref)
        await consented(transaction, tandem, side)
        await audited(transaction, "change", f"tandem/{tandem.id}", person_ref)
    except Refused as refused:
        return await turned_down(request, holding, refused)
    return await done(request, holding, "consent_given", ConsentedOut(state=tandem.state, side=side))


@router.post("/consents/{token}/refuse", response_model=ConsentedOut)
async def refuse_consent(request: Request, holding: Consenting) -> Any:
    """A side does not want to go on: the tandem ends, and somebody else is looked for."""
    transaction, person_ref = holding.transaction, holding.link.person_ref
    try:
        tandem, pair = await locked_tandem(transaction, holding.link.about)
        side = await side_in(transaction, tandem, person_ref)
        tandem.refuse_unless_trial()
        reason = EndReason.HOUSEHOLD_WISH if side is Side.HOUSEHOLD else EndReason.MENTOR_UNAVAILABLE
        await ended_early(transaction, tandem, pair, reason, rematch=True)
        await audited(transaction, "change", f"tandem/{tandem.id}", person_ref)
    except Refused as refused:
        return await turned_down(request, holding, refused)
    return await done(request, holding, "consent_refused", ConsentedOut(state=tandem.state, side=side))


async def _told(transaction: OpenTransaction, tandem: Tandem, pair: Pair, response: Response) -> TandemOut:
    await audited(transaction, "change", f"tandem/{tandem.id}", pair.household.person_ref)
    await transaction.flush()
    return _shown(tandem, response)


def _shown(tandem: Tandem, response: Response) -> TandemOut:
    tag(response, tandem.version)
    return TandemOut.of(tandem)
