"""The HTTP door of households: register, interview, consent, wait, close; and how to reach them."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.callers import Role
from libs.common.codes.lists import AgeBand
from libs.common.codes.types import Ags
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import HouseholdWaiting
from libs.common.outbox import announce
from libs.common.privacy import seal, unseal
from libs.common.refusals import Invalid
from services.matching.consents.model import Purpose
from services.matching.consents.reactions import Given, consent_given
from services.matching.households.model import (
    FEMALE_ONLY,
    SEALED_NOTE,
    Household,
    HouseholdChange,
    HouseholdChangeKind,
    HouseholdState,
    Note,
    shape_of,
)
from services.matching.households.rules import (
    ClosingIn,
    HouseholdChangeOut,
    HouseholdDetail,
    HouseholdFields,
    HouseholdIn,
    HouseholdOut,
    JoiningIn,
    LeavingIn,
    MemberIn,
)
from services.matching.obstacles.reactions import look_again
from services.matching.prerequisites.queries import rules_or_refuse
from services.matching.profiles.queries import beyond_scope, contact_changed, contact_out, inside, met
from services.matching.profiles.rules import (
    ConsentIn,
    ContactIn,
    ContactOut,
    columns_of,
    refuse_before,
    refuse_future,
    refuse_outside,
    slots_of,
    today,
)
from services.matching.proposals.queries import is_busy
from services.matching.proposals.reactions import let_household_go
from services.matching.self_service.reactions import offered

router = APIRouter(prefix="/households", tags=["households"])
BEYOND = {"region", "partner_id", "programme_id", "contact", "note", "only_female_mentor", "barrier_free", "members"}
# Six years: who was born before belongs to no youngest age band, and who came or left then is not noted now.
LONGEST_AGO = timedelta(days=6 * 365 + 1)


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
    await transaction.flush()
    _note_size(transaction, household, HouseholdChangeKind.REGISTERED, today(transaction.clock.now()))
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
    """What the household says of itself has changed, or is corrected; who joins or leaves has operations of its own.

    Its proposal or tandem is looked at again: what no longer fits is dismissed, or noted as an obstacle.
    """
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.refuse_closed()
    before = len(household.members)
    await _describe(transaction, household, body)
    if len(household.members) != before:
        _note_size(transaction, household, HouseholdChangeKind.CORRECTED, today(transaction.clock.now()))
    await beyond_scope(transaction)
    await look_again(transaction, household)
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


@router.post("/{household_id}/members")
async def join_household(
    household_id: UUID, body: JoiningIn, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """Somebody was born into the household or joins it; its proposal or tandem is looked at again."""
    if body.change == "birth" and body.age_band is not AgeBand.UP_TO_5:
        raise Invalid("birth-age", "Who was born belongs to the youngest age band.", field="age_band")
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.take_in(_member(body))
    return await _resized(transaction, household, body.change, body.on, response)


@router.post("/{household_id}/members/leave")
async def leave_household(
    household_id: UUID, body: LeavingIn, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """Somebody moved out of the household or died; its proposal or tandem is looked at again."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.lose(_member(body))
    return await _resized(transaction, household, body.change, body.on, response)


@router.get("/{household_id}/changes")
async def list_household_changes(
    household_id: UUID, transaction: Transaction, paging: PageOf,
) -> Page[HouseholdChangeOut]:
    """How large the household has been since when, and why, as it was noted. Reading it is noted in the audit."""
    household = await get_or_refuse(transaction, Household, household_id)
    query = select(HouseholdChange).where(HouseholdChange.household_id == household.id)
    rows, following = await page(transaction, query, paging, col(HouseholdChange.id))
    await audited(transaction, "read", f"household/{household.id}", household.person_ref)
    return Page(items=[HouseholdChangeOut.of(row) for row in rows], next=following)


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
    """They have consented to be matched, in this version of the text, and to what else it asks for.

    Without nobody waits. Consents are read, given one by one and taken back under `/consents`.
    """
    refuse_future(body.given_on, transaction.clock.now(), "given_on")
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.consent(body.given_on, body.text_version)
    await beyond_scope(transaction)
    what = Given((Purpose.MATCHING, *map(Purpose, body.besides)), body.given_on, body.text_version, body.language)
    await consent_given(
        transaction, household.person_ref, what, region=household.region, partner_id=household.partner_id)
    return await _told(transaction, household, response)


@router.post("/{household_id}/wait")
async def await_mentor(
    household_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """From now on runs look for somebody to accompany them; waiting counts from the first time on."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    household.wait(transaction.clock.now())
    offered(transaction, household)
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


def _member(body: MemberIn) -> dict[str, str]:
    return {"age_band": body.age_band.value, "gender": body.gender.value}


async def _resized(
    transaction: OpenTransaction, household: Household, change: str, on: date, response: Response,
) -> HouseholdDetail:
    """Another number of persons: it is kept, and what the household has is looked at again."""
    now = transaction.clock.now()
    refuse_future(on, now, "on")
    refuse_before(on, today(now) - LONGEST_AGO, "on")
    _note_size(transaction, household, HouseholdChangeKind(change), on)
    await beyond_scope(transaction)
    await look_again(transaction, household)
    return await _told(transaction, household, response)


def _note_size(transaction: OpenTransaction, household: Household, kind: HouseholdChangeKind, on: date) -> None:
    transaction.add(HouseholdChange(
        household_id=household.id, region=household.region, partner_id=household.partner_id, kind=kind, happened_on=on,
        persons=len(household.members), noted_by=transaction.caller.principal, noted_at=transaction.clock.now()))


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
