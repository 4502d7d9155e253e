"""The HTTP door of households: register, interview, consent, wait, close; and how to reach them."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body, Paragraph
from libs.common.callers import Role
from libs.common.codes.lists import AgeBand, Cefr, Gender
from libs.common.codes.types import Ags, Code, Day
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import HouseholdWaiting
from libs.common.outbox import announce
from libs.common.privacy import seal, unseal
from services.matching.households.model import FEMALE_ONLY, SEALED_NOTE, Household, HouseholdState, Note, shape_of
from services.matching.prerequisites.queries import rules_or_refuse
from services.matching.profiles.queries import beyond_scope, contact_changed, contact_out, inside, met
from services.matching.profiles.rules import (
    ConsentIn,
    ContactIn,
    ContactOut,
    DescribedIn,
    LocalAgs,
    columns_of,
    refuse_future,
    refuse_outside,
    slots_of,
    today,
)
from services.matching.proposals.queries import is_busy
from services.matching.proposals.reactions import let_household_go

router = APIRouter(prefix="/households", tags=["households"])
BEYOND = {"region", "partner_id", "programme_id", "contact", "note", "only_female_mentor", "barrier_free", "members"}


# Not "none": who asks for no level at all accepts an interpreter.
Level = Literal["literacy", "A1", "A2", "B1", "B2", "C1", "C2"]


class ClosedReason(StrEnum):
    """Why a household is looked for no longer."""

    MOVED = "moved"
    HELPED_ELSEWHERE = "helped_elsewhere"
    NOT_WANTED = "not_wanted"
    LOST_CONTACT = "lost_contact"
    OTHER = "other"


class MemberIn(Body):
    """One person of a household: as coarse as matching needs it, nobody is named."""

    age_band: AgeBand
    gender: Gender = Gender.NOT_STATED


class HouseholdFields(DescribedIn):
    """What describes a household: who belongs to it, what it needs and wishes, and what must not be."""

    members: list[MemberIn] = Field(min_length=1, max_length=20, examples=[
        [{"age_band": "27-44", "gender": "f"}, {"age_band": "6-13", "gender": "m"}]])
    radius_km: int | None = Field(None, ge=0, le=500, description="None: as far as who accompanies them goes.")
    least_level: Level = Field("A2", description="How well both must speak a common language.")
    interpreter: bool = Field(default=False, description="Somebody who interprets is welcome instead.")
    kinds: list[Literal["single", "group"]] = Field(default=[], max_length=2, description="Empty: either.")
    only_female_mentor: bool = False
    barrier_free: bool = Field(default=False, description="They need a home and meetings without steps.")
    must_haves: list[Code] = Field(default=[], max_length=20, examples=[["jobcentre"]])
    wishes: list[Code] = Field(default=[], max_length=20, examples=[["school", "childcare"]])
    vetoed_units: list[UUID] = Field(default=[], max_length=50, description="Mentors and groups they do not want.")
    vetoed_persons: list[UUID] = Field(default=[], max_length=50)
    vetoed_partners: list[UUID] = Field(default=[], max_length=50)
    urgency: int = Field(0, ge=0, le=3)
    arrived_on: Day | None = None
    note: Paragraph | None = Field(None, description="Sealed; never part of a score, a fact or an export.")


class HouseholdIn(HouseholdFields):
    """A household that somebody is to accompany, and the person to turn to."""

    region: LocalAgs = Field(examples=["15087"])
    partner_id: UUID | None = Field(None, description="A counsellor's own partner unless named.")
    programme_id: UUID
    contact: ContactIn


class ClosingIn(Body):
    """Why nobody is looked for any longer."""

    reason: ClosedReason


class HouseholdOut(BaseModel):
    """A household in a list: no name, and not what it wishes."""

    id: UUID
    version: int
    region: str
    partner_id: UUID | None
    programme_id: UUID
    state: HouseholdState
    persons: int
    children: int
    languages: dict[str, Cefr]
    consented_on: date | None
    waiting_since: datetime | None
    closed_reason: str | None

    @classmethod
    def of(cls, household: Household) -> "HouseholdOut":
        """The answer's form of a household."""
        return cls(**household.model_dump() | shape_of(household.members))


class HouseholdDetail(HouseholdOut):
    """A household with what matching computes with, and the counsellor's note; still without names."""

    person_ref: UUID
    members: list[dict[str, str]]
    slots: list[str]
    radius_km: int | None
    postcode: str | None
    least_level: Cefr
    interpreter: bool
    kinds: list[str]
    only_female_mentor: bool
    must_haves: list[str]
    wishes: list[str]
    interests: list[str]
    vetoed_units: list[UUID]
    vetoed_persons: list[UUID]
    vetoed_partners: list[UUID]
    urgency: int
    arrived_on: date | None
    note: str | None


@router.post("", status_code=201)
async def register_household(
    body: HouseholdIn, transaction: Transaction, once: Creation, response: Response,
) -> HouseholdDetail:
    """A counsellor, or the coordinator, registers a household."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, Household, once.id), response)
    partner_id = _partner(transaction, body.partner_id)
    refuse_outside(transaction.caller.scope, body.region, partner_id)
    await rules_or_refuse(transaction, body.programme_id, today(transaction.clock.now()))
    household = Household(
        id=once.id, region=body.region, partner_id=partner_id, programme_id=body.programme_id,
        registered_by=transaction.caller.principal,
        person_ref=await met(transaction, body.contact, region=body.region, partner_id=partner_id))
    await _describe(transaction, household, body)
    transaction.add(household)
    return await _told(transaction, household, response)


@router.get("")
async def list_households(
    transaction: Transaction, paging: PageOf, region: Ags | None = None, programme_id: UUID | None = None,
    state: HouseholdState | None = None,
) -> Page[HouseholdOut]:
    """The households inside the caller's scope, oldest first: a counsellor sees those of the own partner."""
    query = select(Household).where(inside(Household, transaction.caller.scope))
    for given, condition in (
        (region, col(Household.region).startswith(region or "")), (state, col(Household.state) == state),
        (programme_id, col(Household.programme_id) == programme_id),
    ):
        query = query.where(condition) if given is not None else query
    rows, following = await page(transaction, query, paging, col(Household.id))
    return Page(items=[HouseholdOut.of(row) for row in rows], next=following)


@router.get("/{household_id}")
async def read_household(household_id: UUID, transaction: Transaction, response: Response) -> HouseholdDetail:
    """One household, without names. Reading it is noted in the audit."""
    household = await get_or_refuse(transaction, Household, household_id)
    await audited(transaction, "read", f"household/{household.id}", household.person_ref)
    return await _shown(transaction, household, response)


@router.get("/{household_id}/contact")
async def read_household_contact(household_id: UUID, transaction: Transaction, response: Response) -> ContactOut:
    """Whom to turn to in the household, and how to reach them. Reading it is noted in the audit."""
    household = await get_or_refuse(transaction, Household, household_id)
    tag(response, household.version)
    return await contact_out(transaction, household.person_ref, f"household/{household.id}")


@router.put("/{household_id}")
async def change_household(
    household_id: UUID, body: HouseholdFields, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """What the household says of itself has changed; the next run computes with it."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.refuse_closed()
    await _describe(transaction, household, body)
    return await _told(transaction, household, response)


@router.put("/{household_id}/contact")
async def change_household_contact(
    household_id: UUID, body: ContactIn, transaction: Transaction, expected: Expected, response: Response,
) -> ContactOut:
    """The contact person's name or addresses have changed."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    await contact_changed(transaction, household, body)
    tag(response, household.version)
    return await contact_out(transaction, household.person_ref, f"household/{household.id}")


@router.post("/{household_id}/interview")
async def interview_household(
    household_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """Somebody has talked with them about what they need and wish."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.interview()
    return await _told(transaction, household, response)


@router.post("/{household_id}/consent")
async def note_consent(
    household_id: UUID, body: ConsentIn, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """They have consented to be matched, in this version of the text; without it nobody waits."""
    refuse_future(body.given_on, transaction.clock.now(), "given_on")
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.consent(body.given_on, body.text_version)
    return await _told(transaction, household, response)


@router.post("/{household_id}/wait")
async def await_mentor(
    household_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """From now on runs look for somebody to accompany them; waiting counts from the first time on."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.wait(transaction.clock.now())
    announce(transaction, HouseholdWaiting(
        household_id=household.id, region=household.region, languages=tuple(sorted(household.languages))))
    return await _told(transaction, household, response)


@router.post("/{household_id}/close")
async def close_household(
    household_id: UUID, body: ClosingIn, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """They need or want nobody any more; a proposal that nobody was invited to is dismissed."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    await beyond_scope(transaction)
    household.close(body.reason.value, transaction.clock.now(), busy=await is_busy(transaction, household))
    await let_household_go(transaction, household)
    return await _told(transaction, household, response)


def _partner(transaction: OpenTransaction, named: UUID | None) -> UUID | None:
    """The partner whose case it is: a counsellor's own unless named."""
    partners = transaction.caller.scope.partners
    if named is None and transaction.caller.role is Role.COUNSELLOR and len(partners) == 1:
        return next(iter(partners))
    return named


async def _describe(transaction: OpenTransaction, household: Household, body: HouseholdFields) -> None:
    values: dict[str, Any] = columns_of(body, without=BEYOND)
    must = {*body.must_haves, *({"step_free"} if body.barrier_free else ())}
    household.describe(values | {
        "members": [one.model_dump(mode="json") for one in body.members], "must_haves": sorted(must),
        "contact_genders": FEMALE_ONLY if body.only_female_mentor else [], "arrived_on": body.arrived_on,
        **{name: sorted(getattr(body, name)) for name in ("vetoed_units", "vetoed_persons", "vetoed_partners")},
    })
    household.note = None if body.note is None else await seal(
        transaction, household.person_ref, SEALED_NOTE, Note(text=body.note))


async def _told(transaction: OpenTransaction, household: Household, response: Response) -> HouseholdDetail:
    await audited(transaction, "change", f"household/{household.id}", household.person_ref)
    await transaction.flush()
    return await _shown(transaction, household, response)


async def _shown(transaction: OpenTransaction, household: Household, response: Response) -> HouseholdDetail:
    note = await unseal(transaction, household.person_ref, SEALED_NOTE, household.note, Note)
    tag(response, household.version)
    return HouseholdDetail(**household.model_dump() | shape_of(household.members) | {
        "slots": slots_of(household.slots), "note": note.text if note else None,
        "only_female_mentor": household.contact_genders == FEMALE_ONLY,
    })
