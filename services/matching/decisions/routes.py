"""The HTTP door of decisions: who decided what, for those who decide and those who look after it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.audit import audited
from libs.common.callers import Role
from libs.common.codes.types import Day
from libs.common.db import OpenTransaction
from libs.common.dependencies import Page, PageOf, Transaction, page
from libs.common.privacy import load_keys
from services.matching.decisions.model import SEALED_NOTE, Decided, Decision, DecisionAbout
from services.matching.decisions.queries import opened_about
from services.matching.profiles.queries import inside
from services.matching.profiles.rules import begin_of

router = APIRouter(prefix="/decisions", tags=["decisions"])


class DecisionOut(BaseModel):
    """Who decided what, when and why; no name."""

    id: UUID
    region: str
    about: DecisionAbout
    about_id: UUID
    what: Decided
    subject: str = Field(description="The line of a group's checklist, as `rule` there, or who left it; else empty.")
    reason: str | None = Field(description="A code, where there is a list of reasons.")
    why: str | None = Field(
        description="In words, for coordinators alone; none once somebody whom they may tell of was erased.")
    decided_by: str
    decided_at: datetime


@router.get("")
async def list_decisions(
    transaction: Transaction, paging: PageOf, about_id: UUID | None = None, what: Decided | None = None,
    since: Annotated[Day | None, Query(description="The first day.")] = None,
) -> Page[DecisionOut]:
    """The decisions inside the caller's scope about mentors, groups, households and tandems, the first first.

    Those about proposals stand in `GET /v1/runs/{id}/decisions.csv` and `GET /v1/options/decisions.csv`. Reading words
    is noted in the audit.
    """
    query = select(Decision).where(inside(Decision, transaction.caller.scope))
    query = query.where(Decision.about_id == about_id) if about_id else query
    query = query.where(Decision.what == what) if what else query
    query = query.where(col(Decision.decided_at) >= begin_of(since)) if since else query
    rows, following = await page(transaction, query, paging, col(Decision.id))
    with_words = transaction.caller.role is Role.COORDINATOR
    await load_keys(transaction, [row.note_ref for row in rows if with_words and row.note_ref])
    return Page(items=[await _told(transaction, row, with_words=with_words) for row in rows], next=following)


async def _told(transaction: OpenTransaction, row: Decision, *, with_words: bool) -> DecisionOut:
    why = None
    if with_words and row.note is not None:
        why = await opened_about(transaction, SEALED_NOTE, row.id, row.note_ref, row.note)
        await audited(transaction, "read", f"{row.about.value}/{row.about_id}", row.note_ref)
    return DecisionOut(**row.model_dump() | {"why": why})
