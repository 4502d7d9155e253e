"""The HTTP door of check-ins: each side answers by its own link; the coordinator looks after who did not."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, ValidationError, WrapValidator
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body, Paragraph
from libs.common.codes.types import LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import CheckinDone, Side
from libs.common.links import Holding, Link, by_link
from libs.common.pages import Field as Input
from libs.common.pages import Section
from libs.common.persons import languages_of
from libs.common.privacy import seal, unseal
from libs.common.refusals import NotFound, Refused
from services.matching.checkins.model import SEALED_NOTE, Checkin, CheckinState
from services.matching.checkins.reactions import answered_before, ask_no_more, told_of
from services.matching.concerns.model import Matter
from services.matching.concerns.reactions import raised
from services.matching.households.model import Note
from services.matching.links.queries import (
    CALENDAR,
    CHECKIN,
    CONCERN,
    CONSENT,
    Sent,
    asking_page,
    came_back,
    done,
    given,
    say,
)
from services.matching.links.rules import read_form
from services.matching.profiles.queries import beyond_scope, inside, locked
from services.matching.profiles.rules import Rating
from services.matching.tandems.model import Tandem
from services.matching.tandems.queries import persons_of_side, side_in

router = APIRouter(prefix="/checkins", tags=["checkins"])
Answering = Annotated[Holding, by_link(CHECKIN.name)]
MOODS = range(1, 6)
MOST_MEETINGS = 400
Meetings = Annotated[int, Field(ge=0, le=MOST_MEETINGS)]


class AnswerIn(Body):
    """How it goes, how often they met, and a note; any may be left out.

    With an issue the note goes to the neutral contact alone. What is left out here may stand in the query.
    """

    mood: Rating | None = None
    meetings_since: Meetings | None = None
    note: Paragraph | None = None


# What a program sends, or the form of a browser.
Answered = Annotated[AnswerIn, WrapValidator(read_form)]


class TalkIn(Body):
    """What a side told the coordinator in a talk about how it goes, and how they understood each other."""

    mood: Rating
    meetings_since: Meetings | None = None
    language: LanguageTag | None = Field(None, examples=["ar"], description="In which language the side spoke.")
    interpreter: bool | None = Field(None, description="Whether somebody interpreted.")
    note: Paragraph | None = None
    issue: Paragraph | None = Field(
        None, description="What the side wants the neutral contact to know; becomes a concern that they alone read.")


class CheckinOut(BaseModel):
    """A check-in with one side. Whether an issue was raised is not told here."""

    id: UUID
    version: int
    tandem_id: UUID
    region: str
    side: Side
    day: int
    due_at: datetime
    state: CheckinState
    mood: int | None
    meetings_since: int | None
    language: str | None
    interpreter: bool | None
    done_at: datetime | None
    escalated_at: datetime | None

    @classmethod
    def of(cls, checkin: Checkin) -> "CheckinOut":
        """The answer's form of a check-in."""
        return cls.model_validate(checkin, from_attributes=True)


class CheckinDetail(CheckinOut):
    """A check-in with what was noted."""

    note: str | None


class CheckedInOut(BaseModel):
    """That the answer has arrived."""

    state: CheckinState
    side: Side


@router.get("")
async def list_checkins(
    transaction: Transaction, paging: PageOf, tandem_id: UUID | None = None,
    state: Annotated[CheckinState | None, Query(description="escalated: who did not answer in time.")] = None,
) -> Page[CheckinOut]:
    """The check-ins inside the caller's scope, oldest first."""
    query = select(Checkin).where(inside(Checkin, transaction.caller.scope))
    query = query.where(Checkin.tandem_id == tandem_id) if tandem_id else query
    query = query.where(col(Checkin.state) == state) if state else query
    rows, following = await page(transaction, query, paging, col(Checkin.due_at), col(Checkin.id))
    return Page(items=[CheckinOut.of(row) for row in rows], next=following)


@router.get("/{checkin_id}")
async def read_checkin(checkin_id: UUID, transaction: Transaction, response: Response) -> CheckinDetail:
    """One check-in with what was noted. Reading it is noted in the audit."""
    checkin = await get_or_refuse(transaction, Checkin, checkin_id)
    return await _shown(transaction, checkin, response)


@router.post("/{checkin_id}/record")
async def record_checkin(
    checkin_id: UUID, body: TalkIn, transaction: Transaction, expected: Expected, response: Response,
) -> CheckinDetail:
    """The coordinator has talked with a side, also before its day, and notes how it goes; then nobody asks again."""
    seen = await get_or_refuse(transaction, Checkin, checkin_id)
    await beyond_scope(transaction)
    checkin, tandem = await _locked(transaction, seen, version=expected)
    person_ref = next(iter(await persons_of_side(transaction, tandem, checkin.side)), None)
    if person_ref is None:
        raise NotFound("person-erased", "This person's data has been erased.")
    was_planned = checkin.state is CheckinState.PLANNED
    checkin.held(transaction.caller.principal, language=body.language, interpreter=body.interpreter)
    await _answered(transaction, checkin, person_ref, body, in_talk=True)
    if was_planned:
        await answered_before(transaction, tandem, checkin)
    if body.issue:
        await raised(transaction, Matter.of(tandem, checkin.side), person_ref, body.issue, checkin_id=checkin.id)
    return await _shown(transaction, checkin, response)


@router.post("/{checkin_id}/handle")
async def handle_checkin(
    checkin_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> CheckinDetail:
    """The coordinator has looked after a side that did not answer; it leaves the list."""
    checkin = await get_or_refuse(transaction, Checkin, checkin_id, version=expected, lock=True)
    checkin.handle(transaction.caller.principal, transaction.clock.now())
    return await _shown(transaction, checkin, response)


@router.get("/answers/{token}", response_class=HTMLResponse)
async def show_checkin(request: Request, holding: Answering) -> HTMLResponse:
    """The page on which a side says how it goes. Opening it changes nothing."""
    return await _page(request, holding, Sent())


@router.post("/answers/{token}", response_model=CheckedInOut)
async def answer_checkin(
    request: Request, holding: Answering, mood: Annotated[int | None, Query(ge=1, le=5)] = None,
    meetings: Annotated[int | None, Query(ge=0, le=MOST_MEETINGS)] = None, issue: bool = False,  # noqa: FBT001, FBT002
    body: Answered | None = None,
) -> Any:
    """A side says how it goes, separately from the other; an issue reaches the neutral contact, and nobody else."""
    try:
        said = given(body, "checkin", AnswerIn) or AnswerIn()
        seen = await get_or_refuse(holding.transaction, Checkin, holding.link.about)
        checkin, tandem = await _locked(holding.transaction, seen)
        await _asked(holding, checkin)
        said = said.model_copy(update={
            "mood": said.mood or mood,
            "meetings_since": meetings if said.meetings_since is None else said.meetings_since})
        to_coordinator = said.model_copy(update={"note": None}) if issue else said
        await _answered(holding.transaction, checkin, holding.link.person_ref, to_coordinator)
        if issue:
            await raised(holding.transaction, Matter.of(tandem, checkin.side), holding.link.person_ref, said.note,
                         checkin_id=checkin.id)
    except (Refused, ValidationError) as refused:
        return await came_back(request, holding, body, refused, partial(_page, request, holding))
    return await done(request, holding, "checkin_done", CheckedInOut(state=checkin.state, side=checkin.side))


async def _page(request: Request, holding: Holding, sent: Sent) -> HTMLResponse:
    transaction, person_ref = holding.transaction, holding.link.person_ref
    languages = await languages_of(transaction, person_ref)
    checkin = await get_or_refuse(transaction, Checkin, holding.link.about)
    tandem = await _asked(holding, checkin)
    asked = checkin.is_asked(ended=tandem.ended_at is not None)
    sections = [_form(request.path_params["token"], languages, sent) if asked
                else _way_to_neutral_contact(holding, tandem, languages, sent)]
    if tandem.is_trial_over(transaction.clock.now()):
        own = transaction.links.token(Link(CONSENT.name, tandem.id, person_ref), valid=CONSENT.valid)
        sections.append(Section(say("consent_title", languages).text, [say("consent_text", languages).text], buttons=[
            (say("consent_yes", languages).text, f"../../tandems/consents/{own}/give"),
            (say("consent_no", languages).text, f"../../tandems/consents/{own}/refuse")]))
    calendar = transaction.links.token(Link(CALENDAR.name, person_ref, person_ref), valid=CALENDAR.valid)
    keys = ["checkin_text", "checkin_issue_text"] if asked else ["refused_checkin-answered"]
    if sent.said and not asked:
        keys = []
    return await asking_page(holding, "checkin", [say(key, languages).text for key in keys], [],
                             [("own_calendar", f"../calendars/{calendar}")], sections=sections, sent=sent)


def _form(token: str, languages: Sequence[str], sent: Sent) -> Section:
    moods = [("", say("mood_unsaid", languages).text),
             *((str(mood), say(f"mood_{mood}", languages).text) for mood in MOODS)]
    fields = [
        Input("mood", say("checkin_mood", languages).text, options=moods),
        Input("meetings_since", say("checkin_meetings", languages).text, kind="number", least="0",
              most=str(MOST_MEETINGS)),
        Input("note", say("checkin_note", languages).text, kind="textarea")]
    return sent.section("checkin", fields, [("checkin_send", token), ("checkin_issue", f"{token}?issue=true")],
                        languages)


def _way_to_neutral_contact(holding: Holding, tandem: Tandem, languages: Sequence[str], sent: Sent) -> Section:
    """The form of the neutral contact's page, where no answer is taken any more; with the words that were written."""
    link = Link(CONCERN.name, tandem.id, holding.link.person_ref)
    token = holding.transaction.links.token(link, valid=CONCERN.valid)
    words = Input("text", say("concern_words", languages).text, sent.form.get("note", []), kind="textarea")
    form = Sent().section("concern", [words], [("concern_raise", f"../../concerns/raised/{token}")], languages,
                          "concern_title")
    return replace(form, paragraphs=[say("concern_text", languages).text])


async def _asked(holding: Holding, checkin: Checkin) -> Tandem:
    """The tandem; NotFound unless the link's holder still speaks for the side that is asked."""
    tandem = await holding.transaction.get_one(Tandem, checkin.tandem_id)
    if await side_in(holding.transaction, tandem, holding.link.person_ref) is not checkin.side:
        raise Refused("checkin-answered", "This has been answered already, or is not asked any more.")
    return tandem


async def _locked(
    transaction: OpenTransaction, seen: Checkin, *, version: int | None = None,
) -> tuple[Checkin, Tandem]:
    """The check-in and its tandem, the tandem first, as whoever pauses or ends it does."""
    tandem = await locked(transaction, Tandem, seen.tandem_id)
    return await locked(transaction, Checkin, seen.id, version=version), tandem


async def _answered(
    transaction: OpenTransaction, checkin: Checkin, person_ref: UUID, said: AnswerIn | TalkIn, *,
    in_talk: bool = False,
) -> None:
    tandem = await transaction.get_one(Tandem, checkin.tandem_id)
    checkin.answer(mood=said.mood, meetings_since=said.meetings_since, now=transaction.clock.now(),
                   ended=tandem.ended_at is not None, in_talk=in_talk)
    checkin.answered_by = person_ref
    await ask_no_more(transaction, checkin)
    if said.note:
        checkin.note = await seal(transaction, person_ref, SEALED_NOTE, Note(text=said.note))
    await audited(transaction, "change", f"checkin/{checkin.id}", person_ref)
    await told_of(transaction, CheckinDone, checkin, to_side=False)


async def _shown(transaction: OpenTransaction, checkin: Checkin, response: Response) -> CheckinDetail:
    await transaction.flush()
    note = None
    if checkin.answered_by:
        note = await unseal(transaction, checkin.answered_by, SEALED_NOTE, checkin.note, Note)
        await audited(transaction, "read", f"checkin/{checkin.id}", checkin.answered_by)
    tag(response, checkin.version)
    return CheckinDetail(**checkin.model_dump() | {"note": note.text if note else None})
