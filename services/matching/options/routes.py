"""The HTTP door of options: the best units for one household at once, and proposing one of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import and_
from sqlmodel import col

from libs.common.audit import audited
from libs.common.bodies import Body
from libs.common.clock import real_now
from libs.common.codes.types import Day
from libs.common.db import OpenTransaction, get_or_refuse, touch
from libs.common.dependencies import Creation, Transaction
from libs.common.due import schedule
from libs.common.facts.matching import ProposalCreated
from libs.common.outbox import announce
from libs.common.refusals import Refused
from libs.common.service import own_database
from services.matching.households.model import Household
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.obstacles.rules import LEFT_OR_ENDED, in_sentences
from services.matching.options.model import PriceSet
from services.matching.options.queries import (
    YEAR,
    Now,
    first_prices,
    held_already,
    noted_as_asked,
    options_of,
    pair_rows,
    price_of,
    read_now,
)
from services.matching.profiles.queries import PLANNED_ONCE, beyond_scope, first_id, locked
from services.matching.profiles.rules import begin_of, today
from services.matching.proposals.model import ApproveReason, Proposal
from services.matching.proposals.queries import Unit
from services.matching.proposals.routes import ProposalOut, shown
from services.matching.proposals.rules import proposal_fact
from services.matching.runs.decided import barred_pairs
from services.matching.runs.explanation import LANGUAGES, label
from services.matching.runs.live_worker import LiveWorker
from services.matching.runs.oversight import decisions_file
from services.matching.runs.pairs import examined
from services.matching.runs.words import Advice, Scarcity
from services.matching.tandems.model import Tandem


@asynccontextmanager
async def with_live_process(app: FastAPI) -> AsyncIterator[None]:
    """While the service runs it has a live process, begun with the first question."""
    own = own_database(app.state.settings, pool=1)
    own.clock = app.state.database.clock
    app.state.live = LiveWorker(own)
    yield
    await app.state.live.close()


router = APIRouter(prefix="/options", tags=["options"], lifespan=with_live_process)


def _held(advice: Advice) -> dict[str, Any]:
    """What is told of who has somebody already: that place is neither missing nor to be proposed."""
    return {"advice": advice, "missing": {},
            "said": {language: label("advice", advice, language) for language in LANGUAGES}}


PROPOSED, ACCOMPANIED = _held(Advice.PROPOSED), _held(Advice.ACCOMPANIED)


class OptionOut(BaseModel):
    """A unit for a household as of now: points and reasons as a proposal has them, and what its place is worth."""

    unit_id: UUID
    score: int
    bonus: int
    worth: int
    unit_price: int = Field(description="What the place would bring to those who are yet to come.")
    gain: int = Field(description="Worth less price: options are ordered by it.")
    scarcity: Scarcity
    scarce: dict[str, str] = Field(description="The same as a word, by language.")
    points: dict[str, int]
    reasons: list[dict[str, Any]]
    besides: dict[str, list[str]]


class OptionsOut(BaseModel):
    """Whom a household could be proposed to, the best first; advice: what speaks for doing so now."""

    household_id: UUID
    possible: int = Field(description="How many units are possible at all.")
    advice: Advice
    said: dict[str, str] = Field(description="The advice as a sentence, by language.")
    proposal_id: UUID | None = Field(
        description="The proposal that the household has already; the place there is held for it.")
    tandem_id: UUID | None = Field(description="The tandem in which the household is accompanied already.")
    options: list[OptionOut]
    missing: dict[str, list[str]] = Field(
        description="Where nobody is possible, nor there already: what is missing, by language.")
    priced_at: datetime | None = Field(description="When prices were computed; none yet: the last run's stand in.")


class ChoiceIn(Body):
    """The pair that the coordinator wants to bring together."""

    household_id: UUID
    unit_id: UUID = Field(description="The mentor or the mentor group.")
    reason: ApproveReason = Field(description="Why these two: no run proposed them.", examples=["known_to_fit"])


@router.get("", responses={409: {"description": "Nobody is looked for without consent, in a pause, or after the end."}})
async def list_options(
    request: Request, household_id: UUID, transaction: Transaction, top: Annotated[int, Query(ge=1, le=50)] = 10,
) -> OptionsOut:
    """Whom a household could be proposed to right now. Asking is noted in the audit."""
    household = await get_or_refuse(transaction, Household, household_id)
    household.refuse_closed()
    household.refuse_without_consent()
    household.refuse_paused()
    await audited(transaction, "read", f"household/{household.id}", household.person_ref)
    live: LiveWorker = request.app.state.live
    async with live.turn(household.programme_id):  # before anything is written that the next one would wait for
        await beyond_scope(transaction, PLANNED_ONCE)
        now, held = await read_now(transaction, live, household), await held_already(transaction, household)
        prices = await _prices(transaction, household.programme_id, now)
        found = await options_of(
            transaction, live, household, now, prices, top=top, but=[held.unit_id] if held else [])
    return OptionsOut(
        household_id=household.id, priced_at=prices.computed_at,
        **found | {"options": [OptionOut.model_validate(one) for one in found["options"]]} | _told(held))


@router.get("/decisions.csv", response_class=Response, responses={
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The decisions as CSV (UTF-8)."}})
async def export_option_decisions(
    transaction: Transaction, programme_id: UUID | None = None,
    since: Annotated[Day | None, Query(description="The first day; a year ago unless told.")] = None,
) -> Response:
    """Every proposal that was made without a run, with its points and what people decided: who, when, why; no names."""
    first = since or today(real_now()) - YEAR  # as ids count the days, also where a demonstration's clock is ahead
    which = and_(col(Proposal.run_id).is_(None), col(Proposal.id) >= first_id(begin_of(first)))
    if programme_id:
        which = and_(which, col(Proposal.programme_id) == programme_id)
    return await decisions_file(transaction, "decisions-options.csv", which)


@router.post("/propose", status_code=201)
async def propose_option(
    body: ChoiceIn, transaction: Transaction, once: Creation, response: Response,
) -> ProposalOut:
    """The coordinator brings a household and a unit together without a run: a proposal like any other follows."""
    if once.repeated:
        return await shown(transaction, await get_or_refuse(transaction, Proposal, once.id), response)
    await get_or_refuse(transaction, Household, body.household_id)
    unit = await _unit(transaction, body.unit_id)
    await beyond_scope(transaction)
    household = await locked(transaction, Household, body.household_id)
    household.propose()
    touch(await locked(transaction, type(unit), unit.id))  # a run that computes meanwhile leaves it alone
    told = await _examined(transaction, household, unit)
    proposal = Proposal(
        **told, id=once.id, region=household.region, programme_id=household.programme_id, household_id=household.id,
        mentor_id=unit.id if isinstance(unit, Mentor) else None,
        mentor_group_id=unit.id if isinstance(unit, MentorGroup) else None, proposed_by=transaction.caller.principal,
        proposed_reason=body.reason)
    transaction.add(proposal)
    await transaction.flush()
    announce(transaction, proposal_fact(ProposalCreated, proposal))
    await audited(transaction, "change", f"proposal/{proposal.id}", household.person_ref)
    return await shown(transaction, proposal, response)


def _told(held: Proposal | Tandem | None) -> dict[str, Any]:
    """What is told in place of the advice where a household has somebody already, and by what."""
    none = {"proposal_id": None, "tandem_id": None}
    if held is None:
        return none
    if isinstance(held, Tandem):
        return none | ACCOMPANIED | {"tandem_id": held.id}
    return none | PROPOSED | {"proposal_id": held.id}


async def _prices(transaction: OpenTransaction, programme_id: UUID, now: Now) -> PriceSet:
    """The programme's prices; where nobody has asked before, or much has changed, they are computed soon."""
    prices = now.prices or await first_prices(transaction, programme_id)
    if now.prices is None or await noted_as_asked(transaction, prices, now.changes):
        await schedule(transaction, "prices", programme_id, prices.next_time(transaction.clock.now()))
    return prices


async def _unit(transaction: OpenTransaction, unit_id: UUID) -> Unit:
    kind = Mentor if await transaction.get(Mentor, unit_id) else MentorGroup
    return await get_or_refuse(transaction, kind, unit_id)


async def _examined(transaction: OpenTransaction, household: Household, unit: Unit) -> dict[str, Any]:
    """The proposal's columns; Refused where a hard constraint stands against the pair."""
    row, other, rules = await pair_rows(transaction, household, unit.id)
    found: Any = None
    if other is not None:
        barred = await barred_pairs(transaction, household.programme_id, household.id)
        found = examined(rules, row, other, declined=(household.id, unit.id) in barred,
                         price=await price_of(transaction, household.programme_id, unit.id))
    if found is None or isinstance(found, tuple):
        raise Refused("pair-not-possible", "These two cannot be brought together. {why}",
                      why=LEFT_OR_ENDED if found is None else in_sentences(found))
    proposal: dict[str, Any] = found
    return proposal
