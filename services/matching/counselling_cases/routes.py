"""The HTTP door of counselling cases: open, describe, close, reopen; who it is, and what was true on a day."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.codes.lists import AgeBand, CounsellingResult, Gender, WorldRegion
from libs.common.codes.types import Ags, Day
from libs.common.db import OpenTransaction, get_or_refuse, touch
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.matching import CounsellingCaseClosed, CounsellingCaseReopened
from libs.common.privacy import key_of, unseal
from services.matching.counselling_cases.model import (
    SEALED_ORIGIN,
    CaseState,
    CounsellingCase,
    Origin,
    last_closed,
)
from services.matching.counselling_cases.queries import (
    cases_at,
    described,
    opened,
    refuse_second,
    spells_of,
    spells_to_correct,
    tell,
    tell_closing,
)
from services.matching.counselling_cases.reactions import plan_deletion
from services.matching.counselling_cases.rules import (
    CaseClosingCorrectionIn,
    CaseClosingIn,
    CaseFields,
    CaseIn,
    CaseSoughtIn,
)
from services.matching.counselling_contacts.queries import begin_anew, last_contact_of
from services.matching.counselling_statuses.queries import entries_of
from services.matching.counselling_statuses.rules import Attribute, standing
from services.matching.own_data.model import CounselledDataOut
from services.matching.own_data.queries import counselled_data
from services.matching.profiles.queries import beyond_scope, contact_changed, contact_out, inside, taken_back
from services.matching.profiles.rules import ContactIn, ContactOut, TakingBackIn, refuse_future, today
from services.matching.referrals.reactions import end_unsent

router = APIRouter(prefix="/counselling_cases", tags=["counselling_cases"])


class CaseOut(BaseModel):
    """A case in a list: no name, no origin."""

    id: UUID
    version: int
    region: str
    partner_id: UUID
    counsellor: str
    state: CaseState
    opened_on: date
    closed_on: date | None
    result: CounsellingResult | None

    @classmethod
    def of(cls, case: CounsellingCase) -> "CaseOut":
        """The answer's form of a case in a list."""
        return cls.model_validate(case, from_attributes=True)


class SpellOut(BaseModel):
    """From when until when a case was open, and what came of it; None: it is."""

    opened_on: date
    closed_on: date | None
    result: CounsellingResult | None


class CaseDetail(CaseOut):
    """A case with what describes the person, still without a name; and when it was open, first to last."""

    person_ref: UUID
    languages: list[str]
    gender: Gender
    age_band: AgeBand | None
    origin: str | None
    origin_region: WorldRegion | None
    spells: list[SpellOut]


class StandingOut(BaseModel):
    """What was true of a person on a day, by what is known now; what was never asked is not there.

    is_open: whether their case was open on it.
    """

    as_of: date
    is_open: bool
    statuses: dict[Attribute, str]


@router.post("", status_code=201)
async def open_counselling_case(
    body: CaseIn, transaction: Transaction, once: Creation, response: Response,
) -> CaseDetail:
    """A counsellor, or the coordinator, opens a case; whoever notes a contact can do both in one request."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, CounsellingCase, once.id), response)
    return await _shown(transaction, await opened(transaction, body, case_id=once.id), response)


@router.get("")
async def list_counselling_cases(
    transaction: Transaction, paging: PageOf, region: Ags | None = None, state: CaseState | None = None,
    counsellor: UUID | None = None,
) -> Page[CaseOut]:
    """The cases inside the caller's scope, oldest first: a counsellor sees those of the own partner's team."""
    query = select(CounsellingCase).where(inside(CounsellingCase, transaction.caller.scope))
    for given, condition in (
        (region, col(CounsellingCase.region).startswith(region or "")), (state, col(CounsellingCase.state) == state),
        (counsellor, col(CounsellingCase.counsellor) == str(counsellor)),
    ):
        query = query.where(condition) if given is not None else query
    rows, following = await page(transaction, query, paging, col(CounsellingCase.id))
    return Page(items=[CaseOut.of(row) for row in rows], next=following)


@router.post("/find")
async def find_counselling_cases(body: CaseSoughtIn, transaction: Transaction) -> list[CaseOut]:
    """The cases, open and closed, of whoever has a mail address or telephone number; noted in the audit."""
    return [CaseOut.of(case) for case in await cases_at(transaction, body.address)]


@router.get("/{counselling_case_id}")
async def read_counselling_case(
    counselling_case_id: UUID, transaction: Transaction, response: Response,
) -> CaseDetail:
    """One case, without a name. Reading it is noted in the audit."""
    return await _shown(transaction, await get_or_refuse(transaction, CounsellingCase, counselling_case_id), response)


@router.get("/{counselling_case_id}/person")
async def read_counselled_person(
    counselling_case_id: UUID, transaction: Transaction, response: Response,
) -> ContactOut:
    """Who is counselled, and how to reach them. Reading it is noted in the audit."""
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id)
    tag(response, case.version)
    await beyond_scope(transaction)  # they may have moved since
    return await contact_out(transaction, case.person_ref, f"counselling_case/{case.id}")


@router.get("/{counselling_case_id}/own_data")
async def read_own_data_of_counselled(counselling_case_id: UUID, transaction: Transaction) -> CounselledDataOut:
    """All that is stored about who is counselled, in one answer that is handed to them (Art. 15 GDPR).

    Their name and addresses, cases, contacts with their notes, statuses, referrals and consents, inside the caller's
    scope. Reading it is noted in the audit.
    """
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id)
    return await counselled_data(transaction, case)


@router.get("/{counselling_case_id}/standing")
async def read_standing(
    counselling_case_id: UUID, transaction: Transaction,
    as_of: Annotated[Day | None, Query(description="Today unless given.")] = None,
) -> StandingOut:
    """What was true of the person on a day, by what is known now, and whether their case was open.

    Reading it is noted in the audit.
    """
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id)
    await audited(transaction, "read", f"counselling_case/{case.id}", case.person_ref)
    day = as_of or today(transaction.clock.now())
    is_open = any(spell.holds(day) for spell in await spells_of(transaction, case.id))
    return StandingOut(as_of=day, is_open=is_open, statuses=standing(await entries_of(transaction, case.id), day))


@router.put("/{counselling_case_id}")
async def change_counselling_case(
    counselling_case_id: UUID, body: CaseFields, transaction: Transaction, expected: Expected, response: Response,
) -> CaseDetail:
    """What is known of the person has changed, another counsellor answers for the case, or its day was wrong."""
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id, version=expected, lock=True)
    case.refuse_beginning((await spells_of(transaction, case.id))[0], body.opened_on)
    await described(transaction, case, body)
    await begin_anew(transaction, case)
    return await _told(transaction, case, response)


@router.put("/{counselling_case_id}/person")
async def change_counselled_person(
    counselling_case_id: UUID, body: ContactIn, transaction: Transaction, expected: Expected, response: Response,
) -> ContactOut:
    """The person's name or addresses have changed."""
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id, version=expected, lock=True)
    await contact_changed(transaction, case, body)
    tag(response, case.version)
    return await contact_out(transaction, case.person_ref, f"counselling_case/{case.id}")


@router.post("/{counselling_case_id}/close")
async def close_counselling_case(
    counselling_case_id: UUID, body: CaseClosingIn, transaction: Transaction, expected: Expected, response: Response,
) -> CaseDetail:
    """Counselling has ended; what was not sent on ends with it, and three years later its notes are deleted."""
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id, version=expected, lock=True)
    now = transaction.clock.now()
    closed_on = body.closed_on or today(now)
    refuse_future(closed_on, now, "closed_on")
    spell = (await spells_of(transaction, case.id))[-1]
    case.close(spell, body.result, closed_on, last_contact=await last_contact_of(transaction, case.id))
    await end_unsent(transaction, case)
    await plan_deletion(transaction, case)
    tell(transaction, CounsellingCaseClosed, case, closed_on, spell)
    return await _told(transaction, case, response)


@router.put("/{counselling_case_id}/closing")
async def correct_case_closing(
    counselling_case_id: UUID, body: CaseClosingCorrectionIn, transaction: Transaction, expected: Expected,
    response: Response,
) -> CaseDetail:
    """The day or the result of the last closing was wrong, whether or not they have come again; what is right is told.

    Figures of the past follow it, as they follow the correction of a contact.
    """
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id, version=expected, lock=True)
    refuse_future(body.closed_on or date.min, transaction.clock.now(), "closed_on")
    spells = await spells_to_correct(transaction, case)
    told = last_closed(spells).closed_on
    last = await last_contact_of(transaction, case.id, until=told)
    case.correct_closing(spells, body.result, body.closed_on, last_contact=last)
    touch(case)  # of one that is open again only a spell changes
    await begin_anew(transaction, case)
    await plan_deletion(transaction, case)
    tell_closing(transaction, case, last_closed(spells), told=told)
    return await _told(transaction, case, response)


@router.post("/{counselling_case_id}/closing/withdraw")
async def withdraw_case_closing(
    counselling_case_id: UUID, body: TakingBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> CaseDetail:
    """The last closing was a mistake: the case is open as if it had not been, whenever that was; why is in the audit.

    Who came again after it did not: both times are one. What was not sent and ended with it is proposed anew.
    """
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id, version=expected, lock=True)
    spells = await spells_to_correct(transaction, case)
    if not case.is_open:
        await refuse_second(transaction, case.person_ref, case.partner_id)
    elif last_closed(spells) is not spells[-1]:
        await transaction.delete(spells[-1])
        await transaction.flush()  # a case has one open spell, at any moment
    spell = case.withdraw_closing(spells)
    touch(case)
    await begin_anew(transaction, case)
    await plan_deletion(transaction, case)
    tell(transaction, CounsellingCaseReopened, case, today(transaction.clock.now()), spell)
    await taken_back(transaction, f"counselling_case/{case.id}/closing", body.reason, case.person_ref)
    return await _told(transaction, case, response)


@router.post("/{counselling_case_id}/reopen")
async def reopen_counselling_case(
    counselling_case_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> CaseDetail:
    """They have come again; what was noted before is kept on, and what was counted of the time before it.

    On the day on which it was closed it is open as if it had not been.
    """
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id, version=expected, lock=True)
    day = today(transaction.clock.now())
    spell = case.reopen((await spells_of(transaction, case.id))[-1], day)
    transaction.add(spell)
    await key_of(transaction, case.person_ref)
    await refuse_second(transaction, case.person_ref, case.partner_id)
    await plan_deletion(transaction, case)
    tell(transaction, CounsellingCaseReopened, case, day, spell)
    return await _told(transaction, case, response)


async def _told(transaction: OpenTransaction, case: CounsellingCase, response: Response) -> CaseDetail:
    await audited(transaction, "change", f"counselling_case/{case.id}", case.person_ref)
    await transaction.flush()
    return await _shown(transaction, case, response)


async def _shown(transaction: OpenTransaction, case: CounsellingCase, response: Response) -> CaseDetail:
    origin = await unseal(transaction, case.person_ref, SEALED_ORIGIN, case.origin, Origin)
    await audited(transaction, "read", f"counselling_case/{case.id}", case.person_ref)
    tag(response, case.version)
    await transaction.flush()
    spells = [SpellOut.model_validate(one, from_attributes=True) for one in await spells_of(transaction, case.id)]
    return CaseDetail(**case.model_dump() | {"origin": origin.country if origin else None, "spells": spells})
