"""The HTTP door of concerns: raised by link or by telephone, read and settled by the region's neutral contact alone."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, ValidationError, WrapValidator, model_validator
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body, Line, Paragraph
from libs.common.codes.lists import TandemKind
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import Side
from libs.common.links import Holding, by_link
from libs.common.pages import Field as Input
from libs.common.persons import details_of, languages_of
from libs.common.privacy import seal, unseal
from libs.common.refusals import Invalid, Refused
from services.matching.concerns.model import SEALED_OUTCOME, SEALED_TEXT, Concern, ConcernAbout, ConcernState, Matter
from services.matching.concerns.queries import accompanied, found_by, heard, own_matter, spoke_then
from services.matching.concerns.reactions import raised, refuse_waiting
from services.matching.holders.queries import former_contact
from services.matching.households.model import Household, Note
from services.matching.links.queries import CONCERN, Sent, asking_page, came_back, done, given, say
from services.matching.links.rules import read_form
from services.matching.members.model import Member
from services.matching.profiles.queries import beyond_scope, inside
from services.matching.tandems.model import Tandem, TandemState
from services.matching.tandems.queries import persons_of_side

router = APIRouter(prefix="/concerns", tags=["concerns"])
Raising = Annotated[Holding, by_link(CONCERN.name)]


class ConcernIn(Body):
    """What it is about, in the person's own words; may be left out: then somebody asks."""

    text: Paragraph | None = None


# What a program sends, or the form of a browser.
Concerning = Annotated[ConcernIn, WrapValidator(read_form)]


class CallIn(Body):
    """What somebody told the neutral contact, by telephone or face to face; kept as if they had written it by link."""

    tandem_id: UUID | None = None
    side: Side | None = Field(None, description="Of the tandem.")
    own_id: UUID | None = Field(
        None, description="Of who is in no tandem, or whose last one has ended elsewhere than where they live, instead:"
                          " the mentor's, member's or household's id.")
    text: Paragraph = Field(examples=["Fühlt sich unter Druck gesetzt und bittet um ein Gespräch."])
    member_id: UUID | None = Field(
        None, description="Who of the tandem's group it was, today's member or a former one; else who speaks for the"
                          " side.")
    former_contact: UUID | None = Field(
        None, description="Who it was that spoke for the household when the tandem began, before another, and alone"
                          " reads what is noted.")

    @model_validator(mode="after")
    def _one_matter(self) -> Self:
        of_tandem = self.tandem_id is not None
        if of_tandem is (self.own_id is not None) or of_tandem is not (self.side is not None):
            raise ValueError("either a tandem and its side, or an own_id")
        if self.member_id and not of_tandem:
            raise ValueError("who speaks of themselves is named by own_id")
        if self.former_contact and (self.member_id or self.side is Side.MENTORS):
            raise ValueError("a former contact spoke for the household, and is no member of the group")
        return self


class CallerIn(Body):
    """Who called; in a body, so that no address stands in a log of paths."""

    caller: Line = Field(examples=["mira@example.org"], description=(
        "Their mail address or telephone number as the network has it, or an id that they read in their own data."))


class FoundOut(BaseModel):
    """A tandem of who called, as far as it takes to note what they told; no name, and nothing of the other side.

    Who is known and in no tandem is found as what they are, by own_id alone; so is, where they live, whose last one has
    ended elsewhere.
    """

    about: ConcernAbout
    tandem_id: UUID | None
    own_id: UUID | None
    kind: TandemKind | None
    state: TandemState | None
    region: str
    side: Side
    member_id: UUID | None = Field(description="Who of its group they are, or were.")
    former_contact: UUID | None = Field(description="Who they are, where another speaks for the household today.")


class OutcomeIn(Body):
    """What was done about it; sealed like the concern."""

    outcome: Paragraph = Field(examples=["Ein Gespräch mit beiden hat stattgefunden."])


class ConcernOut(BaseModel):
    """A concern in a list: where it stands, not what it is."""

    id: UUID
    version: int
    about: ConcernAbout
    tandem_id: UUID | None
    own_id: UUID | None = Field(description="Of who speaks of themselves: the mentor's, member's or household's id.")
    region: str
    side: Side
    state: ConcernState
    raised_at: datetime
    resolved_at: datetime | None

    @classmethod
    def of(cls, concern: Concern) -> "ConcernOut":
        """The answer's form of a concern in a list."""
        return cls.model_validate(concern, from_attributes=True)


class ConcernDetail(ConcernOut):
    """A concern with what is needed to act: the words, and how to reach the person; gone once they are erased."""

    person_ref: UUID
    text: str | None
    outcome: str | None
    name: str | None
    email: str | None
    phone: str | None
    languages: list[str]


class RaisedOut(BaseModel):
    """That the concern has arrived."""

    concern_id: UUID


@router.post("", status_code=201)
async def note_concern(body: CallIn, transaction: Transaction, once: Creation, response: Response) -> ConcernDetail:
    """The neutral contact notes what somebody told them, who called instead of writing by link."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, Concern, once.id), response)
    matter, person_ref = await _told_by(transaction, body)
    concern = await raised(transaction, matter, person_ref, body.text, concern_id=once.id)
    return await _told(transaction, concern, response)


@router.post("/find_tandems")
async def find_tandems(body: CallerIn, transaction: Transaction) -> list[FoundOut]:
    """Of which tandems somebody who called can speak: those that run, else the last one. Noted in the audit.

    Who is in none speaks of themselves: as a mentor, as a member of a group, or for a household. So does, where they
    live now, whose last one has ended in another district.
    """
    return [FoundOut(about=one.matter.about, tandem_id=one.tandem.id if one.tandem else None,
                     own_id=None if one.tandem else one.matter.id, kind=one.tandem.kind if one.tandem else None,
                     state=one.tandem.state if one.tandem else None, region=one.matter.region, side=one.matter.side,
                     member_id=one.member_id, former_contact=one.former_contact)
            for one in await found_by(transaction, body.caller)]


@router.get("")
async def list_concerns(
    transaction: Transaction, paging: PageOf, state: ConcernState | None = None,
) -> Page[ConcernOut]:
    """The concerns of the neutral contact's region, oldest first."""
    query = select(Concern).where(inside(Concern, transaction.caller.scope))
    query = query.where(col(Concern.state) == state) if state else query
    rows, following = await page(transaction, query, paging, col(Concern.id))
    return Page(items=[ConcernOut.of(row) for row in rows], next=following)


@router.get("/{concern_id}")
async def read_concern(concern_id: UUID, transaction: Transaction, response: Response) -> ConcernDetail:
    """One concern with its words and whom to turn to. Reading it is noted in the audit."""
    return await _shown(transaction, await get_or_refuse(transaction, Concern, concern_id), response)


@router.post("/{concern_id}/take_up")
async def take_up_concern(
    concern_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ConcernDetail:
    """The neutral contact looks after it."""
    concern = await get_or_refuse(transaction, Concern, concern_id, version=expected, lock=True)
    concern.take_up(transaction.caller.principal)
    return await _told(transaction, concern, response)


@router.post("/{concern_id}/resolve")
async def resolve_concern(
    concern_id: UUID, body: OutcomeIn, transaction: Transaction, expected: Expected, response: Response,
) -> ConcernDetail:
    """It has been settled; what was done is sealed like the concern itself."""
    concern = await get_or_refuse(transaction, Concern, concern_id, version=expected, lock=True)
    concern.resolve(transaction.clock.now())
    concern.outcome = await seal(transaction, concern.person_ref, SEALED_OUTCOME, Note(text=body.outcome))
    return await _told(transaction, concern, response)


@router.get("/raised/{token}", response_class=HTMLResponse)
async def show_concern(request: Request, holding: Raising) -> HTMLResponse:
    """The page by which somebody writes to the neutral contact. Opening it changes nothing."""
    return await _page(request, holding, Sent())


@router.post("/raised/{token}", response_model=RaisedOut)
async def raise_concern(request: Request, holding: Raising, body: Concerning | None = None) -> Any:
    """A mentor, member or household turns to the neutral contact; neither other side nor coordinators learn of it.

    So does who spoke for the household when the tandem began, and the contact of today does not learn of it either;
    and who is in no tandem, or lives elsewhere since it ended.
    """
    transaction, person_ref = holding.transaction, holding.link.person_ref
    try:
        written = given(body, "concern", ConcernIn)
        matter = await heard(transaction, holding.link.about, person_ref, lock=True)
        await refuse_waiting(transaction, matter, person_ref)
        concern = await raised(transaction, matter, person_ref, written.text if written else None)
        await audited(transaction, "change", f"concern/{concern.id}", person_ref)
    except (Refused, ValidationError) as refused:
        return await came_back(request, holding, body, refused, partial(_page, request, holding))
    return await done(request, holding, "concern_raised", RaisedOut(concern_id=concern.id))


async def _told_by(transaction: OpenTransaction, body: CallIn) -> tuple[Matter, UUID]:
    """What was told of inside the own scope, and by whom."""
    if body.own_id is not None:
        return await own_matter(transaction, body.own_id, body.former_contact)
    assert body.tandem_id is not None  # noqa: S101 - the body says so
    assert body.side is not None  # noqa: S101 - the same
    tandem = await get_or_refuse(transaction, Tandem, body.tandem_id, lock=True)
    await beyond_scope(transaction)
    return Matter.of(tandem, body.side), await _who_called(transaction, tandem, body.side, body)


async def _who_called(transaction: OpenTransaction, tandem: Tandem, side: Side, body: CallIn) -> UUID:
    """The person whose concern it is: the member or former contact that is named, or who speaks for the side first."""
    if body.former_contact is not None:
        household = await transaction.get_one(Household, tandem.household_id)
        person_ref = (await former_contact(transaction, household, body.former_contact)).person_ref
        if not await spoke_then(transaction, tandem, person_ref):
            raise Invalid("former-contact-too-early", "This tandem began only once another spoke for the household.",
                          field="former_contact")
        return person_ref
    if body.member_id is None:
        found = next(iter(await persons_of_side(transaction, tandem, side)), None)
        if found is None:
            raise Invalid("caller-unknown", "Nobody speaks for this side any more; say which member it was.",
                          field="member_id")
        return found
    member = await transaction.get(Member, body.member_id)
    if (member is None or side is not Side.MENTORS or tandem.mentor_group_id is None
            or member.mentor_group_id != tandem.mentor_group_id or not accompanied(member, tandem)):
        raise Invalid("member-not-of-tandem", "This person is not of the group that accompanies in the tandem, or was"
                      " not then.", field="member_id")
    return member.person_ref


async def _page(request: Request, holding: Holding, sent: Sent) -> HTMLResponse:
    matter = await heard(holding.transaction, holding.link.about, holding.link.person_ref)
    languages = await languages_of(holding.transaction, holding.link.person_ref)
    words = Input("text", say("concern_words", languages).text, kind="textarea")
    form = sent.section("concern", [words], [("concern_raise", request.path_params["token"])], languages)
    text = "concern_text" if matter.about is ConcernAbout.TANDEM else "concern_text_own"
    return await asking_page(holding, "concern", [say(text, languages).text], [], sections=[form], sent=sent)


async def _told(transaction: OpenTransaction, concern: Concern, response: Response) -> ConcernDetail:
    await audited(transaction, "change", f"concern/{concern.id}", concern.person_ref)
    await transaction.flush()
    return await _shown(transaction, concern, response)


async def _shown(transaction: OpenTransaction, concern: Concern, response: Response) -> ConcernDetail:
    ref = concern.person_ref
    await beyond_scope(transaction)  # who raised it may live in the next district
    text = await unseal(transaction, ref, SEALED_TEXT, concern.text, Note)
    outcome = await unseal(transaction, ref, SEALED_OUTCOME, concern.outcome, Note)
    person = (await details_of(transaction, [ref], about=f"concern/{concern.id}")).get(ref)
    tag(response, concern.version)
    known = person.model_dump() if person else {"name": None, "email": None, "phone": None}
    return ConcernDetail(**concern.model_dump() | known | {
        "text": text.text if text else None, "outcome": outcome.text if outcome else None,
        "languages": list(await languages_of(transaction, ref))})
