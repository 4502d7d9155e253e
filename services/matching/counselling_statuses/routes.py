"""The HTTP door of counselling statuses: enter one, correct one by another, read a case's history."""

from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.bodies import Body
from libs.common.codes.types import Day
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from libs.common.refusals import Invalid, Refused
from services.matching.counselling_cases.model import CounsellingCase
from services.matching.counselling_cases.queries import case_to_change
from services.matching.counselling_statuses.model import CounsellingStatus
from services.matching.counselling_statuses.rules import Attribute, refuse_value
from services.matching.profiles.rules import refuse_future

router = APIRouter(prefix="/counselling_statuses", tags=["counselling_statuses"])


class StatusIn(Body):
    """Since when something is true of a person; or what an earlier entry should have said."""

    counselling_case_id: UUID
    attribute: Attribute = Attribute.RESIDENCE_STATUS
    value: str | None = Field(
        None, max_length=40, examples=["subsidiary"], description="A code of the attribute's list; None: takes back.")
    valid_from: Day = Field(description="The first day on which it was so.")
    corrects: UUID | None = Field(None, description="The entry of this attribute that is wrong.")


class StatusOut(BaseModel):
    """An entry of a history; one that another corrects holds no longer."""

    id: UUID
    counselling_case_id: UUID
    attribute: Attribute
    value: str | None
    valid_from: date
    corrects: UUID | None
    entered_by: str
    entered_at: datetime

    @classmethod
    def of(cls, status: CounsellingStatus) -> "StatusOut":
        """The answer's form of an entry."""
        return cls.model_validate(status, from_attributes=True)


@router.post("", status_code=201)
async def enter_status(body: StatusIn, transaction: Transaction, once: Creation) -> StatusOut:
    """Something became known of a person's situation, also later than it came true; nothing is ever overwritten."""
    if once.repeated:
        return StatusOut.of(await get_or_refuse(transaction, CounsellingStatus, once.id))
    now = transaction.clock.now()
    refuse_value(body.attribute, body.value, correcting=body.corrects is not None)
    refuse_future(body.valid_from, now, "valid_from")
    case = await case_to_change(transaction, body.counselling_case_id)
    await _refuse_correction(transaction, body)
    status = CounsellingStatus(
        id=once.id, region=case.region, partner_id=case.partner_id, entered_by=transaction.caller.principal,
        entered_at=now, **body.model_dump())
    transaction.add(status)
    await audited(transaction, "change", f"counselling_case/{case.id}", case.person_ref)
    await transaction.flush()
    return StatusOut.of(status)


@router.get("")
async def list_statuses(
    counselling_case_id: UUID, transaction: Transaction, paging: PageOf, attribute: Attribute | None = None,
) -> Page[StatusOut]:
    """How a person's situation developed: all entries of a case by the day from which they hold. Noted in the audit."""
    case = await get_or_refuse(transaction, CounsellingCase, counselling_case_id)
    query = select(CounsellingStatus).where(CounsellingStatus.counselling_case_id == case.id)
    query = query.where(col(CounsellingStatus.attribute) == attribute) if attribute else query
    await audited(transaction, "read", f"counselling_case/{case.id}", case.person_ref)
    rows, following = await page(
        transaction, query, paging, col(CounsellingStatus.valid_from), col(CounsellingStatus.id))
    return Page(items=[StatusOut.of(row) for row in rows], next=following)


async def _refuse_correction(transaction: OpenTransaction, body: StatusIn) -> None:
    """What is corrected is an entry of the same case and attribute that nobody has corrected yet."""
    if body.corrects is None:
        return
    wrong = await transaction.get(CounsellingStatus, body.corrects)
    if (wrong is None or wrong.counselling_case_id != body.counselling_case_id
            or wrong.attribute is not body.attribute):
        raise Invalid("status-unknown", "There is no such entry of this case to correct.", field="corrects")
    if await transaction.scalar(select(CounsellingStatus.id).where(CounsellingStatus.corrects == wrong.id)):
        raise Refused("status-corrected", "This entry has been corrected already; correct the later one.")
