"""The HTTP door of self-service: own data, availability, pause and leave by link; the coordinator sends the link."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ValidationError

from libs.common.audit import audited
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Transaction
from libs.common.links import Holding, by_link
from libs.common.pages import wants_page
from libs.common.persons import languages_of
from libs.common.refusals import Refused
from services.matching.consents.model import Purpose
from services.matching.holders.queries import (
    Holder,
    Reader,
    former_contact,
    holder_of,
    is_current,
    kind_of,
    locked_holder,
    reader_of,
    state_of,
)
from services.matching.households.model import Household
from services.matching.links.queries import OWN_DATA, Sent, asking_page, done, said_of, say, turned_down, undone
from services.matching.links.rules import Form, at_fault, is_ours, refuse_foreign
from services.matching.members.model import Member
from services.matching.mentors.model import Mentor
from services.matching.own_data.model import OwnDataOut
from services.matching.own_data.queries import own_data
from services.matching.profiles.queries import contact_out
from services.matching.profiles.rules import ContactIn
from services.matching.self_service import reactions
from services.matching.self_service.queries import confirming, own_page, resumed, withdrawn
from services.matching.self_service.rules import (
    Availability,
    AvailabilityIn,
    Contact,
    availability_in,
    contact_in,
)

router = APIRouter(tags=["self_service"])
Own = Annotated[Holding, by_link(OWN_DATA.name)]
# A browser gets a page, a program the answer itself.
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}
AS_FILE = {"Content-Disposition": 'attachment; filename="own-data.json"'}
Change = Callable[[OpenTransaction, Holder], Awaitable[None]]


class OfferedOut(BaseModel):
    """That the person gets the link in a mail."""

    person_ref: UUID


class TakingPartOut(BaseModel):
    """Where somebody is after what they did."""

    state: str
    takes_part: bool


@router.post("/mentors/{mentor_id}/own_data_link")
async def offer_own_data_to_mentor(mentor_id: UUID, transaction: Transaction) -> OfferedOut:
    """The coordinator has a mentor sent the link to their own data."""
    return await _offered(transaction, await get_or_refuse(transaction, Mentor, mentor_id))


@router.post("/households/{household_id}/own_data_link")
async def offer_own_data_to_household(
    household_id: UUID, transaction: Transaction,
    former: Annotated[UUID | None, Query(description="The person_ref of a former contact, who reads what is theirs.")]
    = None,
) -> OfferedOut:
    """The coordinator, or the counsellor, has a household's contact, today's or a former one, sent the link."""
    household = await get_or_refuse(transaction, Household, household_id)
    return await _offered(
        transaction, await former_contact(transaction, household, former) if former else household)


@router.post("/members/{member_id}/own_data_link")
async def offer_own_data_to_member(member_id: UUID, transaction: Transaction) -> OfferedOut:
    """The coordinator has a group's member sent the link to their own data."""
    return await _offered(transaction, await get_or_refuse(transaction, Member, member_id))


@router.get("/self_service/{token}", response_model=OwnDataOut, responses=PAGE)
async def show_own_data(request: Request, holding: Own) -> Any:
    """Somebody sees all that is stored about them; opening it changes nothing, reading it is noted in the audit."""
    try:
        data = await _data(holding)
    except Refused as refused:
        return await turned_down(request, holding, refused)
    if not wants_page(request):
        return data
    return await own_page(holding.transaction, data, token=request.path_params["token"])


@router.get("/self_service/{token}/data.json", response_model=OwnDataOut)
async def download_own_data(request: Request, holding: Own) -> Any:
    """The same as a file, for another program (Art. 20 GDPR). Reading it is noted in the audit."""
    try:
        data = await _data(holding)
    except Refused as refused:
        return await turned_down(request, holding, refused)
    return Response(data.model_dump_json(), media_type="application/json", headers=AS_FILE)


@router.post("/self_service/{token}/availability", response_model=OwnDataOut, responses=PAGE)
async def change_own_availability(request: Request, holding: Own, body: Availability) -> Any:
    """A mentor or household says when, how far, in which languages and with how many; what is left out stays."""
    return await _filled_in(request, holding, body, _Asked(
        "availability", AvailabilityIn, availability_in, reactions.change_availability))


@router.post("/self_service/{token}/contact", response_model=OwnDataOut, responses=PAGE)
async def change_own_contact(request: Request, holding: Own, body: Contact) -> Any:
    """Somebody corrects their name, their addresses, or the languages to write to them in."""
    return await _filled_in(request, holding, body, _Asked(
        "contact", ContactIn, contact_in, reactions.change_contact))


@router.post("/self_service/{token}/pause", response_model=TakingPartOut, responses=PAGE)
async def pause_by_link(request: Request, holding: Own) -> Any:
    """A mentor or a group takes in nobody new for a while, a household wants nobody; not while an invitation is open.

    Of a group its main contacts say so, and so they do when it is back.
    """
    return await _changed(request, holding, "own_paused", reactions.pause)


@router.post("/self_service/{token}/resume", response_model=TakingPartOut, responses=PAGE)
async def resume_by_link(request: Request, holding: Own) -> Any:
    """They are back from a pause of their own; one for somebody's safety goes on until the coordinators end it."""
    return await _changed(request, holding, resumed, reactions.resume)


@router.get("/self_service/{token}/leave", response_class=HTMLResponse)
async def ask_to_leave(request: Request, holding: Own) -> Response:
    """The page that asks once more before somebody leaves. Opening it changes nothing."""
    return await _asked_once_more(request, holding, "leave")


@router.post("/self_service/{token}/leave", response_model=TakingPartOut, responses=PAGE)
async def leave_by_link(request: Request, holding: Own) -> Any:
    """A mentor stops, a member leaves the group, a household wants nobody any more; not while a tandem runs."""
    return await _changed(request, holding, "own_left", reactions.leave)


@router.get("/self_service/{token}/withdraw_consent", response_class=HTMLResponse)
async def ask_to_withdraw_consent(request: Request, holding: Own, purpose: Purpose = Purpose.MATCHING) -> Response:
    """The page that asks once more before somebody takes back a consent. Opening it changes nothing."""
    return await _asked_once_more(request, holding, "withdraw_consent", purpose, find=reader_of)


@router.post("/self_service/{token}/withdraw_consent", response_model=TakingPartOut, responses=PAGE)
async def withdraw_consent_by_link(request: Request, holding: Own, purpose: Purpose = Purpose.MATCHING) -> Any:
    """Somebody takes back a consent: to be matched, then what is open ends, tandems too; or for one purpose alone.

    Who has left may, too: what they told at the end may still wait to become a learning.
    """
    return await _changed(request, holding, partial(withdrawn, purpose),
                          partial(reactions.withdraw_consent, purpose=purpose), find=reader_of)


async def _back_to_page(request: Request) -> Response:
    """A browser that opens once more where a form was sent to, as a restored tab does, is led to the page.

    It reads nothing and says nothing about the link: that is left to the page.
    """
    if not wants_page(request):
        raise HTTPException(405, headers={"Allow": "POST"})
    return RedirectResponse(f"../{request.path_params['token']}", status_code=303)


# No operations of their own: a program is told, as before, that these addresses take no such method.
for sent_to in ("contact", "availability", "pause", "resume"):
    router.add_route(f"/self_service/{{token}}/{sent_to}", _back_to_page, methods=["GET"], include_in_schema=False)


async def _offered(transaction: OpenTransaction, holder: Reader) -> OfferedOut:
    contact = await contact_out(transaction, holder.person_ref, _about(holder))
    if contact.email is None:
        raise Refused("mail-address-missing", "This person has no mail address that the link could be sent to.")
    reactions.offered(transaction, holder)
    return OfferedOut(person_ref=holder.person_ref)


async def _data(holding: Holding) -> OwnDataOut:
    return await own_data(holding.transaction, await reader_of(holding.transaction, holding.link))


async def _changed(
    request: Request, holding: Holding, key: str | Callable[[OpenTransaction, Any], Awaitable[str]], change: Change,
    find: Any = locked_holder,
) -> Any:
    """Do what a button says; `find` locks what the change does not lock by itself. key: also by whose it is before."""
    try:
        holder = await find(holding.transaction, holding.link)
        key = key if isinstance(key, str) else await key(holding.transaction, holder)
        await _do(holding, holder, lambda transaction: change(transaction, holder))
    except Refused as refused:
        return await turned_down(request, holding, refused)
    return await done(request, holding, key, TakingPartOut(state=state_of(holder), takes_part=holder.takes_part))


async def _do(holding: Holding, holder: Reader, change: Callable[[OpenTransaction], Awaitable[None]]) -> None:
    await change(holding.transaction)
    await audited(holding.transaction, "change", _about(holder), holder.person_ref)
    await holding.transaction.flush()


async def _asked_once_more(
    request: Request, holding: Holding, which: str, purpose: Purpose = Purpose.MATCHING, *, find: Any = holder_of,
) -> Response:
    try:
        holder = await find(holding.transaction, holding.link)
    except Refused as refused:
        return await turned_down(request, holding, refused)
    asked, text, button, action = confirming(which, holder, purpose)
    languages = await languages_of(holding.transaction, holder.person_ref)
    back = [("own_back", f"../{request.path_params['token']}")]
    return await asking_page(holding, asked, [say(text, languages).text], [(button, action)], back)


@dataclass(frozen=True)
class _Asked:
    """A form of the page: what it is called, what a program sends instead, and what follows."""

    which: str
    kind: type[BaseModel]
    read: Callable[[Form], dict[str, Any]]
    change: Callable[[OpenTransaction, Holder, Any], Awaitable[None]]


async def _filled_in(request: Request, holding: Holding, body: Any, asked: _Asked) -> Any:
    """Take over a form or a body; a form that does not hold comes back as a page, with all that was entered."""
    form: Form | None = body if isinstance(body, dict) else None
    try:
        given = body if form is None else _read(form, asked)
        holder = await locked_holder(holding.transaction, holding.link)
        await _do(holding, holder, lambda transaction: asked.change(transaction, holder, given))
    except ValidationError as raised:
        if not wants_page(request):
            raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in raised.errors()]) from raised
        return await _once_more(request, holding, Sent(form or {}, at_fault(raised.errors()), "own_not_saved", 422))
    except Refused as refused:
        if form is None or not wants_page(request):
            return await turned_down(request, holding, refused)
        await undone(holding.transaction)
        wrong = frozenset({refused.field}) if refused.field else frozenset()
        sent = Sent(form, wrong) if is_ours(form, asked.which) else Sent()
        return await _once_more(request, holding, replace(sent, said=said_of(refused), status=refused.status))
    if await is_current(holding.transaction, holding.link):
        return (await _once_more(request, holding, Sent(said="own_saved")) if wants_page(request)
                else await own_data(holding.transaction, holder))
    data = await own_data(holding.transaction, holder)
    return await done(request, holding, "own_saved_moved" if data.contact.email else "own_saved_unreachable", data)


def _read(form: Form, asked: _Asked) -> BaseModel:
    refuse_foreign(form, asked.which)
    return asked.kind.model_validate(asked.read(form))


async def _once_more(request: Request, holding: Holding, sent: Sent) -> Response:
    """The page once more, with what was sent and what is said about it."""
    try:
        return await own_page(holding.transaction, await _data(holding), token="", sent=sent)
    except Refused as refused:
        return await turned_down(request, holding, refused)


def _about(holder: Reader) -> str:
    return f"{kind_of(holder).value}/{holder.id}"
