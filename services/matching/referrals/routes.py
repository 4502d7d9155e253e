"""The HTTP door of referrals: propose, consent, send, answer, finish or not, revoke; and what may be handed over."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, model_validator
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body
from libs.common.codes.types import Day
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import ReferralAccepted, ReferralDeclined, ReferralDone, ReferralSent
from libs.common.refusals import Invalid
from services.matching.counselling_cases.queries import case_to_change
from services.matching.offers.model import KnownOffer
from services.matching.profiles.queries import inside
from services.matching.profiles.rules import refuse_future, today
from services.matching.referrals.model import Referral, ReferralState, Shared, TurnedDown
from services.matching.referrals.queries import (
    handed_over,
    person_of,
    referral_to_change,
    refuse_ended,
    refuse_second,
    tell,
    tell_ended,
    tell_revoked,
)
from services.matching.referrals.reactions import watch_consent

router = APIRouter(prefix="/referrals", tags=["referrals"])


class ReferralIn(Body):
    """Which case is to be sent on to which offer."""

    counselling_case_id: UUID
    offer_id: UUID


class ReferralConsentIn(Body):
    """What the person consented to: what is told, to whom, and until when."""

    what: list[Shared] = Field(min_length=1, max_length=5, examples=[["name", "contact", "languages"]])
    to_whom: UUID = Field(description="The partner who offers it.")
    given_on: Day | None = Field(None, description="Today unless given.")
    until: Day = Field(description="The last day on which anything may be handed over.", examples=["2099-12-31"])


class ReferralAnswerIn(Body):
    """Whether whoever offers it takes them; a refusal has a reason."""

    accepted: bool
    reason: TurnedDown | None = None

    @model_validator(mode="after")
    def _reason(self) -> Self:
        if self.accepted == (self.reason is not None):
            raise ValueError("a refusal has a reason, and nothing else has")
        return self


class ReferralOut(BaseModel):
    """A referral and the consent that it goes by; nothing of the person.

    reference: what the mails to the partner who offers it call it.
    """

    id: UUID
    version: int
    reference: str
    counselling_case_id: UUID
    region: str
    offer_id: UUID
    offered_by: UUID
    state: ReferralState
    shared: list[Shared]
    consented_on: date | None
    consent_until: date | None
    sent_at: datetime | None
    answered_at: datetime | None
    declined_reason: TurnedDown | None
    ended_at: datetime | None
    revoked_at: datetime | None = Field(description="Since when the consent is taken back, also of what was over.")

    @classmethod
    def of(cls, referral: Referral) -> "ReferralOut":
        """The answer's form of a referral."""
        return cls.model_validate(referral, from_attributes=True)


class HandedOverOut(BaseModel):
    """What whoever offers it may be told, by the consent that holds today; what it does not name is not there."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    languages: list[str] | None = None
    topics: list[str] | None = None
    residence_status: str | None = None


@router.post("", status_code=201)
async def propose_referral(
    body: ReferralIn, transaction: Transaction, once: Creation, response: Response,
) -> ReferralOut:
    """A counsellor proposes an offer to somebody, once as long as that is open; nothing is told to anybody yet."""
    if once.repeated:
        return _shown(await get_or_refuse(transaction, Referral, once.id), response)
    case = await case_to_change(transaction, body.counselling_case_id)
    offer = await transaction.get(KnownOffer, body.offer_id)
    if offer is None or not offer.available:
        raise Invalid("offer-unknown", "There is no such offer that is to be had.", field="offer_id")
    await refuse_second(transaction, case, offer.id)
    referral = Referral(
        id=once.id, counselling_case_id=case.id, region=case.region, partner_id=case.partner_id, offer_id=offer.id,
        offered_by=offer.offered_by, proposed_by=transaction.caller.principal)
    transaction.add(referral)
    return await _told(transaction, referral, response)


@router.get("")
async def list_referrals(
    transaction: Transaction, paging: PageOf, counselling_case_id: UUID | None = None,
    state: ReferralState | None = None,
) -> Page[ReferralOut]:
    """The referrals inside the caller's scope, oldest first."""
    query = select(Referral).where(inside(Referral, transaction.caller.scope))
    query = query.where(Referral.counselling_case_id == counselling_case_id) if counselling_case_id else query
    query = query.where(col(Referral.state) == state) if state else query
    rows, following = await page(transaction, query, paging, col(Referral.id))
    return Page(items=[ReferralOut.of(row) for row in rows], next=following)


@router.get("/{referral_id}")
async def read_referral(referral_id: UUID, transaction: Transaction, response: Response) -> ReferralOut:
    """One referral. Reading it is noted in the audit."""
    referral = await get_or_refuse(transaction, Referral, referral_id)
    await audited(transaction, "read", f"referral/{referral.id}", await person_of(transaction, referral))
    return _shown(referral, response)


@router.get("/{referral_id}/handover")
async def read_handover(referral_id: UUID, transaction: Transaction) -> HandedOverOut:
    """What may be handed over to whoever offers it, while a consent holds. Reading it is noted in the audit."""
    referral = await get_or_refuse(transaction, Referral, referral_id)
    return HandedOverOut(**await handed_over(transaction, referral))


@router.post("/{referral_id}/consent")
async def note_referral_consent(
    referral_id: UUID, body: ReferralConsentIn, transaction: Transaction, expected: Expected, response: Response,
) -> ReferralOut:
    """They consented that this is told to the partner who offers it; after the last day it takes a new consent."""
    referral = await referral_to_change(transaction, referral_id, expected)
    now = transaction.clock.now()
    given_on = body.given_on or today(now)
    refuse_future(given_on, now, "given_on")
    await refuse_ended(transaction, referral)
    referral.consent(body.what, to_whom=body.to_whom, given_on=given_on, until=body.until, day=today(now))
    return await _told(transaction, referral, response)


@router.post("/{referral_id}/send")
async def send_referral(
    referral_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ReferralOut:
    """What they consented to is handed over to whoever offers it; the bus learns that it was, and of whom nothing."""
    referral = await referral_to_change(transaction, referral_id, expected)
    offer, now = await transaction.get(KnownOffer, referral.offer_id), transaction.clock.now()
    await refuse_ended(transaction, referral)
    referral.send(now, day=today(now), available=offer is not None and offer.available)
    tell(transaction, ReferralSent, referral)
    return await _told(transaction, referral, response)


@router.post("/{referral_id}/answer")
async def note_referral_answer(
    referral_id: UUID, body: ReferralAnswerIn, transaction: Transaction, expected: Expected, response: Response,
) -> ReferralOut:
    """Whoever offers it has answered: they take them, or do not for a reason, also after all; then no place is held."""
    referral = await referral_to_change(transaction, referral_id, expected)
    if body.reason is None:
        referral.accept(transaction.clock.now())
        tell(transaction, ReferralAccepted, referral)
    else:
        referral.decline(body.reason, transaction.clock.now())
        tell(transaction, ReferralDeclined, referral)
    return await _told(transaction, referral, response)


@router.post("/{referral_id}/finish")
async def finish_referral(
    referral_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ReferralOut:
    """They received what was offered."""
    referral = await referral_to_change(transaction, referral_id, expected)
    referral.finish(transaction.clock.now())
    tell(transaction, ReferralDone, referral)
    return await _told(transaction, referral, response)


@router.post("/{referral_id}/not_taken_up")
async def note_referral_not_taken_up(
    referral_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ReferralOut:
    """They did not come: it ends though nobody took a consent back, no place is held, and no partner is written to."""
    referral = await referral_to_change(transaction, referral_id, expected)
    before = referral.state
    referral.lapse(transaction.clock.now())
    tell_ended(transaction, referral, before=before)
    return await _told(transaction, referral, response)


@router.post("/{referral_id}/revoke")
async def revoke_referral(
    referral_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ReferralOut:
    """They take their consent back, also of what is over: nothing is handed over, and who got something is told."""
    referral = await referral_to_change(transaction, referral_id, expected)
    referral.revoke(transaction.clock.now())
    tell_revoked(transaction, referral)
    return await _told(transaction, referral, response)


async def _told(transaction: OpenTransaction, referral: Referral, response: Response) -> ReferralOut:
    await transaction.flush()
    await watch_consent(transaction, referral)
    await audited(transaction, "change", f"referral/{referral.id}", await person_of(transaction, referral))
    return _shown(referral, response)


def _shown(referral: Referral, response: Response) -> ReferralOut:
    tag(response, referral.version)
    return ReferralOut.of(referral)
