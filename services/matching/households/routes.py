"""The HTTP door of households: register, interview, consent, wait, close; and how to reach them."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.callers import Role
from libs.common.codes.lists import AgeBand
from libs.common.codes.types import Ags
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import HouseholdWaiting
from libs.common.outbox import announce
from libs.common.privacy import unseal
from libs.common.refusals import Invalid
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
from services.matching.households.reactions import agreed, closed, contact_replaced, described, size_noted
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
    ReplacedOut,
    ReplacingIn,
)
from services.matching.obstacles.reactions import look_again
from services.matching.prerequisites.queries import rules_or_refuse
from services.matching.profiles.queries import beyond_scope, contact_changed, contact_out, inside, met
from services.matching.profiles.rules import (
    ConsentIn,
    ContactIn,
    ContactOut,
    refuse_before,
    refuse_future,
    refuse_outside,
    slots_of,
    today,
)
from services.matching.self_service.reactions import offered

router = APIRouter(prefix="/households", tags=["households"])
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
    await described(transaction, household, body)
    transaction.add(household)
    await transaction.flush()
    size_noted(transaction, household, HouseholdChangeKind.REGISTERED, today(transaction.clock.now()))
    return await told(transaction, household, response)


@router.get("")
async def list_households(
    transaction: Transaction, paging: PageOf, region: Ags | None = None, programme_id: UUID | None = None,
    state: HouseholdState | None = None,
    paused: Annotated[bool, Query(description="Those that pause, in whatever state.")] = False,  # noqa: FBT002
) -> Page[HouseholdOut]:
    """The households inside the caller's scope, oldest first: a counsellor sees those of the own partner."""
    query = select(Household).where(inside(Household, transaction.caller.scope))
    for given, condition in (
        (region, col(Household.region).startswith(region or "")), (state, col(Household.state) == state),
        (programme_id, col(Household.programme_id) == programme_id),
        (paused or None, col(Household.paused_on).is_not(None)),
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
    await described(transaction, household, body)
    if len(household.members) != before:
        size_noted(transaction, household, HouseholdChangeKind.CORRECTED, today(transaction.clock.now()))
    await beyond_scope(transaction)
    await look_again(transaction, household)
    return await told(transaction, household, response)


@router.put("/{household_id}/contact")
async def change_household_contact(
    household_id: UUID, body: ContactIn, transaction: Transaction, expected: Expected, response: Response,
) -> ContactOut:
    """The contact person's name or addresses have changed, or are corrected: of the same person, who stays the contact.

    When another person becomes the contact, that is `…/contact/replace`: nothing of the former is theirs.
    """
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    await contact_changed(transaction, household, body)
    tag(response, household.version)
    return await contact_out(transaction, household.person_ref, f"household/{household.id}")


@router.post("/{household_id}/contact/replace")
async def replace_household_contact(
    household_id: UUID, body: ReplacingIn, transaction: Transaction, expected: Expected, response: Response,
) -> ReplacedOut:
    """Another person is the household's contact from now on, under a person_ref and with consents of their own.

    What belongs to the household stays. Consents, concerns, notes of check-ins and data of the former contact stay
    theirs alone until they are erased, by their person_ref; no link of theirs holds but that to own data. The note goes
    unless it is given anew. The new contact is sent what the household has not answered yet. Who moved out is noted
    by itself.
    """
    if body.consent:
        refuse_future(body.consent.given_on, transaction.clock.now(), "given_on")
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    former = household.person_ref
    await beyond_scope(transaction)
    await contact_replaced(transaction, household, body)
    tag(response, household.version)
    contact = await contact_out(transaction, household.person_ref, f"household/{household.id}")
    return ReplacedOut(**contact.model_dump(), former_person_ref=former)


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
    return await told(transaction, household, response)


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
    await agreed(transaction, household, body)
    return await told(transaction, household, response)


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
    return await told(transaction, household, response)


@router.post("/{household_id}/close")
async def close_household(
    household_id: UUID, body: ClosingIn, transaction: Transaction, expected: Expected, response: Response,
) -> HouseholdDetail:
    """They need or want nobody any more; a proposal that nobody was invited to is dismissed."""
    household = await get_or_refuse(transaction, Household, household_id, version=expected, lock=True)
    await closed(transaction, household, body.reason.value)
    return await told(transaction, household, response)


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
    size_noted(transaction, household, HouseholdChangeKind(change), on)
    await beyond_scope(transaction)
    await look_again(transaction, household)
    return await told(transaction, household, response)


async def told(transaction: OpenTransaction, household: Household, response: Response) -> HouseholdDetail:
    """A household that was changed is audited, and answered as it is now."""
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
