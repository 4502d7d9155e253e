"""The HTTP door of consents: what a person agreed to, that they agree to something more, and that they take it back."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body
from libs.common.codes.types import Day, LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.privacy import key_of
from services.matching.consents.model import Consent, GivenBy, Purpose
from services.matching.consents.queries import belonging_of
from services.matching.consents.reactions import Given, consent_given, consent_withdrawn
from services.matching.persons.queries import OfPersons, lock_of_persons
from services.matching.profiles.queries import beyond_scope, inside
from services.matching.profiles.rules import refuse_future

router = APIRouter(prefix="/consents", tags=["consents"])


class ConsentOfPersonIn(Body):
    """To what a mentor, a household's contact or a member of a group consented, in which text, how and when."""

    person_ref: UUID
    purpose: Purpose = Field(examples=["learnings"])
    text_version: int = Field(1, ge=1, le=10_000)
    language: LanguageTag = Field("de", description="In which language they had the text.")
    given_on: Day
    given_by: GivenBy = GivenBy.PAPER


class ConsentOut(BaseModel):
    """A consent; it holds unless it was withdrawn, or replaced by one that was given anew."""

    id: UUID
    version: int
    person_ref: UUID
    region: str
    purpose: Purpose
    text_version: int
    language: str
    given_on: date
    given_by: GivenBy
    noted_by: str
    withdrawn_on: date | None
    replaced_on: date | None

    @classmethod
    def of(cls, consent: Consent) -> "ConsentOut":
        """The answer's form of a consent."""
        return cls.model_validate(consent, from_attributes=True)


@router.post("", status_code=201)
async def record_consent(
    body: ConsentOfPersonIn, transaction: Transaction, once: Creation, response: Response,
) -> ConsentOut:
    """Whoever counsels a household, or the coordinator, notes that somebody consents to a purpose.

    A former consent to it is replaced.

    Who takes part no longer is asked about learnings only, at the closing talk; who was erased, nothing more.
    """
    if once.repeated:
        return await _shown(transaction, once.id, response)
    refuse_future(body.given_on, transaction.clock.now(), "given_on")
    await belonging_of(transaction, body.person_ref)
    await beyond_scope(transaction)
    of = await lock_of_persons(transaction, [body.person_ref])
    # By now another may have become the household's contact, or they may have moved.
    region, partner_id = await belonging_of(transaction, body.person_ref)
    await key_of(transaction, body.person_ref)  # an erasure that was under way has ended by now
    if body.purpose is not Purpose.LEARNINGS:
        _refuse_gone(of)
    if body.purpose is Purpose.MATCHING:
        _note_matching(of, body)
    what = Given((body.purpose,), body.given_on, body.text_version, body.language, body.given_by)
    await consent_given(transaction, body.person_ref, what, region=region, partner_id=partner_id, consent_id=once.id)
    return await _shown(transaction, once.id, response)


@router.get("")
async def list_consents(
    transaction: Transaction, paging: PageOf, person_ref: UUID, purpose: Purpose | None = None,
    holding: Annotated[bool, Query(description="Without what was withdrawn or given anew.")] = False,  # noqa: FBT002
) -> Page[ConsentOut]:
    """A person's consents, oldest first, those that were withdrawn too. Reading them is noted in the audit."""
    await belonging_of(transaction, person_ref, former=True)
    query = select(Consent).where(inside(Consent, transaction.caller.scope), Consent.person_ref == person_ref)
    query = query.where(Consent.purpose == purpose) if purpose else query
    if holding:
        query = query.where(col(Consent.withdrawn_on).is_(None), col(Consent.replaced_on).is_(None))
    rows, following = await page(transaction, query, paging, col(Consent.id))
    await audited(transaction, "read", "consents", person_ref)
    return Page(items=[ConsentOut.of(row) for row in rows], next=following)


@router.post("/{consent_id}/withdraw")
async def withdraw_consent(
    consent_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ConsentOut:
    """Somebody takes a consent back, on whatever way they say so: what was done for it stops at once.

    matching: they are not looked for and not proposed, and what is open ends. checkins: they are not asked how it
    goes. learnings: drafts are discarded. authority: their group is taken back from the authority.
    """
    consent = await get_or_refuse(transaction, Consent, consent_id, version=expected)
    await belonging_of(transaction, consent.person_ref, former=True)
    consent.refuse_over()
    await beyond_scope(transaction)
    await consent_withdrawn(transaction, consent.person_ref, consent.purpose)
    return await _shown(transaction, consent_id, response)


def _refuse_gone(of: OfPersons) -> None:
    """Who has gone comes back by no consent, and nothing is done about them that would need one."""
    for household in of.households:
        household.refuse_closed()
    for mentor in of.mentors:
        mentor.refuse_left()
    for member in of.members:
        member.refuse_left()


def _note_matching(of: OfPersons, body: ConsentOfPersonIn) -> None:
    """The day stands with the household, mentor or member as well."""
    for household in of.households:
        household.consent(body.given_on, body.text_version)
    for mentor in of.mentors:
        mentor.consent(body.given_on, body.text_version)
    for member in of.members:
        member.consent(body.given_on)


async def _shown(transaction: OpenTransaction, consent_id: UUID, response: Response) -> ConsentOut:
    await transaction.flush()
    consent = await get_or_refuse(transaction, Consent, consent_id)
    tag(response, consent.version)
    return ConsentOut.of(consent)
