"""The HTTP door of closings: the closing talk, and the learning that may leave once it is checked and approved."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body, Paragraph
from libs.common.codes.types import Code, Day, LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import LearningCaptured, Side
from libs.common.outbox import announce
from libs.common.privacy import key_of, seal, unseal
from libs.common.refusals import Invalid, NotFound, Refused
from services.matching.closings.model import MOST_GOALS, SEALED_DRAFT, Closing, LearningKind, LearningState
from services.matching.closings.queries import names_of_tandem
from services.matching.closings.rules import found_in
from services.matching.consents.model import Purpose
from services.matching.consents.queries import refuse_without
from services.matching.decisions.model import Decided
from services.matching.decisions.reactions import decided
from services.matching.households.model import Note
from services.matching.mentors.model import Mentor
from services.matching.profiles.queries import beyond_scope, inside, locked
from services.matching.profiles.rules import Rating, refuse_before, refuse_future, today
from services.matching.proposals.queries import Pair
from services.matching.tandems.model import EndReason, Tandem
from services.matching.tandems.queries import locked_tandem, persons_of_side
from services.matching.tandems.reactions import completed

router = APIRouter(prefix="/closings", tags=["closings"])


class LearningIn(Body):
    """What others can learn from it, without anyone's name, address or telephone number."""

    text: Paragraph = Field(examples=["Feste Treffen am selben Wochentag haben geholfen."])
    language: LanguageTag = "de"
    kind: LearningKind = LearningKind.LESSON
    field: Code | None = Field(None, examples=["language"])


class AddedIn(Body):
    """How both sides found it, and what was reached; what is left out stays as it is."""

    mentors_rating: Rating | None = None
    household_rating: Rating | None = None
    goals_reached: list[Code] = Field(default=[], max_length=MOST_GOALS, examples=[["school"]])

    @property
    def tells(self) -> bool:
        """Whether it holds what the two sides said."""
        return bool(self.mentors_rating or self.household_rating or self.goals_reached)


class ClosingIn(AddedIn):
    """The closing talk of a tandem: how both sides found it, and what was reached."""

    tandem_id: UUID
    held_on: Day
    reason: Literal["goal_reached", "term_over"] = "term_over"
    learning: LearningIn | None = None


class ClosingOut(BaseModel):
    """A closing; its learning's text only where it waits for approval or has been approved."""

    id: UUID
    version: int
    tandem_id: UUID
    region: str
    held_on: date
    mentors_rating: int | None
    household_rating: int | None
    goals_reached: list[str]
    learning_state: LearningState
    learning_kind: LearningKind | None
    learning_field: str | None
    learning_language: str | None
    approved_at: datetime | None
    text: str | None = None

    @classmethod
    def of(cls, closing: Closing, text: str | None = None) -> "ClosingOut":
        """The answer's form of a closing."""
        return cls(**closing.model_dump() | {"text": text or closing.learning})


@router.post("", status_code=201)
async def hold_closing(body: ClosingIn, transaction: Transaction, once: Creation, response: Response) -> ClosingOut:
    """The coordinator holds the closing talk: a running tandem is completed; one that ended early stays so."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, Closing, once.id), response)
    refuse_future(body.held_on, transaction.clock.now(), "held_on")
    tandem, pair = await locked_tandem(transaction, body.tandem_id)
    refuse_before(body.held_on, today(tandem.started_at), "held_on")
    await _refuse_second(transaction, tandem)
    if body.tells:
        await _refuse_erased(transaction, pair)
    closing = Closing(
        id=once.id, tandem_id=tandem.id, region=tandem.region, person_ref=pair.household.person_ref,
        held_on=body.held_on, mentors_rating=body.mentors_rating, household_rating=body.household_rating,
        goals_reached=sorted(set(body.goals_reached)))
    if body.learning:
        await _write(transaction, closing, body.learning)
    if tandem.ended_at is None:
        await completed(transaction, tandem, pair, EndReason(body.reason))
        await decided(transaction, tandem, Decided.COMPLETED, reason=body.reason)
    transaction.add(closing)
    return await _told(transaction, closing, response)


@router.get("")
async def list_closings(
    transaction: Transaction, paging: PageOf, learning_state: LearningState | None = None,
) -> Page[ClosingOut]:
    """The closings inside the caller's scope, oldest first; drafts of learnings are read one by one."""
    query = select(Closing).where(inside(Closing, transaction.caller.scope))
    query = query.where(col(Closing.learning_state) == learning_state) if learning_state else query
    rows, following = await page(transaction, query, paging, col(Closing.id))
    return Page(items=[ClosingOut.of(row) for row in rows], next=following)


@router.get("/{closing_id}")
async def read_closing(closing_id: UUID, transaction: Transaction, response: Response) -> ClosingOut:
    """One closing with its learning. Reading it is noted in the audit."""
    return await _shown(transaction, await get_or_refuse(transaction, Closing, closing_id), response)


@router.put("/{closing_id}")
async def add_to_closing(
    closing_id: UUID, body: AddedIn, transaction: Transaction, expected: Expected, response: Response,
) -> ClosingOut:
    """The coordinator adds what came after the talk: a side's rating that is missing, goals that were reached besides.

    What a side said is not overwritten, and the learning stays as it is.
    """
    seen = await get_or_refuse(transaction, Closing, closing_id)
    _, pair = await locked_tandem(transaction, seen.tandem_id)
    closing = await locked(transaction, Closing, closing_id, version=expected)
    if body.tells:
        await _refuse_erased(transaction, pair)
    closing.add(pair.household.person_ref, **body.model_dump())
    return await _told(transaction, closing, response)


@router.put("/{closing_id}/learning")
async def write_learning(
    closing_id: UUID, body: LearningIn, transaction: Transaction, expected: Expected, response: Response,
) -> ClosingOut:
    """The coordinator writes a learning, or writes it anew before its approval."""
    seen = await get_or_refuse(transaction, Closing, closing_id)
    await locked_tandem(transaction, seen.tandem_id)  # whoever takes a consent back meanwhile waits, or is waited for
    closing = await locked(transaction, Closing, closing_id, version=expected)
    await _write(transaction, closing, body)
    return await _told(transaction, closing, response)


@router.post("/{closing_id}/approve")
async def approve_learning(
    closing_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ClosingOut:
    """A coordinator has read the learning and says that it names nobody; it is checked once more, and announced."""
    closing = await get_or_refuse(transaction, Closing, closing_id, version=expected, lock=True)
    closing.refuse_unless_draft()
    await beyond_scope(transaction)
    draft = await unseal(transaction, closing.person_ref, SEALED_DRAFT, closing.draft, Note)
    if draft is None:
        raise NotFound("person-erased", "This person's data has been erased.")
    await _refuse_without_consent(transaction, closing)
    await _refuse_names(transaction, closing, draft.text)
    closing.approve(draft.text, transaction.caller.principal, transaction.clock.now())
    announce(transaction, LearningCaptured(
        learning_id=closing.id, kind=(closing.learning_kind or LearningKind.LESSON).value,
        field=closing.learning_field, region=closing.region))
    return await _told(transaction, closing, response)


@router.post("/{closing_id}/discard")
async def discard_learning(
    closing_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ClosingOut:
    """The learning does not leave; nothing of it is kept."""
    closing = await get_or_refuse(transaction, Closing, closing_id, version=expected, lock=True)
    closing.discard()
    return await _told(transaction, closing, response)


async def _refuse_second(transaction: OpenTransaction, tandem: Tandem) -> None:
    if await transaction.scalar(select(Closing.id).where(Closing.tandem_id == tandem.id)):
        raise Refused("closing-held", "The closing talk of this tandem has been held already.")


async def _refuse_erased(transaction: OpenTransaction, pair: Pair) -> None:
    """What somebody said who has been erased since is not written down; that the talk was held may be."""
    for person_ref in [pair.household.person_ref, *([pair.unit.person_ref] if isinstance(pair.unit, Mentor) else [])]:
        await key_of(transaction, person_ref)


async def _write(transaction: OpenTransaction, closing: Closing, learning: LearningIn) -> None:
    await _refuse_without_consent(transaction, closing)
    await _refuse_names(transaction, closing, learning.text)
    draft = await seal(transaction, closing.person_ref, SEALED_DRAFT, Note(text=learning.text))
    closing.write(draft, learning.kind, learning.field, learning.language)


async def _refuse_without_consent(transaction: OpenTransaction, closing: Closing) -> None:
    """What somebody says at the end becomes a learning only if both sides agree to that: who said it for theirs."""
    tandem = await transaction.get_one(Tandem, closing.tandem_id)
    spoke = (*await persons_of_side(transaction, tandem, Side.MENTORS), closing.person_ref)
    await refuse_without(transaction, spoke, Purpose.LEARNINGS)


async def _refuse_names(transaction: OpenTransaction, closing: Closing, text: str) -> None:
    kinds = found_in(text, await names_of_tandem(transaction, closing))
    if kinds:
        raise Invalid("learning-names-someone", "The text seems to name somebody: {found}. Please write it without.",
                      field="text", found=kinds)


async def _told(transaction: OpenTransaction, closing: Closing, response: Response) -> ClosingOut:
    await audited(transaction, "change", f"closing/{closing.id}", closing.person_ref)
    await transaction.flush()
    return await _shown(transaction, closing, response)


async def _shown(transaction: OpenTransaction, closing: Closing, response: Response) -> ClosingOut:
    draft = await unseal(transaction, closing.person_ref, SEALED_DRAFT, closing.draft, Note)
    await audited(transaction, "read", f"closing/{closing.id}", closing.person_ref)
    tag(response, closing.version)
    return ClosingOut.of(closing, draft.text if draft else None)
