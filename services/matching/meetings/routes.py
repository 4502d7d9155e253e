"""The HTTP door of meetings: each side notes them by its link; the coordinator reads, notes, corrects and withdraws."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from datetime import date, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, ValidationError, WrapValidator
from sqlmodel import col, select

from libs.common.bodies import Body
from libs.common.codes.types import Day
from libs.common.db import get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import Side
from libs.common.links import Holding, by_link
from libs.common.pages import wants_page
from libs.common.refusals import Invalid, NotFound, Refused
from services.matching.links.queries import MEETINGS, Sent, came_back, given
from services.matching.links.rules import read_form
from services.matching.meetings.model import LONGEST_MINUTES, Meeting, noted_or_refuse, refuse_late
from services.matching.meetings.queries import ended_on, meeting_of, meetings_page, sums_of
from services.matching.meetings.reactions import Met, corrected, noted, withdrawn
from services.matching.profiles.queries import beyond_scope, inside, locked
from services.matching.profiles.rules import today
from services.matching.tandems.model import Tandem
from services.matching.tandems.queries import persons_of_side, side_in

router = APIRouter(prefix="/meetings", tags=["meetings"])
Documenting = Annotated[Holding, by_link(MEETINGS.name)]
Minutes = Annotated[int, Field(ge=1, le=LONGEST_MINUTES, examples=[90])]


class DayIn(Body):
    """A day on which they did not meet after all."""

    on: Day


class MetIn(DayIn):
    """A day on which they met, and for how long."""

    minutes: Minutes


class MeetingIn(MetIn):
    """A meeting that a side told the coordinator of."""

    tandem_id: UUID
    side: Side


class MinutesIn(Body):
    """How long a meeting took."""

    minutes: Minutes


# Each is what a program sends, or the form of a browser.
Noting = Annotated[MetIn, WrapValidator(read_form)]
NotMet = Annotated[DayIn, WrapValidator(read_form)]


class MeetingOut(BaseModel):
    """That a tandem met: the day, how long, which side noted or told it, and since when that is known."""

    id: UUID
    version: int
    tandem_id: UUID
    side: Side
    met_on: date
    minutes: int
    noted_at: datetime | None

    @classmethod
    def of(cls, meeting: Meeting) -> "MeetingOut":
        """The answer's form of a meeting."""
        return cls.model_validate(meeting, from_attributes=True)


class MeetingsOut(Page[MeetingOut]):
    """A page of meetings; count and minutes are those of all pages together."""

    count: int
    minutes: int


@router.get("")
async def list_meetings(
    transaction: Transaction, paging: PageOf, tandem_id: UUID | None = None,
    since: Annotated[Day | None, Query(description="The first day.")] = None,
    until: Annotated[Day | None, Query(description="The last day.")] = None,
) -> MeetingsOut:
    """The meetings of a tandem, or of all inside the caller's scope, by day: the regularity that funders ask for."""
    query = select(Meeting).where(inside(Meeting, transaction.caller.scope))
    if tandem_id:
        tandem = await get_or_refuse(transaction, Tandem, tandem_id)
        query = query.where(Meeting.tandem_id == tandem.id)
    query = query.where(col(Meeting.met_on) >= since) if since else query
    query = query.where(col(Meeting.met_on) <= until) if until else query
    count, minutes = await sums_of(transaction, query)
    rows, following = await page(transaction, query, paging, col(Meeting.met_on), col(Meeting.id))
    return MeetingsOut(items=[MeetingOut.of(row) for row in rows], next=following, count=count, minutes=minutes)


@router.post("", status_code=201)
async def note_meeting(body: MeetingIn, transaction: Transaction, once: Creation, response: Response) -> MeetingOut:
    """The coordinator notes a meeting that a side told of; a day that has been noted is corrected instead."""
    if once.repeated:
        return _shown(await get_or_refuse(transaction, Meeting, once.id), response)
    tandem = await get_or_refuse(transaction, Tandem, body.tandem_id, lock=True)
    await beyond_scope(transaction)
    if await meeting_of(transaction, tandem, body.on):
        raise Refused("meeting-noted", "A meeting of this day has been noted already; correct that one.", field="on")
    person_ref = next(iter(await persons_of_side(transaction, tandem, body.side)), None)
    if person_ref is None:
        raise NotFound("person-erased", "This person's data has been erased.")
    met = Met(body.on, body.minutes, body.side, person_ref)
    meeting = await noted(transaction, tandem, met, meeting_id=once.id, by=transaction.caller.principal)
    return _shown(meeting, response)


@router.post("/{meeting_id}/correct")
async def correct_meeting(
    meeting_id: UUID, body: MinutesIn, transaction: Transaction, expected: Expected, response: Response,
) -> MeetingOut:
    """The coordinator corrects how long a meeting took."""
    meeting = await get_or_refuse(transaction, Meeting, meeting_id, version=expected, lock=True)
    await corrected(transaction, meeting, body.minutes)
    return _shown(meeting, response)


@router.post("/{meeting_id}/withdraw")
async def withdraw_meeting(meeting_id: UUID, transaction: Transaction, expected: Expected) -> MeetingOut:
    """The coordinator withdraws a meeting that did not take place; the answer is what had been noted."""
    meeting = await get_or_refuse(transaction, Meeting, meeting_id, version=expected, lock=True)
    was = MeetingOut.of(meeting)
    await withdrawn(transaction, meeting)
    return was


@router.get("/{token}", response_class=HTMLResponse)
async def show_meetings(request: Request, holding: Documenting) -> HTMLResponse:
    """The page on which a side notes meetings of the last 60 days. Opening it changes nothing."""
    return await meetings_page(holding, request.path_params["token"], Sent())


@router.post("/{token}", response_model=MeetingOut)
async def document_meeting(
    request: Request, holding: Documenting, on: date | None = None,
    minutes: Annotated[int | None, Query(ge=1, le=LONGEST_MINUTES)] = None, body: Noting | None = None,
) -> Any:
    """A side notes that they met on a day, in the body or the query; noted once more, the minutes are corrected."""
    again = partial(meetings_page, holding, request.path_params["token"])
    try:
        said = given(body, "meeting", MetIn) or _in_query(on, minutes)
        meeting = await _documented(holding, said)
    except (Refused, ValidationError) as refused:
        return await came_back(request, holding, body, refused, again)
    return await again(Sent(said="meeting_noted")) if wants_page(request) else MeetingOut.of(meeting)


@router.post("/{token}/not_met", response_model=MeetingOut)
async def take_meeting_back(request: Request, holding: Documenting, body: NotMet) -> Any:
    """A side says that they did not meet on a day after all, as it had noted itself; the answer is what it noted."""
    again = partial(meetings_page, holding, request.path_params["token"], at="../")
    try:
        said = given(body, "not_met", DayIn)
        tandem, side = await _link_tandem(holding, said.on)
        meeting = noted_or_refuse(await meeting_of(holding.transaction, tandem, said.on), side)
        was = MeetingOut.of(meeting)
        await withdrawn(holding.transaction, meeting)
    except (Refused, ValidationError) as refused:
        return await came_back(request, holding, body, refused, again)
    return await again(Sent(said="meeting_withdrawn")) if wants_page(request) else was


def _in_query(on: date | None, minutes: int | None) -> MetIn:
    if on is None or minutes is None:
        raise Invalid("meeting-incomplete", "Give the day and the minutes, in the body or in the query.", field="on")
    return MetIn(on=on, minutes=minutes)


async def _documented(holding: Holding, said: MetIn) -> Meeting:
    tandem, side = await _link_tandem(holding, said.on)
    there = await meeting_of(holding.transaction, tandem, said.on)
    if there is None:
        met = Met(said.on, said.minutes, side, holding.link.person_ref)
        return await noted(holding.transaction, tandem, met)
    await corrected(holding.transaction, there, said.minutes)
    return there


async def _link_tandem(holding: Holding, on: date) -> tuple[Tandem, Side]:
    """The link's tandem, locked, and the side of who holds it; refused when the day is too long ago for a link."""
    transaction = holding.transaction
    tandem = await locked(transaction, Tandem, holding.link.about)
    side = await side_in(transaction, tandem, holding.link.person_ref)
    refuse_late(on, ended_on=ended_on(tandem), day=today(transaction.clock.now()))
    return tandem, side


def _shown(meeting: Meeting, response: Response) -> MeetingOut:
    tag(response, meeting.version)
    return MeetingOut.of(meeting)
