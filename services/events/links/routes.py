"""The HTTP door of signed links: see what became of a registration, cancel it, take an offered seat."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel import select

from libs.common.db import OpenTransaction
from libs.common.links import Holding, by_link
from libs.common.pages import page, wants_page
from libs.common.persons import languages_of
from libs.common.phrases import phrases
from libs.common.refusals import Refused
from services.events.attendance.model import Attendance
from services.events.events.model import Event
from services.events.events.rules import BERLIN, text_of
from services.events.registrations.model import Registration, RegistrationState
from services.events.registrations.queries import ACCEPT, CANCEL, links_of, locked_registration
from services.events.registrations.reactions import accept_seat, give_up

router = APIRouter(prefix="/links", tags=["links"])
PHRASES = phrases("services/events/phrases.toml")
Cancelling = Annotated[Holding, by_link(CANCEL)]
Accepting = Annotated[Holding, by_link(ACCEPT)]
# A second press of the same button finds this, and is no refusal.
DONE = {CANCEL: RegistrationState.CANCELLED, ACCEPT: RegistrationState.CONFIRMED}


class HeldRegistrationOut(BaseModel):
    """What became of the registration that a link is about."""

    registration_id: str
    state: RegistrationState


@router.get("/cancel_registration/{token}", response_class=HTMLResponse)
async def show_cancellation(holding: Cancelling) -> HTMLResponse:
    """Who registered sees what became of it, and may cancel; opening the page changes nothing."""
    return await _page(holding)


@router.post("/cancel_registration/{token}", response_model=HeldRegistrationOut)
async def cancel_by_link(holding: Cancelling, request: Request) -> Response | HeldRegistrationOut:
    """Who registered says that they do not come; their places go to those who are next in line."""
    return await _act(holding, request)


@router.get("/accept_seat/{token}", response_class=HTMLResponse)
async def show_offer(holding: Accepting) -> HTMLResponse:
    """Who waited sees until when a place is kept, and may take it or give it up; opening changes nothing."""
    return await _page(holding)


@router.post("/accept_seat/{token}", response_model=HeldRegistrationOut)
async def accept_by_link(holding: Accepting, request: Request) -> Response | HeldRegistrationOut:
    """Who waited takes the place that is kept for them."""
    return await _act(holding, request)


async def _act(holding: Holding, request: Request) -> Response | HeldRegistrationOut:
    """Do what the link is for, once; a browser gets the page that says what is now, also when it is too late."""
    transaction, purpose = holding.transaction, holding.link.purpose
    registration, event = await locked_registration(transaction, holding.link.about)
    status = 200
    try:
        if registration.state is not DONE[purpose]:
            if purpose == CANCEL:
                await give_up(transaction, event, registration)
            else:
                await accept_seat(transaction, registration)
    except Refused as refused:
        if not wants_page(request):
            raise
        status = refused.status
    if wants_page(request):
        return await _page(holding, status=status)
    return HeldRegistrationOut(registration_id=str(registration.id), state=registration.state)


async def _page(holding: Holding, *, status: int = 200) -> HTMLResponse:
    transaction, link = holding.transaction, holding.link
    registration = await transaction.get_one(Registration, link.about)
    event = await transaction.get_one(Event, registration.event_id)
    languages = [*await languages_of(transaction, link.person_ref), *filter(None, [registration.language])]
    said = PHRASES.say(f"state_{registration.state}", languages)
    starts = event.starts.astimezone(BERLIN).strftime("%d.%m.%Y, %H:%M")
    paragraphs = [PHRASES.say("when", languages, starts=starts).text, said.text]
    if registration.offer_expires:
        until = registration.offer_expires.astimezone(BERLIN).strftime("%d.%m.%Y, %H:%M")
        paragraphs.append(PHRASES.say("kept_until", languages, expires=until).text)
    if certificate := await _certificate(transaction, registration):
        paragraphs.append(PHRASES.say("certificate", languages, code=certificate).text)
    return page(language=said.language, title=text_of(event, "title", languages), paragraphs=paragraphs,
                buttons=_buttons(transaction, registration, event, languages), status=status)


def _buttons(
    transaction: OpenTransaction, registration: Registration, event: Event, languages: list[str],
) -> list[tuple[str, str]]:
    """Accepting stands before cancelling; nothing can be pressed once the event has begun."""
    if not event.may_promote(transaction.clock.now()):
        return []
    links = links_of(transaction, registration, event)
    return [(PHRASES.say(key, languages).text, links[key]) for key in ("accept", "cancel") if key in links]


async def _certificate(transaction: OpenTransaction, registration: Registration) -> str | None:
    query = select(Attendance.certificate).where(
        Attendance.registration_id == registration.id, Attendance.member == 0, Attendance.counts)
    return (await transaction.scalars(query)).one_or_none()
