"""The HTTP door of meetings: each side documents them by its link, the coordinator reads them."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Page, PageOf, Transaction, page
from libs.common.facts.matching import MeetingDocumented, Side
from libs.common.links import Holding, by_link
from libs.common.outbox import announce
from libs.common.persons import languages_of
from libs.common.refusals import Refused
from services.matching.links.queries import MEETINGS, asking_page, done, say, turned_down
from services.matching.meetings.model import LONGEST_MINUTES, Meeting, refuse_meeting
from services.matching.profiles.queries import locked
from services.matching.profiles.rules import today
from services.matching.tandems.model import Tandem
from services.matching.tandems.queries import side_in

router = APIRouter(prefix="/meetings", tags=["meetings"])
Documenting = Annotated[Holding, by_link(MEETINGS.name)]
# What the page offers to press; a program may say any day and length.
OFFERED_MINUTES = (30, 60, 90, 120)


class MeetingOut(BaseModel):
    """That a tandem met: the day, how long, and which side noted it."""

    id: UUID
    tandem_id: UUID
    side: Side
    met_on: date
    minutes: int


@router.get("")
async def list_meetings(tandem_id: UUID, transaction: Transaction, paging: PageOf) -> Page[MeetingOut]:
    """The meetings of a tandem, by day: the regularity that is the proof for funding."""
    tandem = await get_or_refuse(transaction, Tandem, tandem_id)
    query = select(Meeting).where(Meeting.tandem_id == tandem.id)
    rows, following = await page(transaction, query, paging, col(Meeting.id))
    return Page(items=[MeetingOut.model_validate(row, from_attributes=True) for row in rows], next=following)


@router.get("/{token}", response_class=HTMLResponse)
async def show_meetings(request: Request, holding: Documenting) -> HTMLResponse:
    """The page on which a side notes a meeting of today or yesterday. Opening it changes nothing."""
    tandem = await get_or_refuse(holding.transaction, Tandem, holding.link.about)
    await side_in(holding.transaction, tandem, holding.link.person_ref)
    languages, token = await languages_of(holding.transaction, holding.link.person_ref), request.path_params["token"]
    day = today(holding.transaction.clock.now())
    buttons = [(f"{name}_{minutes}", f"{token}?on={on.isoformat()}&minutes={minutes}")
               for name, on in (("met_today", day), ("met_yesterday", day - timedelta(days=1)))
               for minutes in OFFERED_MINUTES]
    return await asking_page(holding, "meetings", [say("meetings_text", languages).text], buttons)


@router.post("/{token}", response_model=MeetingOut)
async def document_meeting(
    request: Request, holding: Documenting, on: date, minutes: Annotated[int, Query(ge=1, le=LONGEST_MINUTES)],
) -> Any:
    """A side notes that they met on a day; the other side need not note it again."""
    try:
        meeting = await _noted(holding.transaction, holding, on, minutes)
    except Refused as refused:
        return await turned_down(request, holding, refused)
    return await done(request, holding, "meeting_noted", MeetingOut.model_validate(meeting, from_attributes=True))


async def _noted(transaction: OpenTransaction, holding: Holding, on: date, minutes: int) -> Meeting:
    tandem, person_ref = await locked(transaction, Tandem, holding.link.about), holding.link.person_ref
    side = await side_in(transaction, tandem, person_ref)
    tandem.refuse_ended()
    refuse_meeting(on, started_on=today(tandem.started_at), day=today(transaction.clock.now()))
    there = await transaction.scalar(select(Meeting.id).where(Meeting.tandem_id == tandem.id, Meeting.met_on == on))
    if there:
        raise Refused("meeting-noted", "A meeting of this day has been noted already.", field="on")
    meeting = Meeting(tandem_id=tandem.id, region=tandem.region, project_id=tandem.project_id, side=side,
                      person_ref=person_ref, met_on=on, minutes=minutes)
    transaction.add(meeting)
    await transaction.flush()
    announce(transaction, MeetingDocumented(
        meeting_id=meeting.id, tandem_id=tandem.id, person_ref=person_ref, month=on.strftime("%Y-%m"),
        minutes=minutes, region=tandem.region, project_id=tandem.project_id))
    await audited(transaction, "change", f"tandem/{tandem.id}", person_ref)
    return meeting
